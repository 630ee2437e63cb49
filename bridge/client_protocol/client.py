"""A client of the protocol without I/O: frames in, events out; messages in, frames out.

Theory of operation
-------------------
One `ProtocolClient` belongs to one socket. The owner of the socket (the simulation under trio, a load test under
gevent, a probe) passes every frame that arrives to `receive` and writes what `send` and `send_audio` return. Nothing
here waits, and nothing raises because of what a peer sent: a frame that can't be read is an event too.

`receive` reads as little as it can. The type of a frame is found without parsing it, and native events (audio deltas
are most of the traffic) stay unparsed: the caller parses the few that it needs.

The client keeps what every caller needs to know about its session: its state as far as the bridge reported it, the
newest generation, and whether a message is stale, that is, about a session that is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.client_protocol.errors import ERRORS, ClientCode
from bridge.client_protocol.messages import CreateSessionMessage, encode, is_native
from bridge.protocol.events.peek import peek

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.client_protocol.messages import ClientMessage


class ReportedState(StrEnum):
    """The state of the session, as far as the bridge reported it to the client."""

    NONE = "none"
    """No session was reported yet."""
    INITIALIZING = "initializing"
    READY = "ready"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    """It failed or was closed: `create_session` is a fresh try."""


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """A piece of an answer, as a binary frame."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class NativeEventReceived:
    """An event of the Realtime API, unparsed. The text may be cut short: `type` is all that was read of it."""

    type: str
    frame: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message of the bridge's own; its type may be unknown and its fields wrong (`bridge.client_protocol.fields`)."""

    type: str
    fields: Mapping[str, Any]
    """The JSON object as it came, `type` included."""
    stale: bool = False
    """It belongs to an earlier generation than one that was reported before."""
    ends_session: bool = False
    """It ends the newest session; the socket stays open."""

    def number(self, name: str) -> float:
        """Give a field as a number, never negative; 0 where it's none: other people's bridges send what they like."""
        value = self.fields.get(name)
        return max(0.0, float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0

    @property
    def detail(self) -> Mapping[str, Any]:
        """`detail` of an error; empty where it has none."""
        value = self.fields.get("detail")
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class FrameUnreadable:
    """A text frame that is no JSON object with a string `type`."""

    reason: str


ReceivedEvent = AudioReceived | NativeEventReceived | MessageReceived | FrameUnreadable

#: What a message does to the state of the session.
_NEXT_STATE: Final[Mapping[str, ReportedState]] = {
    "session_initializing": ReportedState.INITIALIZING,
    "session_ready": ReportedState.READY,
    "reconnecting": ReportedState.RECONNECTING,
    "reconnected": ReportedState.READY,
    "session_closed": ReportedState.ENDED,
}
NOT_JSON: Final = "text that isn't JSON"
_NOT_A_MESSAGE: Final = "text that isn't a JSON object with a type"

_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(slots=True)
class ProtocolClient:
    """One socket's side of the client protocol."""

    state: ReportedState = ReportedState.NONE
    generation: int = 0
    """The newest that was reported."""
    client_id: str = ""
    """What the bridge calls this client."""
    dropped_ms: float = 0.0
    """Milliseconds of audio that the bridge reported as dropped."""
    resent_ms: float = 0.0
    """Milliseconds of audio that the bridge reported as sent again."""
    reconnects: int = 0
    options: CreateSessionMessage = field(default_factory=CreateSessionMessage)
    """What the last `create_session` asked for."""

    # Out

    def send(self, message: ClientMessage) -> str:
        """Give the text frame that carries a message."""
        if isinstance(message, CreateSessionMessage):
            self.options = message
        return encode(message).decode()

    def send_audio(self, pcm: bytes) -> bytes:
        """Give the binary frame that carries speech: PCM16, 24 kHz, mono, whole samples."""
        return pcm

    # In

    def receive(self, frame: str | bytes) -> ReceivedEvent:
        """Read one frame: text, or audio where it is bytes. Never raises."""
        if isinstance(frame, bytes):
            return AudioReceived(frame)
        kind = peek(frame)
        if kind is not None and is_native(kind):
            return NativeEventReceived(kind, frame)
        try:
            body = _decode_object(frame)
        except msgspec.ValidationError:
            return FrameUnreadable(_NOT_A_MESSAGE)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return FrameUnreadable(NOT_JSON)
        return self._message(body)

    def _message(self, body: Mapping[str, Any]) -> MessageReceived | FrameUnreadable:
        kind = body.get("type")
        if not isinstance(kind, str):
            return FrameUnreadable(_NOT_A_MESSAGE)
        stale = self._is_stale(body.get("generation"))
        ends = kind == "session_closed" or (kind == "error" and ends_session(body))
        message = MessageReceived(kind, body, stale=stale, ends_session=ends and not stale)
        self._learn(message)
        return message

    def _is_stale(self, generation: object) -> bool:
        if not isinstance(generation, int) or isinstance(generation, bool):
            return False
        stale = generation < self.generation
        self.generation = max(self.generation, generation)
        return stale

    def _learn(self, message: MessageReceived) -> None:
        if message.ends_session:
            self.state = ReportedState.ENDED
        elif not message.stale:
            self.state = _NEXT_STATE.get(message.type, self.state)
        match message.type:
            case "connected":
                self.client_id = str(message.fields.get("clientId"))
            case "audio_dropped":
                self.dropped_ms += message.number("ms")
            case "reconnected":
                self.reconnects += 1
                self.resent_ms += message.number("resentMs")


def ends_session(error: Mapping[str, Any]) -> bool:
    """Whether an `error` says that the session is over, while the socket stays open.

    It does when it names how many attempts were made, or by its code; not when it was held back until it was outdated.
    """
    detail = error.get("detail")
    known = detail if isinstance(detail, dict) else {}
    if known.get("outdated"):
        return False
    return "attempts" in known or str(error.get("code")) in _ENDING_CODES


_ENDING_CODES: Final = frozenset(code for code in ClientCode if ERRORS[code].ends_session)
