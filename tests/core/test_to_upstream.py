from __future__ import annotations

from typing import Any

import pytest

from bridge.core.commands import SendAudio, SendEvent, SendFrame
from bridge.core.events import (
    ClientAudio,
    ClientCommit,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    Event,
    Interrupt,
    Tick,
)
from tests.core.builders import (
    COMMIT,
    CREATE,
    MANUAL,
    SESSION_OPTIONS,
    TRANSCRIPTION,
    audio,
    configured,
    configured_with_vad,
    created,
    errors,
    lost,
    native,
    new_session,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
    response_done,
    upstream_error,
)

COMMITTED = native("input_audio_buffer.committed", item_id="i1")
TOO_LITTLE = upstream_error("input_audio_buffer_commit_empty")


@pytest.mark.parametrize("response", [None, 5, "x", [], {}, {"conversation": "auto"}], ids=str)
def test_a_request_of_any_shape_but_out_of_band_waits_its_turn(response: Any) -> None:
    session = ready_session()
    ask = ClientNative("response.create", b"ask", {"type": "response.create", "response": response})
    assert play(session, ask) == [SendFrame(1, b"ask")]
    assert play(session, ask) == []


def test_a_request_without_a_body_waits_its_turn() -> None:
    session = ready_session()
    play(session, response_created())
    assert play(session, ClientNative("response.create", b"ask")) == []


@pytest.mark.parametrize("kind", ["session.update", "transcription_session.update", "conversation.item.create"])
@pytest.mark.parametrize("body", [None, {}, {"session": 5, "item": 5}, {"session": [], "item": []}], ids=str)
def test_native_events_of_any_shape_go_upstream_as_they_are(kind: str, body: dict[str, Any] | None) -> None:
    session = ready_session()
    assert play(session, ClientNative(kind, b"frame", body)) == [SendFrame(1, b"frame")]


def test_a_text_goes_upstream_although_its_request_has_to_be_refused() -> None:
    session = ready_session()
    play(session, response_created(), *(ClientText("x") for _ in range(20)))
    commands = play(session, ClientText("one more"))
    assert len(commands) == 2
    assert errors(commands) == ["RATE_EXCEEDED"]


# Speech, and what it is called


def test_audio_keeps_its_event_id_whether_it_was_buffered_or_not() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), ClientAudio(b"\1\0", "first"), created())
    assert of_type(SendAudio, play(session, configured_with_vad())) == [SendAudio(1, b"\1\0", "first")]
    assert play(session, ClientAudio(b"\2\0", "second")) == [SendAudio(1, b"\2\0", "second")]


def test_an_event_id_goes_upstreamstream_once_and_a_replay_has_none() -> None:
    session = ready_session()
    play(session, ClientAudio(b"\1\0", "first"), lost(), ClientAudio(b"\2\0", "held"), Tick())
    play(session, Tick(), created(2), now=1.0)
    sent = of_type(SendAudio, play(session, configured_with_vad(2), now=1.0))
    assert sent == [SendAudio(2, b"\1\0"), SendAudio(2, b"\2\0", "held")]


# Commits that may be refused


def asks(commands: list[Any]) -> int:
    return [one.event for one in of_type(SendEvent, commands)].count(CREATE)


@pytest.mark.parametrize("before", [[], [audio(99)], [audio(200), ClientNative("input_audio_buffer.clear", b"{}")]])
def test_a_commit_that_is_refused_as_empty_is_not_answered(before: list[Event]) -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, *before)
    assert play(session, ClientCommit()) == [SendEvent(1, COMMIT)]
    commands = play(session, TOO_LITTLE, Tick(), now=60.0)
    assert (asks(commands), errors(commands)) == (0, ["UPSTREAM_ERROR"])
    assert session.deadline is None


def test_a_commit_that_was_refused_leaves_no_request_for_the_next() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(20), ClientCommit(), TOO_LITTLE, audio(200), ClientNative("input_audio_buffer.commit", b"{}"))
    assert asks(play(session, COMMITTED)) == 0


def test_a_commit_that_may_be_refused_is_answered_once_it_was_taken() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(20), ClientCommit())
    assert play(session, COMMITTED)[-1] == SendEvent(1, CREATE)
    assert asks(play(session, response_created(), COMMITTED, response_done())) == 0


def test_a_second_commit_of_the_same_speech_is_no_second_request() -> None:
    session = ready_session(MANUAL, vad=False)
    assert asks(play(session, audio(200), ClientCommit(), ClientCommit())) == 1
    assert asks(play(session, COMMITTED, TOO_LITTLE, response_created(), response_done())) == 0


def test_the_answer_to_a_small_commit_waits_for_the_one_that_runs() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(200), ClientCommit(), COMMITTED, response_created(), audio(50), ClientCommit())
    assert asks(play(session, COMMITTED)) == 0
    assert play(session, response_done())[-1] == SendEvent(1, CREATE)


def test_a_commit_of_the_clients_own_is_answered_when_the_client_asks() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(20), ClientNative("input_audio_buffer.commit", b"{}"), ClientCommit())
    assert asks(play(session, COMMITTED)) == 0
    assert asks(play(session, COMMITTED)) == 1


