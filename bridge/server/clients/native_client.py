"""A client at the native endpoint: to an unmodified SDK, the bridge looks like the Realtime API itself.

The SDK receives native events only. Connecting opens the session; a session that was restored shows as one more
`session.updated`. What was open in a lost session is ended first (`lost_response.py`), and errors are the service's own
(`native_errors.py`). What is no error isn't sent: logs and metrics say what was restored and what was dropped.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from bridge.core.commands import EndResponse, Forward, SendMessage, SendNative
from bridge.core.events import CreateSession
from bridge.driver.client import ClosingFrame, Frame
from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED
from bridge.server.clients.connection import ClientSocket
from bridge.server.clients.lost_response import closing_events
from bridge.server.clients.native_errors import close_after, native_error
from bridge.server.clients.native_messages import parse_native_frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.commands import ClientCommand
    from bridge.core.events import Event
    from bridge.driver.client import ClientHandler
    from bridge.server.clients.native_messages import LockedFields
    from bridge.server.clients.rate_limit import RateLimits
    from bridge.transport.push_link import PushLink


def session_options_from_query(query: Mapping[str, str], locked: LockedFields) -> dict[str, Any]:
    """Return the session options in the URL of an SDK: the model, and whether it only transcribes.

    Everything else is for its `session.update` to say, or for the service's own defaults. A locked model is ignored,
    not rejected, because every SDK sends one.
    """
    options: dict[str, Any] = {"plain": True}
    if query.get("model") and "model" not in locked:
        options["model"] = query["model"]
    if query.get("intent") == "transcription":
        options["kind"] = "transcription"
    return options


class NativeClient(ClientSocket):
    """One SDK. Implements `bridge.driver.client.ClientConnection`."""

    def __init__(
        self,
        link: PushLink,
        *,
        client_id: str,
        max_bytes: int,
        limits: RateLimits,
        session_options: Mapping[str, Any],
        locked: LockedFields = frozenset(),
    ) -> None:
        super().__init__(link, client_id=client_id, max_bytes=max_bytes, limits=limits)
        self._locked, self._session_options = locked, session_options
        self._created_sent = False
        self._was_ready = False
        self._numbers = count(1)
        self._last_error: tuple[object, Mapping[str, Any]] | None = None
        """The generation and the error. The service reports what ends a session and closes: the close must not repeat
        the error. It does repeat one of an earlier session."""

    def initial_frames(self) -> list[Frame]:
        """Return no frames: the first event of an SDK is `session.created`."""
        return []

    async def run(self, handler: ClientHandler) -> None:
        """Ask for a session, then call `handler` for each message; see ClientConnection."""
        handler.handle(CreateSession(self._session_options, native=True))
        await super().run(handler)

    def on_binary(self, data: bytes) -> None:
        """Pass on that a binary frame is invalid here."""
        if self._limits.admit(self._link, self._handler, len(data)):
            text = "Binary frames are not supported here. Send input_audio_buffer.append with base64 audio."
            self.refuse_binary(text)

    def parse(self, frame: bytes) -> Event:
        """Return the event of one text frame."""
        return parse_native_frame(frame, self._locked)

    def forward(self, event_type: str, frame: bytes, read_at: float) -> bool:
        """Send a native event, if it is for this client."""
        return not self._is_visible(event_type) or self._link.send_text(frame, read_at)

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
            case SendNative(event):
                return [self._own_frame(event)]
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
                return self._error_frames(message)
        return []

    def _error_frames(self, message: Mapping[str, Any]) -> list[Frame]:
        error = native_error(message)
        if error is None:
            return []
        close = close_after(message, error)
        told = (message.get("generation"), error)
        known, self._last_error = told == self._last_error, told
        frames = [] if known and close is not None else [self._own_frame({"type": "error", "error": error})]
        return frames if close is None else [*frames, ClosingFrame(close[1].encode(), code=close[0])]
