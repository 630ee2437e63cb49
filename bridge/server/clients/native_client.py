"""A client at the native endpoint: to an unmodified SDK, the bridge looks like the Realtime API itself.

The SDK receives native events only. Connecting opens the session; a session that was restored shows as one more
`session.updated`. The bridge's own errors are native `error` events of type `bridge_error`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from bridge.core.commands import EndResponse, Forward, SendMessage
from bridge.core.events import BadMessage, CreateSession
from bridge.driver.client import Frame
from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED
from bridge.server.clients.connection import ClientSocket
from bridge.server.clients.lost_response import closing_events
from bridge.server.clients.native_messages import parse_native_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.commands import ClientCommand
    from bridge.core.events import Event
    from bridge.server.clients.frame_reader import ClientFrameReader
    from bridge.server.clients.native_messages import LockedFields
    from bridge.transport.websocket import WebSocketLink


#: Close codes for a session that can't be opened, as the service uses them. All other errors close with 1011.
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
    """Not a message, but the close of the socket after all queued messages. `data` is the reason."""

    code: int = 1000


def session_options_from_query(query: Mapping[str, str], locked: LockedFields) -> dict[str, Any]:
    """Return the session options in the URL of an SDK: the model, and whether it only transcribes.

    A locked model is ignored, not rejected, because every SDK sends one.
    """
    options: dict[str, Any] = {}
    if query.get("model") and "model" not in locked:
        options["model"] = query["model"]
    if query.get("intent") == "transcription":
        options["kind"] = "transcription"
    return options


class NativeClient(ClientSocket):
    """One SDK. Implements `bridge.driver.client.ClientConnection`."""

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
        self._session_options: Mapping[str, Any] | None = session_options
        self._created_sent = False
        self._was_ready = False
        self._numbers = count(1)

    def initial_frames(self) -> list[Frame]:
        """Return no frames: the first event of an SDK is `session.created`."""
        return []

    async def receive(self) -> Event:
        """Wait for the next event; the first is CreateSession. Raises ClientDisconnected; cancelling loses no frame."""
        if self._session_options is not None:
            options, self._session_options = self._session_options, None
            return CreateSession(options)
        return await super().receive()

    def parse(self, frame: str | bytes) -> Event:
        """Return the event of one frame; a binary frame is invalid here."""
        if isinstance(frame, bytes):
            text = "Binary frames are not supported here. Send input_audio_buffer.append with base64 audio."
            return BadMessage("INVALID_MESSAGE", text)
        return parse_native_frame(frame, self._locked)

    # To the client

    def render(self, command: ClientCommand) -> list[Frame]:
        """Return the frames of a command: native events unchanged, and the messages that an SDK must know about."""
        match command:
            case Forward(kind, frame):
                return [Frame(frame)] if self._is_visible(kind) else []
            case SendMessage(message):
                return self._render_message(message)
            case EndResponse(response, dialect):
                events = closing_events(response, beta=dialect == "beta")
                return [self._own_frame(event) for event in events]
            case _:
                assert_never(command)

    def _own_frame(self, event: Mapping[str, Any]) -> Frame:
        """Return the frame of an event of the bridge's own, with an id that the service gives to none of its events."""
        return Frame(msgspec.json.encode({**event, "event_id": f"event_bridge_{next(self._numbers)}"}))

    def _is_visible(self, kind: str) -> bool:
        """Whether the SDK receives an event: one session.created, and no reply to a configuration it didn't send."""
        if kind in SESSION_CREATED:
            first, self._created_sent = not self._created_sent, True
            return first
        return self._was_ready or kind not in SESSION_UPDATED

    def _render_message(self, message: Mapping[str, Any]) -> list[Frame]:
        match message["type"]:
            case "session_ready":
                self._was_ready = True
            case "error":
                return _error_frames(message)
            case "audio_dropped":
                text = (
                    f"{message['ms']} ms of audio and {message['messages']} other messages were dropped"
                    f" ({message['reason']})."
                )
                return [_native_error("audio_dropped", text)]
            case "reconnected" if message.get("lost"):
                text = f"The session was reopened. Not restored: {', '.join(map(str, message['lost']))}."
                return [_native_error("session_not_restored", text)]
            case "session_closed" if message.get("reason") == "expired":
                return [ClosingFrame(b"session_expired", code=_EXPIRED_CODE)]
        return []

    async def send(self, frame: Frame) -> None:
        """Send one frame, or close the socket if it is a ClosingFrame. Raises ClientDisconnected."""
        if isinstance(frame, ClosingFrame):
            await self.close(frame.code, frame.data.decode())
        else:
            await self.send_text(frame.data)


def _error_frames(message: Mapping[str, Any]) -> list[Frame]:
    """Return the error, and the close if the error ends the session (it has `attempts`): an SDK can't ask again."""
    code = str(message["code"])
    detail = message.get("detail") or {}
    frames: list[Frame] = [_native_error(code.lower(), str(message["message"]), detail)]
    if "attempts" in detail:
        frames.append(ClosingFrame(f"bridge_error.{code.lower()}".encode(), code=_CLOSE_CODES.get(code, _INTERNAL)))
    return frames


def _native_error(code: str, text: str, detail: Mapping[str, Any] | None = None) -> Frame:
    """Return an `error` event, with the `event_id` and `param` that it is about where they are known."""
    known = detail or {}
    upstream = known.get("upstream") or {}
    cause = {"param": upstream.get("param"), "event_id": upstream.get("event_id") or known.get("eventId")}
    error: dict[str, Any] = {"type": "bridge_error", "code": code, "message": text, **cause}
    if detail:
        error["detail"] = dict(detail)
    event = {"type": "error", "event_id": f"event_{uuid.uuid4().hex[:24]}", "error": error}
    return Frame(msgspec.json.encode(event))
