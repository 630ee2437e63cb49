"""Messages of the client protocol as core events.

Pure. `bridge.client_protocol` says what each message may hold; here a frame is checked against that and becomes an
event. Fields that the protocol doesn't know are ignored, null counts as absent. Native events (a dot in the type) are
`native_messages.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.client_protocol.messages import (
    CLIENT_MESSAGES,
    AudioCommitMessage,
    AudioMessage,
    CreateSessionMessage,
    EndSessionMessage,
    InterruptMessage,
    PingMessage,
    PlaybackMessage,
    RestartSessionMessage,
    TextMessage,
    ToolResultMessage,
    decode_client_message,
    is_native,
)
from bridge.core.events import (
    ClientCommit,
    ClientText,
    ClientToolResult,
    CreateSession,
    EndSession,
    Interrupt,
    Ping,
    PlaybackProgress,
    RestartSession,
)
from bridge.server.clients.native_messages import (
    InvalidMessageError,
    LockedFields,
    audio_event,
    bad_message,
    check_locked_options,
    decode_audio,
    decode_object,
    message_type,
    to_native_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.client_protocol.messages import ClientMessage
    from bridge.core.events import Event

_MAX_TYPE_SHOWN = 60


def parse_client_frame(frame: bytes, locked: LockedFields) -> Event:
    """Read one text frame of the client protocol. Never raises: an invalid one becomes a `BadMessage`."""
    try:
        body = decode_object(frame)
        kind = message_type(body)
        if is_native(kind):
            return to_native_event(kind, body, locked)
        _check_fields(kind, body)
        return _to_event(decode_client_message(body), body, locked)
    except InvalidMessageError as invalid:
        return bad_message(frame, invalid)


def _check_fields(kind: str, body: Mapping[str, Any]) -> None:
    known = CLIENT_MESSAGES.get(kind)
    if known is None:
        shown, types = repr(kind[:_MAX_TYPE_SHOWN]), ", ".join(CLIENT_MESSAGES)
        raise InvalidMessageError(f"Unknown message type {shown}. Known types: {types}.")
    problem = next(known.problems(body), None)
    if problem is not None:
        raise InvalidMessageError(f"{kind}: {problem}.")


def _to_event(message: ClientMessage, body: Mapping[str, Any], locked: LockedFields) -> Event:
    if isinstance(message, CreateSessionMessage):
        return CreateSession(_session_options(body, locked))
    return _EVENTS[type(message)](message)


#: The event of each other message.
_EVENTS: Mapping[type[ClientMessage], Callable[[Any], Event]] = {
    AudioMessage: lambda message: audio_event(decode_audio(message.audio)),
    AudioCommitMessage: lambda _: ClientCommit(),
    TextMessage: lambda message: ClientText(message.text),
    InterruptMessage: lambda message: Interrupt(
        message.item_id, None if message.played_ms is None else round(message.played_ms)
    ),
    PlaybackMessage: lambda message: PlaybackProgress(message.item_id, round(message.played_ms)),
    ToolResultMessage: lambda message: ClientToolResult(message.call_id, message.output),
    RestartSessionMessage: lambda _: RestartSession(),
    EndSessionMessage: lambda _: EndSession(),
    PingMessage: lambda message: Ping(message.id),
}


def _session_options(body: Mapping[str, Any], locked: LockedFields) -> dict[str, Any]:
    """Take the fields that the protocol knows. Raises InvalidMessageError when one of them is the server's to set."""
    fields = CLIENT_MESSAGES["create_session"].fields
    options = {name: value for name, value in body.items() if name in fields and value is not None}
    check_locked_options(options, locked)
    return options