def test_an_interruption_forgets_the_answer_that_waits_for_a_commit() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(20), ClientCommit(), Interrupt())
    assert asks(play(session, COMMITTED)) == 0
    assert session.deadline is None


def test_the_response_that_waits_for_a_commit_survives_a_loss() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(20), ClientCommit())
    again = reconnect(session, vad=False)
    assert [one for one in again if isinstance(one, SendAudio | SendEvent)] == [
        SendAudio(2, audio(20).pcm),
        SendEvent(2, COMMIT),
    ]
    assert asks(play(session, native("input_audio_buffer.committed", 2, item_id="i"), now=9.0)) == 1
    play(session, lost(2), now=10.0)
    play(session, Tick(), created(3), now=20.0)
    assert asks(play(session, configured(3), now=20.0)) == 1


def test_a_commit_of_nothing_is_forgotten_with_its_session() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, ClientCommit())
    assert of_type(SendEvent, reconnect(session, vad=False)) == []
    play(session, audio(200), ClientNative("input_audio_buffer.commit", b"{}"), now=10.0)
    assert asks(play(session, native("input_audio_buffer.committed", 2, item_id="i"), now=10.0)) == 0


def test_a_commit_in_the_middle_of_detected_speech_is_answered_at_once_and_settled_by_its_confirmation() -> None:
    session = ready_session()
    play(session, audio(500), native("input_audio_buffer.speech_started", audio_start_ms=0))
    assert play(session, ClientCommit()) == [SendEvent(1, COMMIT), SendEvent(1, CREATE)]
    play(
        session,
        native("input_audio_buffer.speech_stopped", audio_end_ms=500),
        COMMITTED,
        response_created(),
        response_done(),
    )
    assert session.deadline is None


def test_a_commit_behind_a_detected_turn_is_not_answered_a_second_time() -> None:
    session = ready_session()
    play(session, audio(500), native("input_audio_buffer.speech_started", audio_start_ms=0))
    play(session, native("input_audio_buffer.speech_stopped", audio_end_ms=400), COMMITTED)
    assert play(session, ClientCommit()) == [SendEvent(1, COMMIT)]
    assert asks(play(session, TOO_LITTLE, response_created(), response_done())) == 0


@pytest.mark.parametrize("event", [ClientText("hi"), ClientToolResult("c", "out")], ids=str)
def test_a_transcription_takes_no_turn_but_speech(event: Event) -> None:
    session = ready_session(TRANSCRIPTION)
    commands = play(session, event)
    assert (errors(commands), of_type(SendEvent, commands)) == (["INVALID_MESSAGE"], [])
    assert session.deadline is None


# Requests that are refused

ASK = b'{"type":"response.create","event_id":"mine","response":{"odd":1}}'


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (ASK, {"event_id": "mine", "param": None}),
        (ASK, {"event_id": None, "param": "response.odd"}),
        (b'{"type":"response.create"}', {"param": "response"}),
        (b"no JSON", {"param": "response.odd"}),
    ],
    ids=str,
)
def test_a_request_that_the_upstream_refused_is_not_outstanding_and_blocks_nothing(
    frame: bytes, error: dict[str, Any]
) -> None:
    session = ready_session()
    play(session, ClientNative("response.create", frame, {"type": "response.create"}), ClientText("next"))
    assert asks(play(session, upstream_error("unknown_parameter", **error))) == 1
    play(session, response_created(), response_done())
    assert session.deadline is None


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (ASK, {"event_id": "another", "param": "response.odd"}),
        (ASK, {"event_id": None, "param": "item.id"}),
        (ASK, {}),
        (b"no JSON", {"event_id": "mine"}),
        (b"[]", {"event_id": "mine"}),
        (b"[" * 100_000, {"event_id": "mine"}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_error_about_something_else_leaves_a_request_as_it_is(frame: bytes, error: dict[str, Any]) -> None:
    session = ready_session()
    play(session, ClientNative("response.create", frame, {"type": "response.create"}), ClientText("next"))
    assert asks(play(session, upstream_error("invalid_value", **error))) == 0


def test_a_refused_request_is_not_repeated_though_another_response_is_active() -> None:
    session = ready_session()
    play(session, ClientNative("response.create", ASK, {}), response_created(), upstream_error("x", event_id="mine"))
    assert of_type(SendFrame, reconnect(session)) == []


def test_a_transcription_leaves_requests_to_the_upstream_and_waits_for_nothing() -> None:
    session = ready_session(TRANSCRIPTION)
    ask = ClientNative("response.create", ASK, {})
    assert play(session, ask) == play(session, ask) == [SendFrame(1, ASK)]
    assert session.deadline is None


def test_an_error_while_the_session_is_reopened_lets_no_request_up() -> None:
    session = ready_session()
    play(session, response_created(), ClientText("next"), lost())
    play(session, Tick(), created(2), now=1.0)
    assert asks(play(session, upstream_error("x", 2, harmless=True, param="response.odd"), now=1.0)) == 0
    assert asks(play(session, configured_with_vad(2), now=1.0)) == 1
