"""Whatever a client does, the simulator keeps the event order, and the order checker detects violations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bridge.protocol.events.fields import missing_fields
from bridge.protocol.ordering.checker import OrderChecker, Violation
from bridge.simulator.faults.actions import TextFrame
from tests.protocol.ordering.mutations import MUTATIONS
from tests.simulator.client_strategies import BREAKING, ORDERLY, SessionPlan, healthy_sessions, run_plan, sessions

if TYPE_CHECKING:
    from tests.simulator.session_harness import SimulatorHarness

#: How many mutants of each rule to try on one session.
MUTANTS = 2
#: If turn detection is switched off without a confirmation, speech ends without an event. What follows looks wrong, but
#: is not.
UNSEEN = frozenset({"committed-other-item", "speech-started-twice"})
UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large]


def emitted(harness: SimulatorHarness) -> tuple[list[dict[str, Any]], bool]:
    """Return the events that reach the client, and whether they are complete: not cut off by a fault or a close."""
    events: list[dict[str, Any]] = []
    for _, action in harness.take_actions():
        if not isinstance(action, TextFrame):
            return events, False
        events.append(msgspec.json.decode(action.data))
    return events, bool(events)


def violations(session: SessionPlan, events: list[dict[str, Any]], *, whole: bool) -> list[Violation]:
    checker = OrderChecker(session.dialect, session.kind)
    found = [violation for entry in events for violation in checker.feed(entry)]
    return found + (checker.finish() if whole else [])


def in_order(session: SessionPlan) -> None:
    events, whole = emitted(run_plan(session))
    for entry in events:
        event(entry["type"])
        assert missing_fields(entry, session.dialect, from_server=True) == frozenset()
    unseen = UNSEEN if session.scenario.name == "not-confirmed" else frozenset()
    assert [found for found in violations(session, events, whole=whole) if found.rule not in unseen] == []


def mutants_rejected(session: SessionPlan, rng: Any) -> None:
    events, whole = emitted(run_plan(session))
    if not whole:
        return
    for rule, mutate in MUTATIONS.items():
        mutants = mutate(events)
        for mutant in rng.sample(mutants, min(MUTANTS, len(mutants))):
            assert violations(session, mutant, whole=True), f"{rule} was broken and nothing was found"


def test_the_scenarios_that_are_left_out_are_those_that_break_order_on_purpose() -> None:
    assert {fault.name for fault in BREAKING} == {"duplicate", "truncate", "garbage", "invalid-utf8"}
    assert len(ORDERLY) > 40


@given(sessions)
@settings(max_examples=3 * settings().max_examples)
def test_every_session_is_in_order_and_every_event_complete(session: SessionPlan) -> None:
    in_order(session)


@given(healthy_sessions, st.randoms(use_true_random=False))
@settings(max_examples=settings().max_examples // 3)
def test_every_mutation_of_a_session_is_rejected(session: SessionPlan, rng: Any) -> None:
    mutants_rejected(session, rng)


@pytest.mark.nightly
@given(sessions)
@settings(max_examples=10_000, suppress_health_check=UNHURRIED)
def test_ten_thousand_sessions_are_in_order(session: SessionPlan) -> None:
    in_order(session)


@pytest.mark.nightly
@given(healthy_sessions, st.randoms(use_true_random=False))
@settings(max_examples=500, suppress_health_check=UNHURRIED)
def test_mutations_of_five_hundred_sessions_are_rejected(session: SessionPlan, rng: Any) -> None:
    mutants_rejected(session, rng)
