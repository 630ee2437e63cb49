from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from bridge.core import deadlines
from bridge.core.commands import CloseClient
from bridge.core.events import (
    AttemptFailed,
    ClientText,
    CreateSession,
    Drain,
    EndSession,
    Ping,
    RestartSession,
    Tick,
    UpstreamEvent,
)
from bridge.core.session import Session
from bridge.core.settings import CoreSettings
from bridge.core.states import Phase
from tests.core.builders import (
    REFUSED_KEY,
    SESSION_OPTIONS,
    UNAVAILABLE,
    audio,
    audio_delta,
    configured_with_vad,
    created,
    lost,
    messages,
    native,
    new_session,
    of_type,
    play,
    ready_session,
    response_created,
    response_done,
)

if TYPE_CHECKING:
    from types import FrameType

    from bridge.core.events import Event


def test_a_session_that_waits_for_nothing_has_no_deadline() -> None:
    assert new_session().deadline is None
    assert ready_session().deadline is None


def test_the_earliest_deadline_counts() -> None:
    session = new_session()
    play(session, audio(20), ClientText("a"))
    assert session.deadline == 2.0
    play(session, CreateSession(SESSION_OPTIONS), now=1.0)
    assert session.deadline == 2.0
    play(session, Tick(), now=2.0)
    assert session.deadline == 11.0


def test_what_is_due_is_done_at_its_deadline_and_only_once() -> None:
    for prepare in (
        [audio(20)],
        [ClientText("a"), ClientText("b")],
        [CreateSession(SESSION_OPTIONS)],
        [CreateSession(SESSION_OPTIONS), AttemptFailed(1, UNAVAILABLE)],
        [CreateSession(SESSION_OPTIONS), created(), Drain(5.0), audio(20)],
    ):
        session = new_session()
        play(session, *prepare)
        for _ in range(100):
            deadline = session.deadline
            if deadline is None:
                break
            play(session, Tick(), now=deadline)
            assert session.deadline is None or session.deadline > deadline
        assert session.deadline is None


def test_a_late_tick_does_everything_that_was_due() -> None:
    session = new_session()
    play(session, audio(20), ClientText("a"))
    commands = play(session, Tick(), now=100.0)
    assert len(messages(commands, "error")) == 1
    assert len(messages(commands, "audio_dropped")) == 1


def test_other_events_do_what_is_due_as_well() -> None:
    session = ready_session()
    play(session, ClientText("hi"))
    assert messages(play(session, audio(20), now=15.0), "reconnecting")


def test_time_never_goes_backwards() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), now=10.0)
    play(session, AttemptFailed(1, UNAVAILABLE), now=5.0)
    assert session.deadline == 10.5


@pytest.mark.parametrize("jitter", [0.0, 0.999])
def test_an_attempt_without_a_wait_begins_at_once(jitter: float) -> None:
    session = Session(CoreSettings(), rng=lambda: jitter)
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, UNAVAILABLE))
    assert session.statistics().opening is (jitter == 0.0)
    session = ready_session()
    play(session, RestartSession())
    assert session.statistics().opening


def test_the_stall_is_counted_from_what_was_last_requested_or_received() -> None:
    session = ready_session()
    play(session, ClientText("hi"), now=1.0)
    assert session.deadline == 16.0
    play(session, response_created(), now=5.0)
    assert session.deadline == 20.0
    play(session, audio_delta(), now=9.0)
    play(session, Tick(), now=20.0)
    assert session.deadline == 24.0
    assert messages(play(session, Tick(), now=24.0), "reconnecting")


def lookups(session: Session, event: Event, now: float) -> int:
    """How many functions of `deadlines.py` are called while an event is handled."""
    called = 0

    def count(frame: FrameType, what: str, _: object) -> None:
        nonlocal called
        called += what == "call" and frame.f_code.co_filename == deadlines.__file__

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        session.handle(event, now)
    finally:
        sys.setprofile(before)
    return called


@pytest.mark.parametrize("event", [audio(20), audio_delta(), UpstreamEvent(1, "rate_limits.updated", b"{}")])
def test_no_deadline_is_looked_up_for_what_only_passes_through(event: Event) -> None:
    session = ready_session(expires_at=3600.0)
    play(session, ClientText("hi"), now=1.0)
    assert lookups(session, event, 2.0) == 0
    assert lookups(session, Tick(), 3.0) > 0


