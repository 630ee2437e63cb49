from __future__ import annotations

import pytest

from bridge.core.responses import LOOKED_INTO, MAX_WAITING, OUTPUT, Turns
from tests.core.builders import CREATE


def test_what_makes_a_session_busy_and_when_it_ends() -> None:
    turns = Turns()
    assert not turns.busy
    turns.went_up(CREATE, 1.0)
    assert turns.busy
    turns.began("r", 0, 2.0)
    assert (turns.asked, turns.active_ask, turns.owed_since) == (None, CREATE, 2.0)
    assert turns.ended("another") is False
    assert turns.busy
    assert turns.ended("r") is True
    assert not turns.busy


def test_a_turn_is_expected_to_be_answered_where_turn_detection_does_so() -> None:
    turns = Turns()
    turns.turn_taken(1.0, answers_itself=False)
    assert not turns.busy
    turns.turn_taken(1.0, answers_itself=True)
    assert turns.expected
    turns.began("r", 0, 2.0)
    assert not turns.expected
    turns.turn_taken(3.0, answers_itself=True)
    assert not turns.expected


def test_requests_wait_in_order_and_not_without_end() -> None:
    turns = Turns()
    assert all(turns.wait(f"{n}".encode()) for n in range(MAX_WAITING))
    assert not turns.wait(b"one more")
    assert turns.owed
    assert turns.next_to_ask() == b"0"
    turns.began("r", 0, 0.0)
    assert turns.next_to_ask() is None


@pytest.mark.parametrize("crossed", [False, True])
def test_a_refused_request_waits_before_all_others(crossed: bool) -> None:
    turns = Turns()
    turns.wait(b"later")
    turns.went_up(b"refused", 0.0)
    if crossed:
        turns.began("r", 0, 0.0)
    turns.refused()
    assert list(turns.waiting) == [b"refused", b"later"]
    assert turns.to_ask_again() is None


def test_a_refusal_of_nothing_adds_nothing() -> None:
    turns = Turns()
    turns.began("r", 0, 0.0)
    turns.refused()
    assert not turns.waiting


def test_what_is_asked_again_is_what_went_up_and_was_not_heard() -> None:
    turns = Turns()
    turns.went_up(b"ask", 0.0)
    assert turns.to_ask_again() == b"ask"
    turns.began("r", 0, 0.0)
    assert turns.to_ask_again() == b"ask"
    turns.reached_client = True
    assert turns.to_ask_again() is None


def test_what_the_client_cancelled_is_not_asked_again_nor_put_back() -> None:
    turns = Turns()
    turns.went_up(b"ask", 0.0)
    turns.cancelled = True
    assert turns.to_ask_again() is None
    turns.refused()
    assert not turns.waiting
    turns.went_up(b"next", 0.0)
    assert turns.to_ask_again() == b"next"


def test_the_items_of_a_response_are_unfinished_until_it_ends_and_the_spoken_one_is_remembered() -> None:
    turns = Turns()
    turns.began("r", 0, 0.0)
    turns.unfinished.add("i1")
    turns.spoken_item = "i1"
    turns.ended("r")
    assert (turns.unfinished, turns.spoken_item) == (set(), "i1")


def test_pieces_of_answers_are_never_read() -> None:
    assert not OUTPUT & LOOKED_INTO
