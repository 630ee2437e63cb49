"""How often one client has upstream sessions opened: some at once, then one a second, whatever it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.commands import Command, OpenUpstream
from bridge.core.events import AttemptFailed, CreateSession, EndSession, Event, RestartSession, Tick
from bridge.core.pacing.opening_rate import OpeningRate
from bridge.core.states import State
from tests.core.builders import MANUAL, REFUSED_KEY, configured, created, messages, new_session, play, ready_session

if TYPE_CHECKING:
    from bridge.core.session import Session


def test_the_first_few_are_opened_at_once_and_the_others_one_a_second() -> None:
    rate = OpeningRate(3, 2.0)
    times: list[float] = []
    for _ in range(6):
        times.append(rate.next_at(times[-1] if times else 10.0))
        rate.opened(times[-1])
    assert times == [10.0, 10.0, 10.0, 12.0, 14.0, 16.0]


@given(st.lists(st.floats(0, 20), max_size=60))
def test_in_any_time_no_more_are_opened_than_at_once_and_one_a_second(asked: list[float]) -> None:
    rate, opened = OpeningRate(5, 1.0), list[float]()
    for at in sorted(asked):
        if rate.next_at(at) <= at:
            rate.opened(at)
            opened.append(at)
    for i, begin in enumerate(opened):
        for n, end in enumerate(opened[i:], 1):
            assert n <= 5 + (end - begin) + 1e-6


def attack(session: Session, seconds: int, *loop: Event) -> list[float]:
    """Repeat some events 50 times a second, and tick when that is wanted; give the times of the openings."""
    opened: list[float] = []

    def handle(event: Event, now: float) -> None:
        done: list[Command] = play(session, event, now=now)
        opened.extend(now for command in done if isinstance(command, OpenUpstream))

    for step in range(seconds * 50):
        now = step / 50
        if session.deadline is not None and session.deadline <= now:
            handle(Tick(), now)
        for event in loop:
            generation = session.statistics().generation
            handle(AttemptFailed(generation, event.failure) if isinstance(event, AttemptFailed) else event, now)
    return opened


@pytest.mark.parametrize(
    "loop", [[CreateSession(MANUAL), EndSession()], [CreateSession(MANUAL), AttemptFailed(0, REFUSED_KEY)]]
)
def test_a_loop_of_creating_opens_one_session_a_second_after_the_first_few(loop: list[Event]) -> None:
    session = new_session()
    assert 5 <= len(attack(session, 10, *loop)) <= 15


def test_a_session_that_is_postponed_is_being_opened_for_the_client() -> None:
    session = new_session(openings_at_once=1)
    play(session, CreateSession(MANUAL), created(), configured(), EndSession())
    assert messages(play(session, CreateSession(MANUAL), now=0.25), "session_initializing") == []
    assert session.statistics().state is State.INIT_WAITING
    assert session.deadline == 1.0
    assert play(session, CreateSession(MANUAL), now=0.5) == []
    [initializing] = messages(play(session, Tick(), now=1.0), "session_initializing")
    assert initializing["attempt"] == 1
    assert session.statistics().state is State.INIT_OPENING


def test_restarts_in_a_loop_wait_and_say_how_long() -> None:
    session = ready_session(MANUAL, vad=False)
    for generation in range(2, 6):
        [told] = messages(play(session, RestartSession()), "reconnecting")
        assert told["delayMs"] == 0
        play(session, created(generation), configured(generation))
    [told] = messages(play(session, RestartSession()), "reconnecting")
    assert told["delayMs"] == 1000
    play(session, RestartSession(), now=0.5)
    assert session.deadline == 1.0
    assert [type(one) for one in play(session, Tick(), now=1.0)] == [OpenUpstream]
