from __future__ import annotations

import itertools

import pytest

from bridge.core.states import NOT_READY_CODES, TRANSITIONS, IllegalTransition, State, Trigger, next_state


@pytest.mark.parametrize("state", State)
def test_every_state_is_listed_and_only_the_last_is_a_dead_end(state: State) -> None:
    assert (TRANSITIONS[state] == {}) == (state is State.CLOSED)


@pytest.mark.parametrize(("state", "move"), list(itertools.product(State, Trigger)))
def test_a_move_leads_where_the_table_says_or_names_itself(state: State, move: Trigger) -> None:
    if move in TRANSITIONS[state]:
        assert next_state(state, move) is TRANSITIONS[state][move]
    else:
        with pytest.raises(IllegalTransition, match=f"{move.name} in {state.name}"):
            next_state(state, move)


def test_the_client_may_leave_and_end_at_any_moment_but_the_last() -> None:
    for state in set(State) - {State.CLOSED}:
        assert next_state(state, Trigger.LEFT) is State.CLOSED
        assert next_state(state, Trigger.ENDED) is State.IDLE


def test_only_a_session_that_was_ready_is_reopened() -> None:
    sources = {state for state, moves in TRANSITIONS.items() if State.RECONNECTING in moves.values()}
    assert sources == {State.READY, State.RECONNECTING}


def test_every_state_is_reached() -> None:
    reached = {State.IDLE} | {state for moves in TRANSITIONS.values() for state in moves.values()}
    assert reached == set(State)


def test_nothing_is_wrong_while_starting_or_ready() -> None:
    assert set(NOT_READY_CODES) == {State.IDLE, State.FAILED, State.RECONNECTING}
