from __future__ import annotations

import pytest

from bridge.core.responses import MAX_QUEUED, OUTPUT_EVENTS, PARSED_EVENTS, ResponseTracker
from tests.core.builders import CREATE


def test_what_makes_a_session_busy_and_when_it_ends() -> None:
    turns = ResponseTracker()
    assert not turns.busy
    turns.request_sent(CREATE, 1.0)
    assert turns.busy
    turns.response_created("r", 0, 2.0)
    assert (turns.pending_request, turns.active_request, turns.owed_since) == (None, CREATE, 2.0)
    assert turns.response_done("another") is False
    assert turns.busy
    assert turns.response_done("r") is True
    assert not turns.busy


def test_a_turn_is_expected_to_be_answered_where_turn_detection_does_so() -> None:
    turns = ResponseTracker()
    turns.turn_committed(1.0, auto_response=False)
    assert not turns.busy
    turns.turn_committed(1.0, auto_response=True)
    assert turns.auto_response_expected
    turns.response_created("r", 0, 2.0)
    assert not turns.auto_response_expected
    turns.turn_committed(3.0, auto_response=True)
    assert not turns.auto_response_expected


def test_requests_wait_in_order_and_not_without_end() -> None:
    turns = ResponseTracker()
    assert all(turns.enqueue(f"{n}".encode()) for n in range(MAX_QUEUED))
    assert not turns.enqueue(b"one more")
    assert turns.owed
    assert turns.pop_next_request() == b"0"
    turns.response_created("r", 0, 0.0)
    assert turns.pop_next_request() is None


@pytest.mark.parametrize("crossed", [False, True])
def test_a_refused_request_waits_before_all_others(crossed: bool) -> None:
    turns = ResponseTracker()
    turns.enqueue(b"later")
    turns.request_sent(b"refused", 0.0)
    if crossed:
        turns.response_created("r", 0, 0.0)
    turns.request_refused()
    assert list(turns.queued) == [b"refused", b"later"]
    assert turns.request_to_repeat() is None


def test_a_refusal_of_nothing_adds_nothing() -> None:
    turns = ResponseTracker()
    turns.response_created("r", 0, 0.0)
    turns.request_refused()
    assert not turns.queued


def test_what_is_asked_again_is_what_went_up_and_was_not_heard() -> None:
    turns = ResponseTracker()
    turns.request_sent(b"ask", 0.0)
    assert turns.request_to_repeat() == b"ask"
    turns.response_created("r", 0, 0.0)
    assert turns.request_to_repeat() == b"ask"
    turns.reached_client = True
    assert turns.request_to_repeat() is None


def test_what_the_client_cancelled_is_not_asked_again_nor_put_back() -> None:
    turns = ResponseTracker()
    turns.request_sent(b"ask", 0.0)
    turns.cancelled = True
    assert turns.request_to_repeat() is None
    turns.request_refused()
    assert not turns.queued
    turns.request_sent(b"next", 0.0)
    assert turns.request_to_repeat() == b"next"


def test_the_items_of_a_response_are_unfinished_until_it_ends_and_the_spoken_one_is_remembered() -> None:
    turns = ResponseTracker()
    turns.response_created("r", 0, 0.0)
    turns.unfinished_items.add("i1")
    turns.spoken_item = "i1"
    turns.response_done("r")
    assert (turns.unfinished_items, turns.spoken_item) == (set(), "i1")


def test_pieces_of_answers_are_never_read() -> None:
    assert not OUTPUT_EVENTS & PARSED_EVENTS
