from __future__ import annotations

import itertools

import pytest

from bridge.core.states import (
    ATTEMPTING,
    CONFIGURING,
    CONNECTED,
    LIVE,
    NOT_READY_CODES,
    OPENING,
    PHASES,
    TRANSITIONS,
    WAITING,
    IllegalTransition,
    Phase,
    State,
    Trigger,
    next_state,
)


@pytest.mark.parametrize("state", State)
def test_every_state_is_listed_and_only_the_last_is_a_dead_end(state: State) -> None:
    assert (TRANSITIONS[state] == {}) == (state is State.CLOSED)


@pytest.mark.parametrize(("state", "trigger"), list(itertools.product(State, Trigger)))
def test_a_trigger_leads_where_the_table_says_or_names_itself(state: State, trigger: Trigger) -> None:
    if trigger in TRANSITIONS[state]:
        assert next_state(state, trigger) is TRANSITIONS[state][trigger]
    else:
        with pytest.raises(IllegalTransition, match=f"{trigger.name} in {state.name}"):
            next_state(state, trigger)


def test_the_client_may_leave_and_end_at_any_moment_but_the_last() -> None:
    for state in set(State) - {State.CLOSED}:
        assert next_state(state, Trigger.CLIENT_LEFT) is State.CLOSED
        assert next_state(state, Trigger.SESSION_ENDED) is State.IDLE


def test_only_a_session_that_was_ready_is_reopened() -> None:
    reconnecting = {state for state, phase in PHASES.items() if phase is Phase.RECONNECTING}
    sources = {state for state, triggers in TRANSITIONS.items() if reconnecting & set(triggers.values())}
    assert sources == reconnecting | {State.READY}


def test_every_state_is_reached() -> None:
    reached = {State.IDLE} | {state for triggers in TRANSITIONS.values() for state in triggers.values()}
    assert reached == set(State)


def test_every_trigger_is_used() -> None:
    assert {trigger for triggers in TRANSITIONS.values() for trigger in triggers} == set(Trigger)


def test_both_phases_that_open_a_session_go_through_the_same_steps() -> None:
    for step in (OPENING, CONFIGURING, WAITING):
        assert {PHASES[state] for state in step} == {Phase.INITIALIZING, Phase.RECONNECTING}
        assert len(step) == 2
    opening = {state for state, phase in PHASES.items() if phase in (Phase.INITIALIZING, Phase.RECONNECTING)}
    assert opening == ATTEMPTING | WAITING


def test_an_upstream_exists_while_an_attempt_runs_and_while_the_session_is_ready() -> None:
    assert ATTEMPTING & LIVE == CONFIGURING
    assert ATTEMPTING | {State.READY} == CONNECTED
    assert not CONNECTED & WAITING


def test_nothing_is_wrong_while_starting_or_ready() -> None:
    assert set(NOT_READY_CODES) == {Phase.IDLE, Phase.FAILED, Phase.RECONNECTING}
