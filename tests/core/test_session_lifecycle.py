"""The life of a session: attempts, confirmation, maximum age, end. Losses and responses have files of their own."""

from __future__ import annotations

import pytest

from bridge.core.commands import CloseUpstream, Configure, Forward, OpenUpstream, SendAudio, SendMessage
from bridge.core.events import (
    AttemptFailed,
    ClientCommit,
    CreateSession,
    Failure,
    Tick,
)
from bridge.core.states import State
from tests.core.builders import (
    EXPIRED,
    MANUAL,
    SESSION_OPTIONS,
    UNAVAILABLE,
    audio,
    audio_delta,
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

# 1. Initializing


def test_only_creation_and_confirmation_together_make_a_session_ready() -> None:
    session = new_session()
    assert (
        Playbook(session)
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing")
        << OpenUpstream(1, SESSION_OPTIONS)
        >> configured_with_vad()
        << Forward("session.updated", b"configured")
        >> audio(20)
        >> created()
        << Forward("session.created", b"created")
        << Configure(1, SESSION_OPTIONS, {})
        >> audio(20)
        >> configured_with_vad()
        << Forward("session.updated", b"configured")
        << message_like("session_ready", bufferedChunks=2)
        << SendAudio(1, audio(20).pcm)
        << SendAudio(1, audio(20).pcm)
    )


@pytest.mark.parametrize("progress", [[], [created()]], ids=["silent", "created only"])
def test_no_confirmation_in_ten_seconds_is_a_failed_attempt(progress: list[Tick]) -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), *progress)
    assert session.deadline == 10.0
    assert Playbook(session, now=9.99) >> Tick() >> Tick()
    assert Playbook(session, now=10.0) >> Tick() << CloseUpstream(1, "not ready in time")
    assert session.deadline == 10.5
    assert (
        Playbook(session, now=10.5)
        >> Tick()
        << message_like("session_initializing", attempt=2)
        << OpenUpstream(2, SESSION_OPTIONS)
    )


def test_an_error_before_the_session_is_ready_fails_the_attempt() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), created())
    commands = play(session, upstream_error("invalid_value"))
    assert commands[0] == CloseUpstream(1, "refused")
    assert messages(commands, "error")[0]["code"] == "UPSTREAM_ERROR"
    assert session.statistics().state is State.FAILED


def test_a_harmless_error_before_the_session_is_ready_fails_nothing() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), created())
    assert play(session, upstream_error("response_cancel_not_active", harmless=True)) == []
    assert messages(play(session, configured_with_vad()), "session_ready")


# 2. Attempts


def test_a_session_gets_one_attempt_and_two_retries() -> None:
    session = new_session()
    assert (
        Playbook(session)
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing", attempt=1, maxAttempts=3)
        << OpenUpstream(1, SESSION_OPTIONS)
        >> AttemptFailed(1, UNAVAILABLE)
    )
    assert Playbook(session, now=0.49) >> Tick()
    assert (
        Playbook(session, now=0.5)
        >> Tick()
        << message_like("session_initializing", attempt=2)
        << OpenUpstream(2, SESSION_OPTIONS)
    )
    assert Playbook(session, now=1.0) >> AttemptFailed(2, UNAVAILABLE)
    assert Playbook(session, now=1.99) >> Tick()
    assert (
        Playbook(session, now=2.0)
        >> Tick()
        << message_like("session_initializing", attempt=3)
        << OpenUpstream(3, SESSION_OPTIONS)
    )
    assert (
        Playbook(session, now=3.0)
        >> AttemptFailed(3, UNAVAILABLE)
        << SendMessage(
            {
                "type": "error",
                "generation": 3,
                "code": "SESSION_INITIALIZATION_FAILED",
                "message": UNAVAILABLE.message,
                "retryable": True,
                "suppressed": 0,
                "detail": {"cause": "UPSTREAM_UNAVAILABLE", "attempts": 3},
            }
        )
    )
    assert session.statistics().state is State.FAILED
    assert session.deadline is None


def test_retry_after_wins_when_it_is_longer() -> None:
    limited = Failure(code="RATE_LIMITED", message="Slow down.", retryable=True, retry_after_seconds=3.0)
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, limited))
    assert session.deadline == 3.0
    short = Failure(code="RATE_LIMITED", message="Slow down.", retryable=True, retry_after_seconds=0.1)
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, short))
    assert session.deadline == 0.5


def test_a_retry_after_longer_than_a_caller_waits_fails_at_once() -> None:
    limited = Failure(code="RATE_LIMITED", message="Slow down.", retryable=True, retry_after_seconds=61.0)
    session = new_session()
    [error] = messages(play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, limited)), "error")
    assert (error["code"], error["retryable"], error["detail"]["retryAfterMs"]) == ("RATE_LIMITED", True, 61_000)


