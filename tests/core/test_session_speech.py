"""Speech in lost sessions: stalls, speech that is replayed, responses that are requested again."""

from __future__ import annotations

import pytest

from bridge.core.commands import CloseUpstream, SendAudio, SendEvent, SendFrame
from bridge.core.events import (
    ClientCommit,
    ClientNative,
    ClientText,
    ClientToolResult,
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
    audio_delta,
    configured,
    created,
    errors,
    lost,
    messages,
    native,
    of_type,
    play,
    ready_session,
    reconnect,
    response_created,
    response_done,
    speech_item_added,
    text_item_done,
    upstream_error,
)

STARTED, STOPPED, COMMITTED = (
    f"input_audio_buffer.{name}" for name in ("speech_started", "speech_stopped", "committed")
)


@pytest.mark.parametrize("outstanding", ["text", "commit", "turn", "half"])
def test_a_session_that_goes_silent_while_something_is_outstanding_is_lost(outstanding: str) -> None:
    session = ready_session(MANUAL if outstanding == "commit" else SESSION_OPTIONS, vad=outstanding != "commit")
    match outstanding:
        case "text":
            play(session, ClientText("hi"), now=1.0)
        case "commit":
            native_commit = ClientNative("input_audio_buffer.commit", b"{}", {})
            play(session, audio(200), native_commit, now=1.0)
        case "turn":
            play(session, audio(200), native(STOPPED, audio_end_ms=200), native(COMMITTED, item_id="i"), now=1.0)
        case _:
            play(session, response_created(), audio_delta(), now=1.0)
    assert session.deadline == 16.0
    assert of_type(CloseUpstream, play(session, Tick(), now=15.9)) == []
    commands = play(session, Tick(), now=16.0)
    assert commands[0] == CloseUpstream(1, "stalled")
    assert messages(commands, "reconnecting")


def test_any_event_shows_that_the_session_lives() -> None:
    session = ready_session()
    play(session, ClientText("hi"))
    play(session, native("rate_limits.updated"), now=10.0)
    assert session.deadline == 25.0


def test_a_session_with_nothing_outstanding_may_be_silent() -> None:
    session = ready_session(vad=False)
    play(session, ClientText("hi"), response_created(), audio_delta(), response_done(), audio(5000))
    assert session.deadline is None


@pytest.mark.parametrize("acknowledged", [False, True])
def test_an_empty_commit_that_was_refused_is_not_outstanding(acknowledged: bool) -> None:
    session = ready_session(TRANSCRIPTION, vad=False)
    play(session, ClientCommit())
    answer = native(COMMITTED, item_id="i") if acknowledged else upstream_error("input_audio_buffer_commit_empty")
    play(session, answer, now=3.0)
    assert session.deadline is None


def test_speech_that_was_not_committed_is_sent_again() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(100, 1), audio(60, 2))
    commands = reconnect(session, vad=False)
    assert of_type(SendAudio, commands) == [SendAudio(2, audio(100, 1).pcm), SendAudio(2, audio(60, 2).pcm)]
    assert messages(commands, "reconnected")[0]["resentMs"] == 160
    assert of_type(SendEvent, commands) == []


def test_speech_that_was_committed_and_not_answered_is_replayed_with_its_commit_and_request() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(200, 1), ClientCommit(), native(COMMITTED, item_id="i1"), speech_item_added("i1"), audio(40, 2))
    commands = reconnect(session, vad=False)
    sent = [one for one in commands if isinstance(one, SendAudio | SendEvent)]
    assert sent == [
        SendAudio(2, audio(200, 1).pcm),
        SendEvent(2, COMMIT),
        SendAudio(2, audio(40, 2).pcm),
        SendEvent(2, CREATE),
    ]
    [reconnected] = messages(commands, "reconnected")
    assert (reconnected["resentMs"], reconnected["lost"], reconnected["restored"]["turns"]) == (240, [], 0)


