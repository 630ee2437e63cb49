"""The numbered messages of a fallback client: nothing is lost or given twice, and both bounds hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.fallback.event_log import EventLog, UnknownEventError

LIMIT = 40


def test_messages_are_numbered_from_one() -> None:
    log = EventLog()
    assert log.append(b"one")
    assert log.append(b"two")
    assert (log.last, log.acknowledged) == (2, 0)
    assert (log.first_behind(0), log.deliver(0)) == (1, [b"one", b"two"])
    assert (log.first_behind(1), log.deliver(1)) == (2, [b"two"])
    assert log.deliver(2) == []


def test_the_same_question_has_the_same_answer_until_it_is_acknowledged() -> None:
    log = EventLog()
    log.append(b"one")
    assert log.deliver(0) == log.deliver(0) == [b"one"]
    log.acknowledge(1)
    with pytest.raises(UnknownEventError, match="behind 1 to 1"):
        log.deliver(0)


def test_an_event_that_does_not_exist_cannot_be_acknowledged() -> None:
    log = EventLog()
    with pytest.raises(UnknownEventError, match="newest is 0"):
        log.acknowledge(1)
    with pytest.raises(UnknownEventError, match="'after' is 1"):
        log.deliver(1)


def test_what_was_delivered_makes_room() -> None:
    log = EventLog(LIMIT)
    assert log.append(b"x" * LIMIT)
    assert not log.append(b"x")
    log.deliver(0)
    assert log.append(b"x")


def test_a_response_has_no_more_than_may_be_unacknowledged_but_one_in_any_case() -> None:
    log = EventLog(LIMIT)
    for _ in range(3):
        log.append(b"x" * LIMIT)
        log.deliver(log.last - 1)
    assert log.deliver(0) == [b"x" * LIMIT]


def test_behind_a_gap_a_client_gets_what_follows_whatever_it_names() -> None:
    log = EventLog(LIMIT)
    log.append(b"lost")
    log.append(b"lost too")
    assert log.drop() == 12
    log.append(b"why")
    assert (log.first_behind(1), log.deliver(1)) == (3, [b"why"])
    assert log.drop() == 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 25)),
        st.tuples(st.just("poll"), st.integers(0, 12)),
        st.tuples(st.just("acknowledge"), st.integers(0, 12)),
    ),
    max_size=60,
)


@given(steps)
def test_a_client_that_polls_gets_every_message_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    log, undelivered = EventLog(LIMIT), 0
    sent: list[bytes] = []
    got: list[bytes] = []
    for action, number in steps:
        if action == "append":
            message = bytes([len(sent)]) * number
            assert log.append(message) == (undelivered + number <= LIMIT)
            if log.last > len(sent):
                sent.append(message)
                undelivered += number
        elif action == "poll":
            after = max(log.acknowledged, len(got) - number)  # a client whose last responses were lost asks again
            events = log.deliver(after)
            assert events == sent[after : after + len(events)]
            assert events or after == len(sent)
            got = sent[: max(len(got), after + len(events))]
            undelivered = sum(map(len, sent[len(got) :]))
        else:
            log.acknowledge(max(log.acknowledged, len(got) - number))
    assert got == sent[: len(got)]


def test_what_is_held_is_what_the_client_has_not_acknowledged() -> None:
    log = EventLog()
    for _ in range(3):
        log.append(b"x" * 10)
    log.deliver(0)
    assert log.held_bytes == 30
    log.acknowledge(2)
    assert log.held_bytes == 10
    log.drop()
    assert log.held_bytes == 0
