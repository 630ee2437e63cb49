"""The messages from the client to the bridge: each row of the client protocol's table in which the core has a part."""

from __future__ import annotations

import pytest

from bridge.core.commands import (
    CloseUpstream,
    Configure,
    Forward,
    OpenUpstream,
    SendAudio,
    SendEvent,
    SendFrame,
    SendMessage,
)
from bridge.core.events import (
    AttemptFailed,
    ClientCommit,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    EndSession,
    Event,
    Interrupt,
    Ping,
    PlaybackProgress,
    RestartSession,
    Tick,
)
from bridge.core.states import State
from tests.core.builders import (
    CANCEL,
    COMMIT,
    CREATE,
    MANUAL,
    REFUSED_KEY,
    SESSION_OPTIONS,
    TRANSCRIPTION,
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
    text_item,
    text_item_done,
)
from tests.core.playbook import Playbook, message_like

# Client -> bridge


def test_create_session_starts_the_upstream_session_step_by_step() -> None:
    session = new_session()
    assert (
        Playbook(session)
        >> CreateSession(SESSION_OPTIONS)
        << SendMessage({"type": "session_initializing", "generation": 1, "attempt": 1, "maxAttempts": 3})
        << OpenUpstream(1, SESSION_OPTIONS)
        >> created()
        << Forward("session.created", b"created")
        << Configure(1, SESSION_OPTIONS, {})
        >> configured_with_vad()
        << Forward("session.updated", b"configured")
        << message_like("session_ready", generation=1)
    )
    assert session.statistics().state is State.READY


def test_create_session_sent_again_while_one_is_starting_is_ignored() -> None:
    assert (
        Playbook(new_session())
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing")
        << OpenUpstream(1, SESSION_OPTIONS)
        >> CreateSession({"model": "another"})
        >> created()
        << Forward("session.created", b"created")
        << Configure(1, SESSION_OPTIONS, {})
        >> CreateSession({"model": "another"})
    )


def test_create_session_sent_again_after_failure_is_a_fresh_try() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY))
    assert (
        Playbook(session, now=5.0)
        >> CreateSession({"model": "another"})
        << message_like("session_initializing", attempt=1, generation=2)
        << OpenUpstream(2, {"model": "another"})
    )


@pytest.mark.parametrize("gone", [False, True], ids=["live", "being reopened"])
def test_create_session_sent_again_while_one_is_live_is_an_error(gone: bool) -> None:
    session = ready_session()
    if gone:
        play(session, lost())
    assert (
        Playbook(session)
        >> CreateSession(SESSION_OPTIONS)
        << message_like("error", code="SESSION_ALREADY_EXISTS", retryable=False, generation=1, suppressed=0)
    )


def test_audio_goes_upstream_in_a_ready_session() -> None:
    assert Playbook(ready_session()) >> audio(20) << SendAudio(1, audio(20).pcm)


def test_audio_commit_commits_and_asks_for_the_answer() -> None:
    session = ready_session(MANUAL, vad=False)
    assert (
        Playbook(session)
        >> audio(200)
        << SendAudio(1, audio(200).pcm)
        >> ClientCommit()
        << SendEvent(1, COMMIT)
        << SendEvent(1, CREATE)
    )


def test_audio_commit_asks_for_no_answer_where_there_are_none() -> None:
    session = ready_session(TRANSCRIPTION, vad=False)
    play(session, audio(200))
    assert Playbook(session) >> ClientCommit() << SendEvent(1, COMMIT)


def test_text_is_a_user_turn_and_asks_for_a_response() -> None:
    assert Playbook(ready_session()) >> ClientText("hi") << SendEvent(1, text_item("hi")) << SendEvent(1, CREATE)


def test_interrupt_cancels_the_response_and_cuts_what_was_not_heard() -> None:
    session = ready_session()
    play(
        session,
        response_created(),
        native("response.output_item.added", response_id="resp_1", item={"id": "i1", "type": "message"}),
    )
    assert (
        Playbook(session)
        >> Interrupt(None, 1500)
        << SendEvent(1, CANCEL)
        << SendEvent(
            1, {"type": "conversation.item.truncate", "item_id": "i1", "content_index": 0, "audio_end_ms": 1500}
        )
    )


def test_interrupt_names_its_item_or_means_the_one_that_is_still_played() -> None:
    session = ready_session()
    play(
        session,
        response_created(),
        native("response.output_item.added", response_id="resp_1", item={"id": "i1", "type": "message"}),
    )
    play(session, audio_delta(), response_done())
    cut = {"type": "conversation.item.truncate", "content_index": 0}
    assert Playbook(session) >> Interrupt(None, 900) << SendEvent(1, {**cut, "item_id": "i1", "audio_end_ms": 900})
    assert Playbook(session) >> Interrupt("i0", 100) << SendEvent(1, {**cut, "item_id": "i0", "audio_end_ms": 100})
    assert Playbook(session) >> Interrupt("i0", None)


