"""When the upstream has a problem, and for how long."""

from __future__ import annotations

import pytest

from bridge.core.commands import LogEvent
from bridge.server.http.health import MAX_AGE_SECONDS, UpstreamHealth


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failed(health: UpstreamHealth, code: str, times: int = 1, **more: str) -> None:
    for _ in range(times):
        health.on_log_event("c", LogEvent("attempt.failed", {"code": code, **more}))


def test_there_is_no_problem_without_attempts() -> None:
    assert UpstreamHealth(Clock()).upstream_problem() is None


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
def test_three_failures_in_a_row_are_a_problem(code: str) -> None:
    health = UpstreamHealth(Clock())
    failed(health, code, 2)
    assert health.upstream_problem() is None
    failed(health, code)
    assert health.upstream_problem() == code


@pytest.mark.parametrize("name", ["session.ready", "session.reconnected"])
def test_one_success_ends_the_problem(name: str) -> None:
    health = UpstreamHealth(Clock())
    failed(health, "UPSTREAM_UNAVAILABLE", 3)
    health.on_log_event("c", LogEvent(name, {}))
    assert health.upstream_problem() is None
    failed(health, "UPSTREAM_UNAVAILABLE", 2)
    assert health.upstream_problem() is None


def test_a_clients_own_mistake_is_not_a_problem_of_the_upstream() -> None:
    health = UpstreamHealth(Clock())
    failed(health, "MODEL_NOT_AVAILABLE", 5)
    health.on_log_event("c", LogEvent("session.lost", {"code": "UPSTREAM_UNAVAILABLE"}))
    assert health.upstream_problem() is None


def test_failures_expire() -> None:
    clock = Clock()
    health = UpstreamHealth(clock)
    failed(health, "UPSTREAM_UNAVAILABLE", 3)
    clock.now = MAX_AGE_SECONDS
    assert health.upstream_problem() == "UPSTREAM_UNAVAILABLE"
    clock.now = MAX_AGE_SECONDS + 1
    assert health.upstream_problem() is None
    failed(health, "UPSTREAM_UNAVAILABLE")
    assert health.upstream_problem() is None


def test_several_workers_are_judged_together() -> None:
    clock = Clock()
    one, two = UpstreamHealth(clock), UpstreamHealth(clock)
    for health in (one, two, one):
        clock.now += 1
        failed(health, "QUOTA_EXHAUSTED")
    everybodys = two.outcomes + one.outcomes
    assert (one.upstream_problem(), two.upstream_problem()) == (None, None)
    assert one.upstream_problem(everybodys) == two.upstream_problem(everybodys) == "QUOTA_EXHAUSTED"
    clock.now += 1
    two.on_log_event("c", LogEvent("session.ready", {}))
    assert one.upstream_problem(two.outcomes + one.outcomes) is None


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("UPSTREAM_UNAVAILABLE", None),
        ("ACCESS_DENIED", None),
        ("CONNECTION_LOST", None),
        ("AUTHENTICATION_FAILED", "AUTHENTICATION_FAILED"),
        ("QUOTA_EXHAUSTED", "QUOTA_EXHAUSTED"),
    ],
)
def test_a_model_that_a_client_names_is_its_own_choice_however_it_is_refused(code: str, problem: str | None) -> None:
    health = UpstreamHealth(Clock(), "configured")
    failed(health, code, 5, requestedModel="made-up")
    assert health.upstream_problem() == problem


def test_failures_with_the_configured_model_and_with_one_that_worked_count() -> None:
    for model in ("configured", "another"):
        health = UpstreamHealth(Clock(), "configured")
        health.on_log_event("c", LogEvent("session.ready", {"requestedModel": "another"}))
        failed(health, "UPSTREAM_UNAVAILABLE", 3, requestedModel=model)
        assert health.upstream_problem() == "UPSTREAM_UNAVAILABLE"
