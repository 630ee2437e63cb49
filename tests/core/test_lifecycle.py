from __future__ import annotations

import pytest

from bridge.core.commands import CloseUpstream, Configure, LogEvent, OpenUpstream, SendEvent
from bridge.core.events import (
    AttemptFailed,
    ClientCommit,
    ClientGone,
    ClientNative,
    ClientText,
    CreateSession,
    EndSession,
    Failure,
    Interrupt,
    RestartSession,
    Tick,
)
from bridge.core.generation import Recovery
from bridge.core.states import State
from tests.core.builders import (
    CREATE,
    EXPIRED,
    MANUAL,
    REFUSED_KEY,
    SESSION_OPTIONS,
    UNAVAILABLE,
    audio,
    configured,
    configured_with_vad,
    created,
    lost,
    messages,
    native,
    new_session,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
)
from tests.core.playbook import Playbook, log_event_like, message_like


def test_restarts_without_end_are_an_end() -> None:
    session = ready_session(max_reconnects=2)
    for generation in (2, 3):
        play(session, RestartSession(), created(generation), configured_with_vad(generation))
    commands = play(session, RestartSession())
    assert of_type(CloseUpstream, commands) == [CloseUpstream(3, "restart")]
    assert messages(commands, "error")[0]["code"] == "CONNECTION_LOST"


def test_restarts_now_and_then_are_none() -> None:
    session = ready_session(max_reconnects=2)
    for generation in range(2, 9):
        now = 30.0 * generation
        play(session, RestartSession(), now=now)
        play(session, created(generation), configured_with_vad(generation), now=now)
    assert session.statistics().state is State.READY


def test_what_was_recovered_is_not_kept_any_longer() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(200))
    assert messages(reconnect(session, vad=False), "reconnected")[0]["resentMs"] == 200
    assert session._data.recovery == Recovery()


@pytest.mark.parametrize("failed", [False, True])
def test_speech_that_no_session_will_answer_is_reported_as_dropped(failed: bool) -> None:
    session = ready_session(MANUAL, vad=False, rollover=False)
    play(session, audio(200), ClientCommit())
    commands = play(session, lost(1, REFUSED_KEY if failed else EXPIRED))
    [dropped] = messages(commands, "audio_dropped")
    assert (dropped["ms"], dropped["reason"]) == (200, "session_failed")


def test_a_disconnect_is_logged_with_what_was_still_buffered() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(20), ClientText("hi"))
    lines = [
        one.fields
        for one in session.handle(ClientGone(), 0.0)
        if isinstance(one, LogEvent) and one.name == "held.dropped"
    ]
    assert [(one["reason"], one["chunks"], one["ms"], one["messages"]) for one in lines] == [("client_gone", 1, 20, 1)]


def test_a_response_that_the_client_interrupted_is_not_requested_again() -> None:
    session = ready_session()
    play(session, ClientText("hi"), response_created(), Interrupt())
    assert CREATE not in [one.event for one in of_type(SendEvent, reconnect(session))]


def test_a_fresh_start_knows_nothing_of_the_updates_before() -> None:
    session = ready_session()
    update = ClientNative("session.update", b"{}", {"type": "session.update", "session": {"voice": "ash"}})
    play(session, update, native("session.updated"), EndSession(), CreateSession(SESSION_OPTIONS))
    assert [one.updates for one in of_type(Configure, play(session, created(2)))] == [{}]


def test_a_retry_after_counts_for_a_session_that_was_lost_as_well() -> None:
    limited = Failure(code="RATE_LIMITED", message="Slow.", retryable=True, retry_after_seconds=5.0)
    session = ready_session()
    assert messages(play(session, lost(1, limited)), "reconnecting")[0]["delayMs"] == 5000
    hopeless = Failure(code="RATE_LIMITED", message="Slow.", retryable=True, retry_after_seconds=500.0)
    session = ready_session()
    assert messages(play(session, lost(1, hopeless)), "error")[0]["code"] == "RATE_LIMITED"


def test_a_loss_is_logged_with_how_long_the_recovery_took() -> None:
    session = ready_session()
    assert Playbook(session) >> lost() << log_event_like("session.lost", byIntent=False) << message_like("reconnecting")
    play(session, Tick(), created(2), now=1.0)
    again = [one for one in session.handle(configured(2), 1.5) if isinstance(one, LogEvent)]
    assert [one.fields["seconds"] for one in again if one.name == "session.reconnected"] == [1.5]


def test_a_failed_attempt_is_logged_with_what_support_asks_for() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS))
    detail = {"refusal": "no-access", "status": 403, "requestId": "req_1", "code": "x", "sessionId": "s", "deep": {}}
    failure = Failure(code="ACCESS_DENIED", message="No.", retryable=False, detail=detail)
    [line] = [
        one.fields
        for one in session.handle(AttemptFailed(1, failure), 0.0)
        if isinstance(one, LogEvent) and one.name == "attempt.failed"
    ]
    assert line == {
        "generation": 1,
        "sessionId": None,
        "code": "ACCESS_DENIED",
        "attempt": 1,
        "retryable": False,
        "refusal": "no-access",
        "status": 403,
        "requestId": "req_1",
        "requestedModel": SESSION_OPTIONS["model"],
    }


def test_a_failure_in_the_last_attempt_leaves_no_deadline() -> None:
    session = new_session(attempts=1)
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, UNAVAILABLE))
    assert session.deadline is None
    assert of_type(OpenUpstream, play(session, Tick(), now=99.0)) == []


@pytest.mark.parametrize(
    ("model", "logged"),
    [("gpt-realtime-2.1", "gpt-realtime-2.1"), ("my card is 4711", "not a name"), ("m" * 65, "not a name")],
)
def test_the_model_that_a_client_names_is_logged_if_it_can_be_one(model: str, logged: str) -> None:
    session = new_session()
    play(session, CreateSession({"model": model}))
    failed = session.handle(AttemptFailed(1, REFUSED_KEY), 0.0)
    [line] = [one.fields for one in failed if isinstance(one, LogEvent) and one.name == "attempt.failed"]
    assert line["requestedModel"] == logged
