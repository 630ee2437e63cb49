"""What a connection can do on the wire, and the moments of a session at which a fault can make it do so.

Actions are values. `pipeline.py` puts them in order and `service/connection.py` carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.protocol.events.groups import (
    ARGUMENTS_DELTAS,
    AUDIO_DELTAS,
    SESSION_CREATED,
    SESSION_UPDATE,
    SESSION_UPDATED,
    TEXT_DELTAS,
)


@dataclass(frozen=True, slots=True)
class TextFrame:
    """Send a text frame with this payload."""

    type: str
    """The event type in the payload, so that faults need not decode it."""
    data: bytes


@dataclass(frozen=True, slots=True)
class RawBytes:
    """Write these bytes to the stream unchanged: for frames that the codec refuses to produce."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CloseFrame:
    """Send a close frame and close the connection."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Drop:
    """End the TCP connection without a close frame (FIN)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the TCP connection (RST)."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop reading and writing but keep the socket open: a half-open connection."""


WireAction = TextFrame | RawBytes | CloseFrame | Drop | Reset | Freeze


@dataclass(frozen=True, slots=True)
class TimedAction:
    """An action and the time at which it is due, in seconds on the connection's clock."""

    due_at: float
    action: WireAction


#: Server moments by name: right after the service sends one of these event types.
SERVER_MOMENTS = {
    "created": SESSION_CREATED,
    "ready": SESSION_UPDATED,
    "speech": frozenset({"input_audio_buffer.speech_started"}),
    "committed": frozenset({"input_audio_buffer.committed"}),
    "response": frozenset({"response.created"}),
    "text": TEXT_DELTAS,
    "audio": AUDIO_DELTAS | {"session.output_audio.delta"},
    "arguments": ARGUMENTS_DELTAS,
    "done": frozenset({"response.done"}),
}
#: Client moments by name: right after the client sends one of these event types and the session has answered it.
CLIENT_MOMENTS = {
    "update": SESSION_UPDATE,
    "append": frozenset({"input_audio_buffer.append", "session.input_audio_buffer.append"}),
    "commit": frozenset({"input_audio_buffer.commit"}),
    "create": frozenset({"response.create"}),
}
#: Right after the 101, before anything is sent.
CONNECT_MOMENT = "connect"
MOMENTS = (CONNECT_MOMENT, *SERVER_MOMENTS, *CLIENT_MOMENTS)
