from __future__ import annotations

import pytest

from bridge.core.responses import MAX_QUEUED, ResponseTracker
from tests.core.builders import CREATE


def test_what_makes_a_tracker_busy_and_when_it_ends() -> None:
    responses = ResponseTracker()
    assert not responses.busy
    responses.request_sent(CREATE, 1.0)
    assert responses.busy
    responses.response_created("r", 0, 2.0)
    assert responses.active is not None
    assert (responses.pending_request, responses.active.request, responses.outstanding_since) == (None, CREATE, 2.0)
    assert responses.response_done("another") is None
    assert responses.busy
    done = responses.response_done("r")
    assert done is not None
    assert (done.id, done.answers_up_to) == ("r", 0)
    assert not responses.busy


def test_a_response_is_expected_where_turn_detection_creates_it() -> None:
    responses = ResponseTracker()
    responses.turn_committed(1.0, auto_response=False)
    assert not responses.busy
    responses.turn_committed(1.0, auto_response=True)
    assert responses.auto_response_expected
    responses.response_created("r", 0, 2.0)
    assert not responses.auto_response_expected
    responses.turn_committed(3.0, auto_response=True)
    assert not responses.auto_response_expected


def test_requests_wait_in_order_and_not_without_end() -> None:
    responses = ResponseTracker()
    assert all(responses.enqueue(f"{n}".encode()) for n in range(MAX_QUEUED))
    assert not responses.enqueue(b"one more")
    assert responses.outstanding
    assert responses.pop_next_request() == b"0"
    responses.response_created("r", 0, 0.0)
    assert responses.pop_next_request() is None


@pytest.mark.parametrize("crossed", [False, True])
def test_a_refused_request_waits_before_all_others(crossed: bool) -> None:
    responses = ResponseTracker()
    responses.enqueue(b"later")
    responses.request_sent(b"refused", 0.0)
    if crossed:
        responses.response_created("r", 0, 0.0)
    responses.request_refused()
    assert list(responses.queued) == [b"refused", b"later"]
    assert responses.request_to_repeat() is None


def test_a_refusal_of_nothing_adds_nothing() -> None:
    responses = ResponseTracker()
    responses.response_created("r", 0, 0.0)
    responses.request_refused()
    assert not responses.queued


def test_a_request_without_output_is_the_one_to_repeat() -> None:
    responses = ResponseTracker()
    responses.request_sent(b"ask", 0.0)
    assert responses.request_to_repeat() == b"ask"
    responses.response_created("r", 0, 0.0)
    assert responses.request_to_repeat() == b"ask"
    assert responses.active is not None
    responses.active.reached_client = True
    assert responses.request_to_repeat() is None


def test_a_cancelled_request_is_neither_repeated_nor_queued_again() -> None:
    responses = ResponseTracker()
    responses.request_sent(b"ask", 0.0)
    responses.cancelled = True
    assert responses.request_to_repeat() is None
    responses.request_refused()
    assert not responses.queued
    responses.request_sent(b"next", 0.0)
    assert responses.request_to_repeat() == b"next"


def test_the_items_of_a_response_are_unfinished_until_it_ends_and_the_spoken_one_is_remembered() -> None:
    responses = ResponseTracker()
    responses.response_created("r", 0, 0.0)
    assert responses.active is not None
    responses.active.unfinished_items.add("i1")
    responses.spoken_item = "i1"
    responses.response_done("r")
    responses.response_created("r2", 0, 1.0)
    assert (responses.active.unfinished_items, responses.spoken_item) == (set(), "i1")


@pytest.mark.parametrize("error", [{"event_id": "mine"}, {"event_id": "", "param": "item.id"}, {}])
def test_an_error_about_something_else_leaves_a_request_of_the_core_pending(error: dict[str, str]) -> None:
    responses = ResponseTracker()
    responses.request_sent(CREATE, 0.0)
    assert not responses.request_failed(error)
    assert responses.pending_request == CREATE
