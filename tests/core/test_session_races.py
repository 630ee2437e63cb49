"""The races that are known to break bridges, each as a list of events. Each has lost words, errors or sockets."""

from __future__ import annotations

import itertools

import pytest

from bridge.core.commands import CloseUpstream, Configure, Forward, OpenUpstream, SendAudio, SendEvent
from bridge.core.events import (
    AttemptFailed,
    BadMessage,
    ClientCommit,
    ClientGone,
    ClientText,
    CreateSession,
    EndSession,
    Event,
    RestartSession,
    SessionConfigured,
    Tick,
    UpstreamEvent,
)
from bridge.core.states import State
from tests.core.builders import (
    CREATE,
    MANUAL,
    REFUSED_KEY,
    SESSION_OPTIONS,
    UNAVAILABLE,
    audio,
    audio_delta,
    configured,
    configured_with_vad,
    created,
    errors,
    lost,
    messages,
    native,
    new_session,
    of_type,
    play,
    ready_session,
    response_created,
    response_done,
    upstream_error,
)
from tests.core.playbook import Playbook, message_like

# Audio before the session is ready


def test_audio_sent_before_anything_else_is_delivered_in_order_when_the_session_is_ready() -> None:
    session = new_session()
    commands = play(session, audio(20, 1), CreateSession(SESSION_OPTIONS), audio(20, 2), created(), audio(20, 3))
    assert of_type(SendAudio, commands) == []
    assert [one.pcm[0] for one in of_type(SendAudio, play(session, configured_with_vad()))] == [1, 2, 3]


@pytest.mark.parametrize("moment", range(4))
def test_audio_sent_at_any_moment_of_the_start_arrives_once(moment: int) -> None:
    session = new_session()
    start: list[Event] = [CreateSession(SESSION_OPTIONS), created(), configured_with_vad()]
    start.insert(moment, audio(20, 7))
    assert [one.pcm[0] for one in of_type(SendAudio, play(session, *start))] == [7]


def test_first_words_survive_the_failure_of_the_first_attempt() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(20, 1), AttemptFailed(1, UNAVAILABLE), audio(20, 2))
    play(session, Tick(), created(2), now=1.0)
    assert [one.pcm[0] for one in of_type(SendAudio, play(session, configured_with_vad(2), now=1.0))] == [1, 2]


def test_first_words_survive_the_moment_between_the_end_of_speech_and_its_commit() -> None:
    session = ready_session()
    play(session, audio(500, 1), native("input_audio_buffer.speech_started", audio_start_ms=0))
    play(session, *(audio(1000, mark) for mark in range(2, 8)))
    play(session, native("input_audio_buffer.speech_stopped", audio_end_ms=6500), audio(20, 8), now=7.0)
    for now in (7.0, 11.0, 15.0):
        play(session, native("rate_limits.updated"), now=now)
    play(session, lost(), now=15.0)
    play(session, Tick(), created(2), now=16.0)
    assert [one.pcm[0] for one in of_type(SendAudio, play(session, configured_with_vad(2), now=16.0))] == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
    ]


def test_a_socket_that_is_open_is_not_a_session_that_is_ready() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS))
    for early in (native("rate_limits.updated"), configured_with_vad(), created()):
        assert messages(play(session, early), "session_ready") == []
    assert session.statistics().state is State.INIT_CONFIGURING
    assert messages(play(session, configured_with_vad()), "session_ready")


# "No session exists"


def test_speech_without_a_session_gets_one_error_and_is_buffered_for_the_next_session() -> None:
    session = new_session()
    commands = play(session, *(audio(20, mark) for mark in range(1, 51)))
    assert errors(commands) == ["NO_SESSION_EXISTS"]
    play(session, CreateSession(SESSION_OPTIONS), created(), now=1.0)
    assert len(of_type(SendAudio, play(session, configured_with_vad(), now=1.0))) == 50


def test_input_right_after_end_session_gets_an_error() -> None:
    session = ready_session()
    play(session, EndSession())
    assert errors(play(session, audio(20))) == ["NO_SESSION_EXISTS"]


# Errors that flood or vanish


