"""Builders for the tests of the core: sessions in a known state, upstream events, audio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from bridge.core.commands import Command, LogEvent, SendMessage
from bridge.core.events import (
    ClientAudio,
    CreateSession,
    Failure,
    SessionConfigured,
    SessionCreated,
    Tick,
    UpstreamError,
    UpstreamEvent,
    UpstreamLost,
)
from bridge.core.session import Session
from bridge.core.settings import CoreSettings
from bridge.core.states import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.events import Event

C = TypeVar("C")

SESSION_OPTIONS: Mapping[str, Any] = {"model": "gpt-realtime-2.1", "voice": "marin"}
TRANSCRIPTION: Mapping[str, Any] = {"kind": "transcription"}
MANUAL: Mapping[str, Any] = {"turnDetection": "none"}

COMMIT = {"type": "input_audio_buffer.commit"}
CREATE = {"type": "response.create"}
CANCEL = {"type": "response.cancel"}

UNAVAILABLE = Failure(code="UPSTREAM_UNAVAILABLE", message="The upstream cannot be reached.", retryable=True)
REFUSED_KEY = Failure(code="AUTHENTICATION_FAILED", message="The key is refused.", retryable=False)
EXPIRED = Failure(code="SESSION_EXPIRED", message="The session hit its maximum duration.", retryable=True)


def new_session(**settings: Any) -> Session:
    """A session whose back-offs are always half of the bound."""
    return Session(CoreSettings(**settings), rng=lambda: 0.5)


def play(session: Session, *events: Event, now: float = 0.0) -> list[Command]:
    """Handle events. Returns the commands that came of them, without log events."""
    done = [command for event in events for command in session.handle(event, now)]
    return [command for command in done if not isinstance(command, LogEvent)]


def of_type(kind: type[C], commands: list[Command]) -> list[C]:
    return [command for command in commands if isinstance(command, kind)]


def messages(commands: list[Command], message_type: str) -> list[dict[str, Any]]:
    """The messages of one type that the client was sent, as dicts."""
    return [dict(sent.message) for sent in of_type(SendMessage, commands) if sent.message["type"] == message_type]


def errors(commands: list[Command]) -> list[str]:
    return [message["code"] for message in messages(commands, "error")]


def created(generation: int = 1, expires_at: float | None = None) -> SessionCreated:
    return SessionCreated(
        generation=generation,
        frame=b"created",
        session_id=f"sess_{generation}",
        model="gpt-realtime-2.1",
        dialect="ga",
        expires_at=expires_at,
        expires_at_text="" if expires_at is None else "2026-11-21T12:00:00.000Z",
    )


def configured(generation: int = 1, detection: Mapping[str, Any] | None = None) -> SessionConfigured:
    """The confirmation; `detection` None: the client ends its turns itself."""
    session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    return SessionConfigured(generation, b"configured", {"type": "session.updated", "session": session})


SERVER_VAD: Mapping[str, Any] = {"type": "server_vad", "create_response": True}


def configured_with_vad(generation: int = 1) -> SessionConfigured:
    return configured(generation, SERVER_VAD)


def ready_session(
    options: Mapping[str, Any] = SESSION_OPTIONS,
    *,
    now: float = 0.0,
    expires_at: float | None = None,
    vad: bool = True,
    **settings: Any,
) -> Session:
    """A session that is ready, generation 1."""
    session = new_session(**settings)
    confirmed = configured_with_vad() if vad else configured()
    play(session, CreateSession(options), created(expires_at=expires_at), confirmed, now=now)
    assert session.statistics().state is State.READY
    return session


def native(event_type: str, generation: int = 1, **fields: Any) -> UpstreamEvent:
    return UpstreamEvent(generation, event_type, event_type.encode(), {"type": event_type, **fields})


def audio_delta(generation: int = 1) -> UpstreamEvent:
    """A piece of a spoken response, as it comes: not parsed."""
    return UpstreamEvent(generation, "response.output_audio.delta", b"delta")


def response_created(response_id: str = "resp_1", generation: int = 1, **response: Any) -> UpstreamEvent:
    return native("response.created", generation, response={"id": response_id, **response})


def response_done(response_id: str = "resp_1", generation: int = 1, **response: Any) -> UpstreamEvent:
    return native("response.done", generation, response={"id": response_id, "status": "completed", **response})


def text_item_done(item_id: str, text: str, role: str = "user", generation: int = 1) -> UpstreamEvent:
    part = {"type": "input_text" if role == "user" else "output_text", "text": text}
    whole = {"id": item_id, "type": "message", "role": role, "content": [part]}
    return native("conversation.item.done", generation, item=whole)


def speech_item_added(item_id: str, generation: int = 1) -> UpstreamEvent:
    """An item of the user's speech, without a transcript."""
    whole = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    return native("conversation.item.added", generation, item=whole)


def upstream_error(
    code: str, generation: int = 1, *, harmless: bool = False, retryable: bool = False, **fields: Any
) -> UpstreamError:
    failure = Failure(code="UPSTREAM_ERROR", message=f"The upstream said {code}.", retryable=retryable)
    return UpstreamError(generation, failure, {"type": "invalid_request_error", "code": code, **fields}, harmless)


def lost(generation: int = 1, failure: Failure = UNAVAILABLE) -> UpstreamLost:
    return UpstreamLost(generation, failure, "closed with 1006")


def audio(ms: float, mark: int = 1) -> ClientAudio:
    """Audio whose samples all have the value `mark`, so that chunks can be told apart."""
    return ClientAudio(bytes([mark, 0]) * round(ms * 24))


def reconnect(session: Session, *, vad: bool = True, now: float = 1.0) -> list[Command]:
    """Lose the session and open a fresh one, generation 2. Returns the commands that came when it was ready."""
    play(session, lost(), now=now)
    play(session, Tick(), created(2), now=now + 8)
    return play(session, configured_with_vad(2) if vad else configured(2), now=now + 8)


def text_item(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}
