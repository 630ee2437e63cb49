"""What the journal records, and its limits."""

from __future__ import annotations

from bridge.simulator.service.journal import (
    MAX_EVENTS,
    MAX_FULL_RECORDS,
    MAX_KEYS,
    MAX_NAMES,
    MAX_OLD_EVENTS,
    MAX_SESSIONS,
    MAX_TENTHS,
    OTHER_NAME,
    Journal,
    SessionRecord,
)
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings
from bridge.transport.http import HttpRequest
from tests.memory import held_bytes


def record(key: str = "sk-1") -> SessionRecord:
    return SessionRecord(
        session_id="sess_1", key=key, scenario="good", dialect="ga", kind="conversation", model="m", opened_at=0.0
    )


def test_events_are_counted_and_remembered_with_their_times() -> None:
    one = record()
    for at in (0.5, 1.5):
        one.record_event("response.create", at)
    assert one.counts == {"response.create": 2}
    assert [(event.at, event.type) for event in one.events] == [(0.5, "response.create"), (1.5, "response.create")]


def test_types_that_are_made_up_are_cut_and_no_more_than_a_few_are_counted_by_name() -> None:
    one = record()
    for number in range(1_000):
        one.record_event(f"{number}-" + "x" * 200_000, 0.0)
    assert MAX_NAMES * 100 < held_bytes(one) < 200_000
    assert len(one.counts) == MAX_NAMES + 1
    assert one.counts[OTHER_NAME] == 1_000 - MAX_NAMES
    assert max(map(len, one.counts)) == 100


def test_older_sessions_keep_few_events_and_their_counts() -> None:
    journal = Journal()
    for _ in range(MAX_FULL_RECORDS + 3):
        one = record()
        journal.add_session(one)
        for at in range(MAX_EVENTS + 10):
            one.record_event("response.create", at)
    sessions = journal.sessions()
    assert [len(one.events) for one in sessions] == [MAX_OLD_EVENTS] * 3 + [MAX_EVENTS] * MAX_FULL_RECORDS
    assert sessions[0].events[-1].at == MAX_EVENTS + 9
    assert sessions[0].counts["response.create"] == MAX_EVENTS + 10


def test_sessions_and_tracer_accounts_are_bounded() -> None:
    journal = Journal()
    for number in range(MAX_SESSIONS + 5):
        journal.add_session(record(f"sk-{number}"))
    assert [one.key for one in journal.sessions()[:1]] == ["sk-5"]
    accounts = [journal.tracer_account(f"sk-{number}") for number in range(MAX_KEYS + 1)]
    assert journal.tracer_account(f"sk-{MAX_KEYS}") is accounts[-1]
    assert journal.tracer_account("sk-0") is not accounts[0]


def test_dials_are_counted_by_the_tenth_of_a_second_for_an_hour() -> None:
    journal = Journal()
    for at in (100.0, 100.04, 100.11):
        journal.record_dial(at)
    assert journal.dials == [(100.0, 2), (100.1, 1)]
    for second in range(3_601):
        for tenth in range(10):
            journal.record_dial(200 + second + tenth / 10 + 0.05)
    assert len(journal.dials) == MAX_TENTHS
    assert journal.dials[-1] == (3800.9, 1)


async def test_methods_and_keys_that_are_made_up_do_not_pile_up() -> None:
    simulator = Simulator(Settings())
    for number in range(50):
        headers = (("authorization", f"Bearer sk-{number}"),)
        path = "/v1/models" + "/" * number
        await simulator.http(HttpRequest(method=f"M{number}", path=path, query={}, target=path, headers=headers))
    assert simulator.journal.requests == {"(other) /v1/models": 50}
    simulator.choose("no-quota")
    for number in range(10_010):
        simulator.choose("good", key=f"sk-{number}")
    assert len(simulator.choices) == 10_000
    assert {"", "sk-10009"} <= simulator.choices.keys()
    assert "sk-0" not in simulator.choices


async def test_how_often_a_key_came_is_forgotten_after_ten_thousand_others() -> None:
    simulator = Simulator(Settings())

    async def ask(key: str) -> None:
        headers = (("authorization", f"Bearer {key}"),)
        await simulator.http(HttpRequest(method="GET", path="/v1/x", query={}, target="/v1/x", headers=headers))

    for number in range(10_050):
        await ask(f"sk-{number}")
    assert len(simulator._attempts) == 10_000