def test_a_flood_of_errors_is_one_in_two_seconds_and_every_one_is_accounted_for() -> None:
    session, sent, offered = new_session(), [], 0
    for tenth in range(100):
        now = tenth / 10
        sent += [(now, one) for one in messages(play(session, BadMessage("INVALID_MESSAGE", "x"), now=now), "error")]
        offered += 1
    sent += [(12.0, one) for one in messages(play(session, Tick(), now=12.0), "error")]
    times = [now for now, _ in sent]
    assert all(later - earlier >= 2.0 for earlier, later in itertools.pairwise(times))
    assert sum(1 + one["suppressed"] for _, one in sent) == offered


def test_the_last_error_is_still_sent() -> None:
    session = new_session()
    play(session, BadMessage("INVALID_MESSAGE", "first"))
    play(session, BadMessage("INVALID_MESSAGE", "last"), now=0.1)
    assert session.deadline == 2.0
    [error] = messages(play(session, Tick(), now=2.0), "error")
    assert (error["message"], error["suppressed"]) == ("last", 0)


def test_the_failure_of_the_session_is_reported_although_an_error_was_sent_just_before() -> None:
    session = new_session()
    play(session, audio(20), CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY))
    assert errors(play(session, Tick(), now=2.0)) == ["AUTHENTICATION_FAILED"]


# Sessions that die of age


def test_a_session_that_dies_after_sixty_minutes_in_a_sentence_loses_no_word() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(300, 1), now=3599.0)
    play(session, lost(), audio(300, 2), now=3600.0)
    play(session, Tick(), created(2), now=3601.0)
    commands = play(session, configured(2), now=3601.0)
    assert [one.pcm[0] for one in of_type(SendAudio, commands)] == [1, 2]
    assert session.statistics().state is State.READY


def test_a_close_without_an_error_is_a_loss_as_well() -> None:
    assert messages(play(ready_session(), lost()), "reconnecting")


# Half-cleaned connections


def test_an_attempt_that_succeeds_after_the_client_has_left_moves_nothing() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(20))
    assert Playbook(session) >> ClientGone() << CloseUpstream(1, "client gone")
    assert Playbook(session) >> created() >> configured_with_vad() >> audio_delta() >> lost()
    assert session.statistics().generation == 1


def test_an_attempt_that_succeeds_after_the_session_was_ended_moves_nothing() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), EndSession())
    assert Playbook(session) >> created() >> configured_with_vad()
    assert session.statistics().state is State.IDLE


def test_the_session_is_closed_while_it_is_minted() -> None:
    session = new_session()
    assert (
        Playbook(session)
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing")
        << OpenUpstream(1, SESSION_OPTIONS)
        >> EndSession()
        << CloseUpstream(1, "ended")
        << message_like("session_closed")
        >> AttemptFailed(1, UNAVAILABLE)
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing", generation=2)
        << OpenUpstream(2, SESSION_OPTIONS)
        >> created(1)
        >> configured_with_vad(1)
        >> created(2)
        << Forward("session.created", b"created")
        << Configure(2, SESSION_OPTIONS, {})
    )