def test_speech_in_the_middle_of_a_detected_sentence_is_sent_again_from_its_first_word() -> None:
    session = ready_session()
    play(session, *(audio(1000, mark) for mark in range(1, 5)), native(STARTED, audio_start_ms=3500))
    play(session, *(audio(1000, mark) for mark in range(5, 15)))
    commands = reconnect(session)
    assert messages(commands, "reconnected")[0]["resentMs"] == 10_500
    assert of_type(SendAudio, commands)[0].pcm == audio(500, 4).pcm


def test_speech_of_a_detected_turn_is_sent_again_until_the_answer_begins() -> None:
    session = ready_session()
    play(session, audio(1000, 1), native(STARTED, audio_start_ms=0), *(audio(1000, mark) for mark in range(2, 6)))
    play(
        session,
        native(STOPPED, audio_end_ms=5000),
        audio(100, 9),
        native(COMMITTED, item_id="i1"),
        speech_item_added("i1"),
    )
    play(session, response_created())
    commands = reconnect(session)
    assert messages(commands, "reconnected")[0]["resentMs"] == 5100
    assert of_type(SendEvent, commands) == []


def test_speech_whose_answer_has_begun_is_not_sent_twice() -> None:
    session = ready_session()
    play(session, audio(1000), native(STARTED, audio_start_ms=0), native(STOPPED, audio_end_ms=1000))
    play(
        session,
        native(COMMITTED, item_id="i1"),
        speech_item_added("i1"),
        text_item_done("i1", "hello"),
        response_created(),
        audio_delta(),
    )
    commands = reconnect(session)
    assert of_type(SendAudio, commands) == []
    [reconnected] = messages(commands, "reconnected")
    assert (reconnected["resentMs"], reconnected["lost"]) == (0, ["a half-spoken answer"])
    assert reconnected["restored"]["turns"] == 1


def test_speech_that_was_transcribed_in_a_transcription_session_is_not_replayed() -> None:
    session = ready_session(TRANSCRIPTION, vad=False)
    play(
        session, audio(1000, 1), ClientCommit(), native(COMMITTED, item_id="i1"), speech_item_added("i1"), audio(200, 2)
    )
    heard = "conversation.item.input_audio_transcription.completed"
    play(session, native(heard, item_id="i1", transcript="hello"))
    assert [one.pcm[0] for one in of_type(SendAudio, reconnect(session, vad=False))] == [2]


def test_speech_that_was_transcribed_and_not_answered_in_a_conversation_is_replayed() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(1000, 1), ClientCommit(), native(COMMITTED, item_id="i1"), speech_item_added("i1"))
    heard = "conversation.item.input_audio_transcription.completed"
    play(session, native(heard, item_id="i1", transcript="hello"))
    assert [one.pcm for one in of_type(SendAudio, reconnect(session, vad=False))] == [audio(1000, 1).pcm]


def test_speech_that_is_sent_again_is_sent_again_after_the_next_loss_too() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(200), ClientCommit())
    reconnect(session, vad=False)
    play(session, lost(2), now=20.0)
    play(session, Tick(), created(3), now=30.0)
    commands = play(session, configured(3), now=30.0)
    sent = [one for one in commands if isinstance(one, SendAudio | SendEvent)]
    assert sent == [SendAudio(3, audio(200).pcm), SendEvent(3, COMMIT), SendEvent(3, CREATE)]


def test_speech_that_the_client_took_back_is_not_sent_again() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(100, 1), ClientCommit(), audio(100, 2), ClientNative("input_audio_buffer.clear", b"{}"))
    assert [one.pcm[0] for one in of_type(SendAudio, reconnect(session, vad=False))] == [1]


def test_a_response_without_output_is_requested_again_and_its_text_restored() -> None:
    session = ready_session()
    play(session, ClientText("hi"))
    sent = of_type(SendEvent, reconnect(session))
    part = [{"type": "input_text", "text": "hi"}]
    assert [one.event for one in sent] == [
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": part}},
        CREATE,
    ]


