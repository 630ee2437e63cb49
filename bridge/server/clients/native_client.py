"""The native door's face: to an unmodified SDK the bridge is the Realtime API itself.

Only native events go down. The session is asked for by connecting; a lost one comes back as one more `session.updated`.
What the client must know beside that comes as a native `error` of type `bridge_error`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from bridge.core.commands import Forward, SendMessage
from bridge.core.events import BadMessage, CreateSession
from bridge.driver.client import Frame
from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED
from bridge.server.clients.connection import ClientSocket
from bridge.server.clients.native_messages import parse_native_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.events import Event
    from bridge.server.clients.frame_reader import ClientFrameReader
    from bridge.server.clients.native_messages import LockedFields
    from bridge.transport.websocket import WebSocketLink


#: How a socket ends whose session cannot be had; the codes that the service itself uses. Others: 1011.
_CLOSE_CODES: Mapping[str, int] = {
    "AUTHENTICATION_FAILED": 3000,
    "ACCESS_DENIED": 3000,
    "DIALECT_REFUSED": 4000,
    "MODEL_NOT_AVAILABLE": 4004,
    "QUOTA_EXHAUSTED": 1013,
    "RATE_LIMITED": 1013,
}
_EXPIRED_CODE = 1001
_INTERNAL = 1011


@dataclass(frozen=True, slots=True)
class ClosingFrame(Frame):
    """No message: the end of the socket, behind everything that was queued before. `data` is the reason."""

    code: int = 1000


def session_options_from_query(query: Mapping[str, str], locked: LockedFields) -> dict[str, Any]:
    """Read what an SDK asks for by connecting: the model, and whether it transcribes only.

    A model that the server owns is not the client's to choose; every SDK names one, so it is left out, not refused.
    """
    wish: dict[str, Any] = {}
    if query.get("model") and "model" not in locked:
        wish["model"] = query["model"]
    if query.get("intent") == "transcription":
        wish["kind"] = "transcription"
    return wish


class NativeClient(ClientSocket):
    """One SDK; a `bridge.driver.client.ClientConnection`."""

    def __init__(
        self,
        link: WebSocketLink,
        reader: ClientFrameReader,
        *,
        client_id: str,
        session_options: Mapping[str, Any],
        locked: LockedFields = frozenset(),
    ) -> None:
        super().__init__(link, reader, client_id)
        self._locked = locked
        self._wish: Mapping[str, Any] | None = session_options
        self._created_seen = False
        self._first_ready = False

    def initial_frames(self) -> list[Frame]:
        """Nothing: the first that an SDK hears is `session.created`."""
        return []

    async def receive(self) -> Event:
        """Wait for the next event; the first is the wish for a session. Raises FaceClosed; cancelling loses nothing."""
        if self._wish is not None:
            wish, self._wish = self._wish, None
            return CreateSession(wish)
        return await super().receive()

    def parse(self, frame: str | bytes) -> Event:
        """Understand one frame: every message is text here."""
        if isinstance(frame, bytes):
            text = "Binary frames are not understood here: send input_audio_buffer.append with base64."
            return BadMessage("INVALID_MESSAGE", text)
        return parse_native_frame(frame, self._locked)

    # Out

    def render(self, command: SendMessage | Forward) -> list[Frame]:
        """Pass native events, once each; of the bridge's words only what an SDK can and must understand."""
        match command:
            case Forward(kind, frame):
                return [Frame(frame)] if self._wanted(kind) else []
            case SendMessage(message):
                return self._told(message)
            case _:
                assert_never(command)

    def _wanted(self, kind: str) -> bool:
        """Whether the SDK shall see it: one session, and no answer to a configuration that it did not send."""
        if kind in SESSION_CREATED:
            first, self._created_seen = not self._created_seen, True
            return first
        return self._first_ready or kind not in SESSION_UPDATED

    def _told(self, message: Mapping[str, Any]) -> list[Frame]:
        match message["type"]:
            case "session_ready":
                self._first_ready = True
            case "error":
                return _error_frames(message)
            case "audio_dropped":
                text = (
                    f"{message['ms']} ms of audio and {message['messages']} other messages were given up"
                    f" ({message['reason']})."
                )
                return [_native_error("audio_dropped", text)]
            case "reconnected" if message.get("lost"):
                text = f"The session was reopened; what did not come back: {', '.join(map(str, message['lost']))}."
                return [_native_error("session_not_restored", text)]
            case "session_closed" if message.get("reason") == "expired":
                return [ClosingFrame(b"session_expired", code=_EXPIRED_CODE)]
        return []

    # The wire

    async def send(self, frame: Frame) -> None:
        """Send one frame, or end the socket with it. Raises FaceClosed."""
        if isinstance(frame, ClosingFrame):
            await self.close(frame.code, frame.data.decode())
        else:
            await self.send_text(frame.data)


def _error_frames(message: Mapping[str, Any]) -> list[Frame]:
    """Give the error; one that says how many attempts were made is the last, and an SDK could not ask again."""
    code = str(message["code"])
    detail = message.get("detail") or {}
    frames: list[Frame] = [_native_error(code.lower(), str(message["message"]), detail)]
    if "attempts" in detail:
        frames.append(ClosingFrame(f"bridge_error.{code.lower()}".encode(), code=_CLOSE_CODES.get(code, _INTERNAL)))
    return frames


def _native_error(code: str, text: str, detail: Mapping[str, Any] | None = None) -> Frame:
    """Make the event. Where it is known which event and which field it is about, it says so: SDKs look there."""
    known = detail or {}
    upstream = known.get("upstream") or {}
    about = {"param": upstream.get("param"), "event_id": upstream.get("event_id") or known.get("eventId")}
    error: dict[str, Any] = {"type": "bridge_error", "code": code, "message": text, **about}
    if detail:
        error["detail"] = dict(detail)
    event = {"type": "error", "event_id": f"event_{uuid.uuid4().hex[:24]}", "error": error}
    return Frame(msgspec.json.encode(event))