@pytest.mark.parametrize(
    "late",
    [
        audio_delta(1),
        response_created("resp_9", 1),
        native("session.updated", 1),
        upstream_error("x", 1),
        lost(1),
        created(1),
        configured_with_vad(1),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("moment", ["waiting", "opening", "ready"])
def test_late_events_of_an_old_generation_move_nothing(late: UpstreamEvent, moment: str) -> None:
    session = ready_session()
    play(session, lost())
    if moment != "waiting":
        play(session, Tick(), now=1.0)
    if moment == "ready":
        play(session, created(2), configured_with_vad(2), now=1.0)
    before = session.statistics()
    assert play(session, late, now=1.0 if moment != "waiting" else 0.0) == []
    assert session.statistics() == before


def test_two_losses_of_one_session_are_one() -> None:
    session = ready_session()
    play(session, lost())
    assert Playbook(session) >> lost() >> AttemptFailed(1, UNAVAILABLE)
    assert session.statistics().reconnects == 1


def test_a_failed_attempt_of_a_session_that_was_ready_is_a_loss() -> None:
    assert messages(play(ready_session(), AttemptFailed(1, UNAVAILABLE)), "reconnecting")


@pytest.mark.parametrize("moment", ["opening", "created", "waiting"])
def test_create_session_twice_opens_one_upstream(moment: str) -> None:
    session = new_session()
    commands = play(session, CreateSession(SESSION_OPTIONS))
    if moment == "created":
        play(session, created())
    if moment == "waiting":
        play(session, AttemptFailed(1, UNAVAILABLE))
    commands += play(session, CreateSession(SESSION_OPTIONS))
    assert len(of_type(OpenUpstream, commands)) == 1


def test_restarts_in_a_row_never_leave_two_upstreams() -> None:
    session = ready_session()
    commands = play(session, RestartSession(), RestartSession(), RestartSession())
    assert of_type(CloseUpstream, commands) == [CloseUpstream(1, "restart")]
    assert of_type(OpenUpstream, commands) == [OpenUpstream(2, SESSION_OPTIONS)]


def test_a_reconnect_opens_a_new_session_and_reports_its_id() -> None:
    session = ready_session()
    play(session, lost(), Tick())
    play(session, Tick(), created(2), now=1.0)
    [again] = messages(play(session, configured_with_vad(2), now=1.0), "reconnected")
    assert (again["sessionId"], again["generation"]) == ("sess_2", 2)


# Out of order


def test_new_speech_never_overtakes_buffered_speech_while_it_is_flushed() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), *(audio(20, mark) for mark in range(1, 6)), created())
    sent = play(session, configured_with_vad(), audio(20, 6), audio(20, 7))
    assert [one.pcm[0] for one in of_type(SendAudio, sent)] == [1, 2, 3, 4, 5, 6, 7]


def test_the_loss_in_the_middle_of_a_flush_repeats_the_speech_in_order_and_once() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, lost(), *(audio(20, mark) for mark in range(1, 4)), Tick())
    play(session, Tick(), created(2), now=1.0)
    play(session, configured(2), audio(20, 4), lost(2), audio(20, 5), now=1.0)
    play(session, Tick(), created(3), now=9.0)
    sent = of_type(SendAudio, play(session, configured(3), now=9.0))
    assert list(b"".join(one.pcm for one in sent)[:: len(audio(20).pcm)]) == [1, 2, 3, 4, 5]


def test_a_commit_and_its_speech_keep_their_order_through_a_loss() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(200, 1), lost(), audio(200, 2), ClientCommit(), audio(20, 3))
    play(session, Tick(), created(2), now=1.0)
    sent = [one for one in play(session, configured(2), now=1.0) if isinstance(one, SendAudio | SendEvent)]
    kinds = [one.pcm[0] if isinstance(one, SendAudio) else one.event["type"] for one in sent]
    assert kinds == [1, 2, "input_audio_buffer.commit", "response.create", 3]


def test_a_response_that_ends_as_the_next_is_requested_is_not_requested_twice() -> None:
    session = ready_session()
    commands = play(
        session, ClientText("a"), response_created(), audio_delta(), ClientText("b"), response_done(), response_done()
    )
    assert [one.event for one in of_type(SendEvent, commands)].count(CREATE) == 2


def test_a_confirmation_that_comes_with_the_deadline_still_counts() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), created())
    assert messages(play(session, configured_with_vad(), now=10.0), "session_ready")


def test_a_confirmation_without_a_session_object_follows_the_session_options() -> None:
    session = new_session()
    play(session, CreateSession(MANUAL), created(), SessionConfigured(1, b"configured"))
    play(session, audio(5000))
    assert session.statistics().replay_ms == 5000
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), created(), SessionConfigured(1, b"configured"), audio(5000))
    assert session.statistics().replay_ms == 5000
    play(session, UpstreamEvent(1, "rate_limits.updated", b"{}"), now=1.0)
    play(session, UpstreamEvent(1, "rate_limits.updated", b"{}"), now=4.0)
    assert session.statistics().replay_ms == 0