def test_an_interruption_that_does_not_say_where_cuts_at_what_playback_reported() -> None:
    session = ready_session()
    item = {"id": "i1", "type": "message"}
    play(session, response_created(), native("response.output_item.added", response_id="resp_1", item=item))
    cut = {"type": "conversation.item.truncate", "item_id": "i1", "content_index": 0}
    assert Playbook(session) >> PlaybackProgress("i1", 80)
    assert Playbook(session) >> Interrupt() << SendEvent(1, CANCEL) << SendEvent(1, {**cut, "audio_end_ms": 80})
    assert Playbook(session) >> Interrupt(None, 90) << SendEvent(1, CANCEL) << SendEvent(1, {**cut, "audio_end_ms": 90})
    assert Playbook(session) >> PlaybackProgress("i0", 70)
    assert Playbook(session) >> Interrupt() << SendEvent(1, CANCEL)


def test_playback_needs_no_session() -> None:
    assert Playbook(new_session()) >> PlaybackProgress("i1", 80)


def test_an_interruption_cuts_the_message_that_began_last_even_if_a_call_follows_it() -> None:
    session = ready_session()
    play(session, response_created())
    for item_id, kind in (("i1", "message"), ("i2", "message"), ("i3", "function_call")):
        item = {"id": item_id, "type": kind}
        play(session, native("response.output_item.added", response_id="resp_1", item=item))
    cut = {"type": "conversation.item.truncate", "item_id": "i2", "content_index": 0, "audio_end_ms": 300}
    assert Playbook(session) >> Interrupt(None, 300) << SendEvent(1, CANCEL) << SendEvent(1, cut)


def test_tool_result_answers_the_call_and_asks_for_a_response() -> None:
    output = {"type": "function_call_output", "call_id": "call_1", "output": '{"ok":true}'}
    assert (
        Playbook(ready_session())
        >> ClientToolResult("call_1", '{"ok":true}')
        << SendEvent(1, {"type": "conversation.item.create", "item": output})
        << SendEvent(1, CREATE)
    )


def test_restart_session_opens_a_fresh_one_and_keeps_the_context() -> None:
    session = ready_session()
    play(session, text_item_done("i1", "hello"))
    assert (
        Playbook(session)
        >> RestartSession()
        << CloseUpstream(1, "restart")
        << message_like("reconnecting", attempt=1, maxAttempts=5, delayMs=0, reason="restart", generation=1)
        << OpenUpstream(2, SESSION_OPTIONS)
    )
    done_again = play(session, created(2), configured_with_vad(2))
    assert messages(done_again, "reconnected")[0]["restored"]["turns"] == 1
    assert [sent.event["item"]["id"] for sent in of_type(SendEvent, done_again)] == ["i1"]


def test_restart_session_while_waiting_for_an_attempt_tries_at_once() -> None:
    session = ready_session()
    play(session, lost())
    assert Playbook(session) >> RestartSession() << OpenUpstream(2, SESSION_OPTIONS)


@pytest.mark.parametrize(
    "before", [[], [CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY)]], ids=["none", "failed"]
)
def test_restart_session_without_a_session_says_so(before: list[Event]) -> None:
    session = new_session()
    play(session, *before)
    assert errors(play(session, RestartSession(), now=5.0)) == ["NO_SESSION_EXISTS"]


def test_end_session_closes_the_upstream_and_keeps_the_socket() -> None:
    session = ready_session()
    assert (
        Playbook(session)
        >> EndSession()
        << CloseUpstream(1, "ended")
        << SendMessage({"type": "session_closed", "generation": 1, "reason": "ended"})
        >> CreateSession(SESSION_OPTIONS)
        << message_like("session_initializing", generation=2)
        << OpenUpstream(2, SESSION_OPTIONS)
    )


def test_end_session_while_starting_cancels_the_attempt_and_without_one_does_nothing() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS))
    assert (
        Playbook(session) >> EndSession() << CloseUpstream(1, "ended") << message_like("session_closed") >> EndSession()
    )
    assert session.deadline is None


def test_end_session_forgets_the_conversation() -> None:
    session = ready_session()
    play(
        session,
        text_item_done("i1", "secret"),
        EndSession(),
        CreateSession(SESSION_OPTIONS),
        created(2),
        configured_with_vad(2),
        lost(2),
        Tick(),
    )
    play(session, Tick(), now=1.0)
    again = play(session, created(3), configured_with_vad(3), now=1.0)
    assert messages(again, "reconnected")[0]["restored"]["turns"] == 0


@pytest.mark.parametrize("ping_id", [None, 0, "", "a", {"n": 1}])
def test_ping_is_answered_with_the_same_id_and_nothing_goes_upstream(ping_id: object) -> None:
    expected = {"type": "pong"} if ping_id is None else {"type": "pong", "id": ping_id}
    assert Playbook(ready_session()) >> Ping(ping_id) << SendMessage(expected)
    assert Playbook(new_session()) >> Ping(ping_id) << SendMessage(expected)


def test_native_events_are_forwarded_as_they_are_in_order_with_audio() -> None:
    clear = ClientNative("input_audio_buffer.clear", b'{"type":"input_audio_buffer.clear"}')
    assert (
        Playbook(ready_session())
        >> audio(20)
        << SendAudio(1, audio(20).pcm)
        >> clear
        << SendFrame(1, clear.frame)
        >> audio(20, 2)
        << SendAudio(1, audio(20, 2).pcm)
    )