def test_a_response_that_was_created_without_output_is_requested_again() -> None:
    session = ready_session()
    ask = ClientNative("response.create", b'{"type":"response.create"}', {"type": "response.create"})
    play(
        session,
        text_item_done("i1", "hi"),
        ask,
        response_created(),
        native("response.output_item.added", response_id="resp_1", item={"id": "a1", "type": "message"}),
    )
    play(
        session,
        native("conversation.item.added", item={"id": "a1", "type": "message", "role": "assistant", "content": []}),
    )
    commands = reconnect(session)
    assert of_type(SendFrame, commands) == [SendFrame(2, ask.frame)]
    assert messages(commands, "reconnected")[0]["lost"] == []


def test_a_half_spoken_answer_is_reported_and_not_requested_again() -> None:
    session = ready_session()
    play(session, ClientText("hi"), response_created(), audio_delta())
    commands = reconnect(session)
    assert messages(commands, "reconnected")[0]["lost"] == ["a half-spoken answer"]
    assert CREATE not in [one.event for one in of_type(SendEvent, commands)]


def test_the_response_to_a_detected_turn_whose_speech_is_not_kept_is_requested_again() -> None:
    session = ready_session(replay_ms=0)
    play(session, native(COMMITTED, item_id="i1"), text_item_done("i1", "hi"), response_created())
    assert of_type(SendEvent, reconnect(session))[-1] == SendEvent(2, CREATE)


def test_the_outstanding_response_comes_before_the_queued_ones() -> None:
    session = ready_session()
    first, second = (ClientNative("response.create", mark, {"type": "response.create"}) for mark in (b"1", b"2"))
    play(session, first, second)
    assert of_type(SendFrame, reconnect(session)) == [SendFrame(2, b"1")]
    assert of_type(SendFrame, play(session, response_created("r", 2), response_done("r", 2), now=20.0)) == [
        SendFrame(2, b"2")
    ]


def test_requests_that_waited_go_upstream_in_the_fresh_session_one_after_another() -> None:
    session = ready_session()
    play(session, ClientText("one"), response_created(), ClientText("two"))
    commands = reconnect(session)
    assert [one.event for one in of_type(SendEvent, commands)].count(CREATE) == 1
    assert play(session, response_created("r", 2), response_done("r", 2), now=20.0)[-1] == SendEvent(2, CREATE)
    assert CREATE not in [
        one.event
        for one in of_type(SendEvent, play(session, response_created("s", 2), response_done("s", 2), now=20.0))
    ]


def test_the_text_of_earlier_turns_and_tool_calls_comes_back() -> None:
    session = ready_session()
    call = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    pending = {"id": "f2", "type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"}
    play(session, text_item_done("i1", "hi"), text_item_done("i2", "hello", "assistant"))
    play(session, native("response.output_item.done", item=call), native("response.output_item.done", item=pending))
    play(session, ClientToolResult("c1", "sunny"), response_created(), response_done())
    commands = reconnect(session)
    restored = messages(commands, "reconnected")[0]["restored"]
    assert restored == {"config": True, "tools": False, "turns": 2, "pendingTools": 1}
    kinds = [one.event["item"]["type"] for one in of_type(SendEvent, commands)]
    assert kinds == ["message", "message", "function_call", "function_call", "function_call_output"]


def test_turns_that_cannot_be_restored_are_reported() -> None:
    session = ready_session()
    play(session, *(text_item_done(f"i{n}", "x") for n in range(203)), speech_item_added("s1"))
    lost_ones = messages(reconnect(session), "reconnected")[0]["lost"]
    assert lost_ones == ["4 turns past the bound", "1 spoken turns without a transcript"]


def test_an_interruption_while_lost_says_that_there_is_no_session() -> None:
    session = ready_session()
    play(session, lost())
    assert errors(play(session, Interrupt())) == ["SESSION_NOT_READY"]
