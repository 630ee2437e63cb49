"""Buffered input, as the client protocol describes it: bounds, order, `audio_dropped`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.commands import Configure, OpenUpstream, SendAudio, SendEvent, SendFrame, SendMessage
from bridge.core.events import (
    AttemptFailed,
    ClientAudio,
    ClientCommit,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    EndSession,
    Tick,
)
from bridge.core.input_buffer import InputBufferLimits
from tests.core.builders import (
    COMMIT,
    CREATE,
    MANUAL,
    REFUSED_KEY,
    SESSION_OPTIONS,
    audio,
    configured,
    configured_with_vad,
    created,
    lost,
    messages,
    new_session,
    of_type,
    play,
    ready_session,
)
from tests.core.playbook import Playbook, message_like


def test_thirty_seconds_of_speech_are_buffered_and_the_oldest_goes() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), *(audio(1000, mark) for mark in range(1, 31)))
    assert session.statistics().buffered_ms == 30_000
    assert (
        Playbook(session)
        >> audio(1000, 31)
        << SendMessage(
            {
                "type": "audio_dropped",
                "generation": 1,
                "chunks": 1,
                "ms": 1000,
                "messages": 0,
                "reason": "buffer_full",
            }
        )
    )
    sent = of_type(SendAudio, play(session, created(), configured_with_vad()))
    assert [one.pcm[0] for one in sent] == list(range(2, 32))


def test_what_waited_as_bytes_is_remembered_like_what_went_up_at_once() -> None:
    item = {"id": "i", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    events: list[dict[str, Any]] = [
        {"type": "conversation.item.create", "item": item},
        {"type": "session.update", "session": {"voice": "ash"}},
        {"type": "response.create", "response": {"conversation": "none"}},
        {"type": "response.create"},
    ]
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS))
    play(session, *(ClientNative(str(one["type"]), json.dumps(one).encode(), one) for one in events))
    sent = [json.loads(one.frame) for one in of_type(SendFrame, play(session, created(), configured_with_vad()))]
    assert sent == events
    play(session, lost())
    commands = play(session, Tick(), created(2), configured_with_vad(2), now=2.0)
    assert [one.updates for one in of_type(Configure, commands)] == [{"voice": "ash"}]
    assert [one.event for one in of_type(SendEvent, commands)] == [{"type": "conversation.item.create", "item": item}]


def test_a_hundred_other_messages_are_buffered_and_the_oldest_goes_but_no_speech() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(20))
    play(session, *(ClientNative("x.y", f"{n}".encode()) for n in range(100)))
    assert Playbook(session) >> ClientNative("x.y", b"100") << message_like("audio_dropped", chunks=0, ms=0, messages=1)
    commands = play(session, created(), configured_with_vad())
    assert of_type(SendAudio, commands) == [SendAudio(1, audio(20).pcm)]
    assert [one.frame for one in of_type(SendFrame, commands)] == [f"{n}".encode() for n in range(1, 101)]


def test_speech_past_the_bound_never_costs_another_message() -> None:
    session = new_session(buffer_limits=InputBufferLimits(audio_ms=100))
    play(session, CreateSession(SESSION_OPTIONS), ClientText("first"), audio(100), audio(100))
    assert session.statistics().buffered_messages == 1


def test_what_is_sixty_seconds_old_goes() -> None:
    session = new_session()
    play(session, audio(20), ClientText("old"))
    play(session, audio(40), now=30.0)
    assert session.deadline == 60.0
    assert Playbook(session, now=59.9) >> Tick()
    assert (
        Playbook(session, now=60.0)
        >> Tick()
        << message_like("audio_dropped", chunks=1, ms=20, messages=1, reason="too_old")
    )
    assert session.deadline == 90.0


def test_what_is_too_old_does_not_go_upstream_with_a_session_that_comes_late() -> None:
    session = new_session()
    play(session, audio(20, 1))
    play(session, audio(20, 2), CreateSession(SESSION_OPTIONS), created(), now=59.0)
    assert [one.pcm[0] for one in of_type(SendAudio, play(session, configured_with_vad(), now=60.0))] == [2]


@pytest.mark.parametrize("last", ["failed", "ended"])
def test_all_that_is_buffered_goes_when_every_attempt_has_failed_or_the_session_is_ended(last: str) -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(20), audio(30), ClientText("a"))
    commands = play(session, AttemptFailed(1, REFUSED_KEY) if last == "failed" else EndSession())
    [dropped] = messages(commands, "audio_dropped")
    assert (dropped["chunks"], dropped["ms"], dropped["messages"], dropped["reason"]) == (2, 50, 1, "session_failed")
    assert session.statistics().buffered_ms == 0


def test_at_most_one_audio_dropped_a_second_with_sums() -> None:
    session = new_session(buffer_limits=InputBufferLimits(audio_ms=100))
    assert (
        Playbook(session)
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing")
        << OpenUpstream(1, SESSION_OPTIONS)
    )
    assert Playbook(session) >> audio(100) >> audio(60) << message_like("audio_dropped", chunks=1, ms=100)
    assert Playbook(session, now=0.3) >> audio(60) >> audio(60)
    assert Playbook(session, now=0.9) >> audio(60)
    assert session.deadline == 1.0
    assert Playbook(session, now=1.0) >> Tick() << message_like("audio_dropped", chunks=3, ms=180, reason="buffer_full")


def test_two_reasons_are_two_messages_a_second_apart() -> None:
    session = new_session(buffer_limits=InputBufferLimits(audio_ms=100))
    play(session, CreateSession(SESSION_OPTIONS), audio(100), now=0.0)
    play(session, audio(60), now=0.1)
    play(session, audio(60), ClientText("a"), now=0.2)
    assert messages(play(session, AttemptFailed(1, REFUSED_KEY), now=0.3), "audio_dropped") == []
    assert [one["reason"] for one in messages(play(session, Tick(), now=1.1), "audio_dropped")] == ["buffer_full"]
    assert session.deadline == 2.1
    assert [one["reason"] for one in messages(play(session, Tick(), now=2.1), "audio_dropped")] == ["session_failed"]


def test_audio_dropped_keeps_its_distance_even_when_the_session_gets_ready() -> None:
    session = new_session(buffer_limits=InputBufferLimits(audio_ms=100))
    play(session, CreateSession(SESSION_OPTIONS), audio(100), audio(60), created())
    play(session, audio(60), now=0.2)
    assert messages(play(session, configured_with_vad(), now=0.3), "audio_dropped") == []
    assert messages(play(session, Tick(), now=1.0), "audio_dropped")


def test_speech_text_tool_results_and_native_events_keep_one_order() -> None:
    session = new_session()
    clear = ClientNative("input_audio_buffer.clear", b"clear", {"type": "input_audio_buffer.clear"})
    play(session, CreateSession(MANUAL), audio(20, 1), ClientText("a"), audio(20, 2), clear, audio(20, 3))
    play(session, ClientCommit(), ClientToolResult("c", "out"), audio(20, 4), created())
    sent = [
        one.pcm[0] if isinstance(one, SendAudio) else one.frame if isinstance(one, SendFrame) else one.event["type"]
        for one in play(session, configured())
        if isinstance(one, SendAudio | SendFrame | SendEvent)
    ]
    asked = ["conversation.item.create", "response.create"]
    assert sent == [1, *asked, 2, b"clear", 3, COMMIT["type"], "conversation.item.create", 4]


def test_chunks_that_arrive_behind_buffered_ones_go_upstream_behind_them() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(20, 1), audio(20, 2), created())
    sent = of_type(SendAudio, [*play(session, configured_with_vad()), *play(session, audio(20, 3))])
    assert [one.pcm[0] for one in sent] == [1, 2, 3]


def test_what_was_buffered_while_lost_goes_upstream_after_what_is_sent_again() -> None:
    session = ready_session(MANUAL, vad=False)
    play(session, audio(20, 1), lost(), audio(20, 2), Tick())
    play(session, Tick(), now=0.25)
    sent = of_type(SendAudio, play(session, created(2), configured(2), now=0.25))
    assert [one.pcm[0] for one in sent] == [1, 2]
    assert {one.generation for one in sent} == {2}


def test_a_commit_that_was_buffered_is_answered_once() -> None:
    session = new_session()
    play(session, CreateSession(MANUAL), audio(200), ClientCommit(), created())
    commands = play(session, configured())
    assert of_type(SendEvent, commands) == [SendEvent(1, COMMIT), SendEvent(1, CREATE)]


def test_a_chunk_larger_than_the_bound_is_dropped_and_reported() -> None:
    session = new_session(buffer_limits=InputBufferLimits(audio_ms=100))
    assert (
        Playbook(session)
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing")
        << OpenUpstream(1, SESSION_OPTIONS)
    )
    assert Playbook(session) >> ClientAudio(bytes(48 * 101)) << message_like("audio_dropped", chunks=1, ms=101)