@pytest.mark.parametrize("event", [audio(20), audio_delta(1)])
def test_what_only_passes_through_does_what_is_due_as_well(event: Event) -> None:
    session = ready_session(expires_at=3600.0)
    [message] = messages(play(session, event, now=3480.0), "session_expiring")
    assert message["expiresAt"]


def test_a_session_without_an_end_is_never_rolled_over() -> None:
    assert ready_session(expires_at=None).deadline is None


def test_a_rollover_waits_for_a_pause_and_not_for_ever() -> None:
    session = ready_session(expires_at=3600.0)
    assert session.deadline == 3480.0
    play(session, native("input_audio_buffer.speech_started"), now=3470.0)
    assert messages(play(session, Tick(), now=3480.0), "session_expiring")
    assert session.deadline == 3580.0
    assert messages(play(session, Tick(), now=3579.9), "reconnecting") == []
    assert messages(play(session, Tick(), now=3580.0), "reconnecting")


def test_the_event_that_begins_a_pause_begins_the_rollover() -> None:
    session = ready_session(expires_at=3600.0)
    play(session, ClientText("hi"), response_created(), now=3470.0)
    play(session, Tick(), now=3480.0)
    play(session, audio_delta(), now=3481.0)
    assert messages(play(session, response_done(), now=3482.0), "reconnecting")


def test_draining_waits_for_a_pause_and_knows_its_end() -> None:
    session = ready_session()
    play(session, response_created(), Drain(0.7))
    assert session.deadline == 0.7
    assert play(session, response_done(), now=0.5)[-1] == CloseClient(1001, "draining")


@pytest.mark.parametrize(("event", "waits"), [(ClientText("hi"), True), (Ping(), False)])
def test_a_drain_while_reconnecting_waits_for_an_answer_that_can_still_be_given(event: Event, waits: bool) -> None:
    session = ready_session()
    play(session, event, lost())
    commands = play(session, Drain(5.0))
    assert (not of_type(CloseClient, commands)) == waits
    if waits:
        play(session, Tick(), created(2), configured_with_vad(2), response_created("r", 2), now=1.0)
        assert of_type(CloseClient, play(session, response_done("r", 2), now=2.0))


def test_a_drain_while_reconnecting_waits_for_a_sentence_that_the_loss_interrupted() -> None:
    session = ready_session()
    play(session, audio(100), native("input_audio_buffer.speech_started", audio_start_ms=0), lost())
    assert of_type(CloseClient, play(session, Drain(5.0))) == []
    assert of_type(CloseClient, play(session, Tick(), now=5.0))


def test_a_drain_while_reconnecting_does_not_wait_for_an_answer_that_is_lost() -> None:
    session = ready_session()
    play(session, ClientText("hi"), response_created(), audio_delta(), lost())
    assert of_type(CloseClient, play(session, Drain(5.0)))


def test_no_attempt_begins_behind_a_close() -> None:
    session = ready_session()
    play(session, lost(), audio(20), Drain(0.25))
    commands = play(session, Tick(), now=0.25)
    assert type(commands[-1]).__name__ == "CloseClient"
    assert session.deadline is None


def unused_session() -> Session:
    session = Session(CoreSettings(no_session_seconds=60.0), rng=lambda: 0.0)
    play(session, Tick(), now=100.0)
    return session


def test_a_client_that_asks_for_no_session_is_closed_whatever_else_it_says() -> None:
    session = unused_session()
    assert session.deadline == 160.0
    play(session, Ping(), EndSession(), audio(20), RestartSession(), now=159.9)
    commands = play(session, Tick(), now=160.0)
    assert [one["reason"] for one in messages(commands, "session_closed")] == ["idle"]
    assert commands[-1] == CloseClient(1000, "idle: no session")
    assert session.deadline is None


def test_the_time_without_a_session_counts_anew_after_each_session_and_never_within_one() -> None:
    session = unused_session()
    play(session, CreateSession(SESSION_OPTIONS), created(1), configured_with_vad(1), now=159.0)
    play(session, audio(20), Tick(), now=1000.0)
    assert session.statistics().phase is Phase.READY
    play(session, EndSession(), now=2000.0)
    play(session, EndSession(), now=2050.0)
    assert of_type(CloseClient, play(session, Tick(), now=2059.9)) == []
    assert of_type(CloseClient, play(session, Tick(), now=2060.0))


def test_a_client_whose_session_failed_is_closed_unless_it_tries_again() -> None:
    session = unused_session()
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY), now=110.0)
    assert session.statistics().phase is Phase.FAILED
    assert of_type(CloseClient, play(session, Tick(), now=170.0))
