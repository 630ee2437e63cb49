"""The messages from the bridge to the client, each with all the fields of the client protocol's table."""

from __future__ import annotations

from bridge.core.commands import (
    Forward,
    SendAudio,
    SendEvent,
    SendFrame,
)
from bridge.core.events import (
    AttemptFailed,
    ClientAudio,
    ClientNative,
    ClientText,
    CreateSession,
    Tick,
)
from tests.core.builders import (
    CREATE,
    REFUSED_KEY,
    SESSION_OPTIONS,
    TRANSCRIPTION,
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
    text_item,
)
from tests.core.playbook import Playbook

# Bridge -> client


def test_session_ready_has_every_field_of_the_table() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), audio(40), audio(20), ClientText("hi"), created())
    [ready] = messages(play(session, configured_with_vad()), "session_ready")
    assert ready == {
        "type": "session_ready",
        "generation": 1,
        "message": "OpenAI session is ready",
        "sessionId": "sess_1",
        "model": "gpt-realtime-2.1",
        "dialect": "ga",
        "bufferedChunks": 2,
        "bufferedMs": 60,
    }


def test_reconnecting_and_reconnected_have_every_field_of_the_table() -> None:
    session = ready_session()
    [reconnecting] = messages(play(session, lost()), "reconnecting")
    assert reconnecting == {
        "type": "reconnecting",
        "generation": 1,
        "attempt": 1,
        "maxAttempts": 5,
        "delayMs": 250,
        "reason": "closed with 1006",
    }
    play(session, audio(100), Tick(), now=0.25)
    [reconnected] = messages(play(session, created(2), configured_with_vad(2), now=0.5), "reconnected")
    assert reconnected == {
        "type": "reconnected",
        "generation": 2,
        "message": "Reconnected to OpenAI",
        "sessionId": "sess_2",
        "heldMs": 100,
        "resentMs": 0,
        "restored": {"config": True, "tools": False, "turns": 0, "pendingTools": 0},
        "lost": [],
    }


def test_tools_are_reported_as_restored_where_there_are_any() -> None:
    session = ready_session({"tools": [{"name": "f"}]})
    play(session, lost(), Tick())
    play(session, Tick(), now=1.0)
    [reconnected] = messages(play(session, created(2), configured_with_vad(2), now=1.0), "reconnected")
    assert reconnected["restored"]["tools"] is True


def test_every_attempt_is_announced_with_its_own_generation() -> None:
    session = new_session()
    sent = messages(
        play(session, CreateSession(SESSION_OPTIONS), AttemptFailed(1, REFUSED_KEY)), "session_initializing"
    )
    sent += messages(play(session, CreateSession(SESSION_OPTIONS)), "session_initializing")
    assert [(one["generation"], one["attempt"], one["maxAttempts"]) for one in sent] == [(1, 1, 3), (2, 1, 3)]


def test_native_events_are_forwarded_untouched_before_and_after_ready() -> None:
    session = new_session()
    play(session, CreateSession(SESSION_OPTIONS), created())
    assert Playbook(session) >> native("rate_limits.updated") << Forward("rate_limits.updated", b"rate_limits.updated")
    play(session, configured_with_vad())
    assert Playbook(session) >> audio_delta() << Forward("response.output_audio.delta", b"delta")


def test_the_upstreams_own_names_of_its_first_events_are_kept() -> None:
    session = new_session()
    play(session, CreateSession(TRANSCRIPTION))
    frames = play(
        session,
        created().__class__(
            generation=1,
            frame=b"c",
            session_id="s",
            model="m",
            dialect="beta",
            expires_at=None,
            type="transcription_session.created",
        ),
    )
    assert of_type(Forward, frames) == [Forward("transcription_session.created", b"c")]


def test_a_second_confirmation_is_one_more_native_event() -> None:
    assert Playbook(ready_session()) >> configured_with_vad() << Forward("session.updated", b"configured")
    assert Playbook(ready_session()) >> created() << Forward("session.created", b"created")


def test_what_is_no_audio_waits_with_it_in_one_order() -> None:
    session = new_session()
    clear = ClientNative("input_audio_buffer.clear", b"{}")
    play(
        session,
        CreateSession(SESSION_OPTIONS),
        ClientAudio(b"\1\0"),
        clear,
        ClientAudio(b"\2\0"),
        ClientText("t"),
        created(),
    )
    sent = play(session, configured_with_vad())[2:]
    assert sent == [
        SendAudio(1, b"\1\0"),
        SendFrame(1, b"{}"),
        SendAudio(1, b"\2\0"),
        SendEvent(1, text_item("t")),
        SendEvent(1, CREATE),
    ]
