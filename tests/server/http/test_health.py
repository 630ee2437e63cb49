"""When the upstream counts as bad, and for how long."""

from __future__ import annotations

import pytest

from bridge.core.commands import Note
from bridge.server.http.health import SECONDS, Health


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failed(health: Health, code: str, times: int = 1) -> None:
    for _ in range(times):
        health.note("c", Note("attempt.failed", {"code": code}))


def test_nothing_is_wrong_until_something_went_wrong() -> None:
    assert Health(Clock()).trouble() is None


@pytest.mark.parametrize(
    "code",
    [
        "AUTHENTICATION_FAILED",
        "ACCESS_DENIED",
        "DIALECT_REFUSED",
        "QUOTA_EXHAUSTED",
        "UPSTREAM_UNAVAILABLE",
        "CONNECTION_LOST",
    ],
)
def test_three_failures_in_a_row_are_trouble(code: str) -> None:
    health = Health(Clock())
    failed(health, code, 2)
    assert health.trouble() is None
    failed(health, code)
    assert health.trouble() == code


@pytest.mark.parametrize("name", ["session.ready", "session.reconnected"])
def test_one_success_ends_the_trouble(name: str) -> None:
    health = Health(Clock())
    failed(health, "UPSTREAM_UNAVAILABLE", 3)
    health.note("c", Note(name, {}))
    assert health.trouble() is None
    failed(health, "UPSTREAM_UNAVAILABLE", 2)
    assert health.trouble() is None


def test_what_clients_wish_wrongly_is_not_the_upstreams_fault() -> None:
    health = Health(Clock())
    failed(health, "MODEL_NOT_AVAILABLE", 5)
    health.note("c", Note("session.lost", {"code": "UPSTREAM_UNAVAILABLE"}))
    assert health.trouble() is None


def test_the_verdict_ages_or_nobody_would_find_out_that_it_is_over() -> None:
    clock = Clock()
    health = Health(clock)
    failed(health, "UPSTREAM_UNAVAILABLE", 3)
    clock.now = SECONDS
    assert health.trouble() == "UPSTREAM_UNAVAILABLE"
    clock.now = SECONDS + 1
    assert health.trouble() is None
    failed(health, "UPSTREAM_UNAVAILABLE")
    assert health.trouble() is None


def test_several_processes_are_judged_as_one() -> None:
    clock = Clock()
    one, two = Health(clock), Health(clock)
    for health in (one, two, one):
        clock.now += 1
        failed(health, "QUOTA_EXHAUSTED")
    everybodys = two.outcomes + one.outcomes
    assert (one.trouble(), two.trouble()) == (None, None)
    assert one.trouble(everybodys) == two.trouble(everybodys) == "QUOTA_EXHAUSTED"
    clock.now += 1
    two.note("c", Note("session.ready", {}))
    assert one.trouble(two.outcomes + one.outcomes) is None