@pytest.mark.parametrize(
    "code",
    ["AUTHENTICATION_FAILED", "ACCESS_DENIED", "MODEL_NOT_AVAILABLE", "DIALECT_REFUSED", "QUOTA_EXHAUSTED"],
)
@pytest.mark.parametrize("live", [False, True], ids=["first attempt", "live session"])
def test_a_permanent_failure_is_not_retried(code: str, live: bool) -> None:
    failure = Failure(code=code, message="No.", retryable=False, detail={"status": 401})
    session = ready_session() if live else new_session()
    if not live:
        play(session, CreateSession(SESSION_OPTIONS))
    event = lost(1, failure) if live else AttemptFailed(1, failure)
    [error] = messages(play(session, event, now=20.0), "error")
    assert (error["code"], error["retryable"], error["detail"]["status"]) == (code, False, 401)
    assert error["detail"]["attempts"] == (0 if live else 1)
    assert session.statistics().state is State.FAILED
    assert session.deadline is None


# 5. Age


def test_a_rollover_happens_in_a_pause_before_the_end() -> None:
    session = ready_session(expires_at=3600.0)
    assert session.deadline == 3480.0
    assert Playbook(session, now=3479.0) >> Tick()
    assert (
        Playbook(session, now=3480.0)
        >> Tick()
        << SendMessage({"type": "session_expiring", "generation": 1, "expiresAt": "2026-11-21T12:00:00.000Z"})
        << CloseUpstream(1, "rollover")
        << message_like("reconnecting", attempt=1, delayMs=0, reason="rollover")
        << OpenUpstream(2, SESSION_OPTIONS)
    )


def test_a_rollover_waits_for_the_end_of_a_sentence_and_is_announced_once() -> None:
    session = ready_session(expires_at=3600.0)
    play(session, audio(100), native("input_audio_buffer.speech_started", audio_start_ms=0), now=3470.0)
    assert Playbook(session, now=3480.0) >> Tick() << message_like("session_expiring")
    assert session.deadline == 3580.0
    assert Playbook(session, now=3480.5) >> Tick()
    play(session, native("input_audio_buffer.speech_stopped", audio_end_ms=90), now=3481.0)
    assert session.statistics().generation == 2


def test_a_rollover_happens_at_the_latest_pause_or_not() -> None:
    session = ready_session(expires_at=3600.0)
    play(session, audio(100), native("input_audio_buffer.speech_started", audio_start_ms=0), now=3470.0)
    play(session, Tick(), now=3480.0)
    assert Playbook(session, now=3579.9) >> Tick()
    assert session.deadline == 3580.0
    assert CloseUpstream(1, "rollover") in play(session, Tick(), now=3580.0)


@pytest.mark.parametrize("busy", ["response", "expected", "commit"])
def test_a_rollover_waits_for_what_is_outstanding(busy: str) -> None:
    session = ready_session(MANUAL if busy == "commit" else SESSION_OPTIONS, vad=busy != "commit", expires_at=3600.0)
    play(session, audio(100), now=3479.0)
    match busy:
        case "response":
            play(session, response_created(), audio_delta(), now=3479.0)
        case "expected":
            play(session, native("input_audio_buffer.committed", item_id="i1"), now=3479.0)
        case _:
            play(session, ClientCommit(), now=3479.0)
    assert of_type(OpenUpstream, play(session, Tick(), now=3480.0)) == []
    if busy == "commit":
        play(session, native("input_audio_buffer.committed", item_id="i1"), now=3481.0)
    assert session.statistics().generation == 1
    play(session, response_created(), audio_delta(), response_done(), now=3481.0)
    assert session.statistics().generation == 2


def test_a_rollover_keeps_its_proportions_in_a_short_session() -> None:
    session = ready_session(expires_at=40.0)
    assert session.deadline == 30.0
    play(session, audio(100), native("input_audio_buffer.speech_started", audio_start_ms=0), now=29.0)
    assert messages(play(session, Tick(), now=30.0), "session_expiring")
    assert of_type(OpenUpstream, play(session, Tick(), now=35.9)) == []
    assert of_type(OpenUpstream, play(session, Tick(), now=36.0))


def test_an_end_in_the_past_is_a_wrong_clock_and_no_reason_to_roll_over_for_ever() -> None:
    session = ready_session(expires_at=90.0, now=100.0)
    assert session.deadline is None


def test_rollovers_of_a_long_life_are_no_reason_to_give_up() -> None:
    session = ready_session(expires_at=100.0, max_reconnects=2)
    for generation in range(2, 7):
        now = 100.0 * (generation - 1)
        play(session, Tick(), now=now)
        play(session, created(generation, expires_at=now + 100.0), configured_with_vad(generation), now=now)
    assert session.statistics().state is State.READY
    assert session.statistics().reconnects == 0


def test_without_rollover_the_maximum_age_is_reported() -> None:
    session = ready_session(expires_at=3600.0, rollover=False)
    assert session.deadline is None
    assert (
        Playbook(session, now=3600.0)
        >> lost(1, EXPIRED)
        << message_like("error", code="SESSION_EXPIRED", retryable=True)
        << SendMessage({"type": "session_closed", "generation": 1, "reason": "expired"})
    )
    assert session.statistics().state is State.IDLE
    assert messages(play(session, CreateSession(SESSION_OPTIONS), now=3601.0), "session_initializing")


def test_with_rollover_an_expired_session_is_reopened() -> None:
    session = ready_session(expires_at=None)
    commands = play(session, lost(1, EXPIRED), now=3600.0)
    assert messages(commands, "reconnecting")
    assert errors(commands) == []
