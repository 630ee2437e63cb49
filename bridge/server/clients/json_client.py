"""A client at the client endpoint: JSON messages and binary audio in, the bridge's messages and native events out."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.core.commands import Forward, SendMessage
from bridge.core.events import CreateSession
from bridge.driver.client import Frame
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.server.clients.connection import ClientSocket
from bridge.server.clients.json_messages import parse_client_frame
from bridge.server.clients.json_rendering import connected_message, encode_message, render_message
from bridge.server.clients.native_messages import audio_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.commands import ClientCommand
    from bridge.core.events import Event
    from bridge.server.clients.native_messages import LockedFields
    from bridge.server.clients.rate_limit import RateLimits
    from bridge.transport.push_link import PushLink


class _Delta(msgspec.Struct):
    delta: str


_delta = msgspec.json.Decoder(_Delta)


def utc_now() -> datetime:
    """Return the time of day, in UTC."""
    return datetime.now(UTC)


class JsonClient(ClientSocket):
    """One client of the client protocol. Implements `bridge.driver.client.ClientConnection`."""

    def __init__(
        self,
        link: PushLink,
        *,
        client_id: str,
        max_bytes: int,
        limits: RateLimits,
        locked: LockedFields = frozenset(),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(link, client_id=client_id, max_bytes=max_bytes, limits=limits)
        self._locked, self._clock = locked, clock
        self._audio_out = self._requested_audio_out = "base64"

    def initial_frames(self) -> list[Frame]:
        """Return the frames to send first: `connected`."""
        return [Frame(encode_message(connected_message(self.client_id), self._clock()))]

    def on_binary(self, data: bytes) -> None:
        """Pass on a chunk of speech."""
        if not self._limits.admit(self._link, self._handler, len(data)):
            return
        if problem := audio_problem(data):
            self.refuse_binary(problem)
        elif data:
            self._handler.audio(data, self._link.now)

    def parse(self, frame: bytes) -> Event:
        """Return the event of one text frame."""
        event = parse_client_frame(frame, self._locked)
        if isinstance(event, CreateSession):
            self._requested_audio_out = event.session_options.get("audioOut", "base64")
        return event

    def forward(self, event_type: str, frame: bytes, read_at: float) -> bool:
        """Send a native event, audio as requested."""
        if self._audio_out == "binary" and event_type in AUDIO_DELTAS:
            return all(self.send(one, read_at) for one in _as_binary(frame))
        return self._link.send_text(frame, read_at)

    def render(self, command: ClientCommand) -> list[Frame]:
        """Return the frames of a command: messages with a timestamp, native events unchanged, audio as requested."""
        if isinstance(command, Forward) and self._audio_out == "binary" and command.type in AUDIO_DELTAS:
            return _as_binary(command.frame)
        if isinstance(command, SendMessage) and _is_first_attempt(command.message):
            # only now: a create_session that was rejected changes nothing
            self._audio_out = self._requested_audio_out
        message = render_message(command, self._clock())
        return [] if message is None else [Frame(message)]


def _is_first_attempt(message: Mapping[str, Any]) -> bool:
    """Whether a message tells that a session asked for is being opened."""
    return message["type"] == "session_initializing" and message.get("attempt") == 1


def _as_binary(frame: bytes) -> list[Frame]:
    """Return the audio of a delta as a binary frame; forward a delta that can't be decoded unchanged."""
    try:
        pcm = b64decode(_delta.decode(frame).delta)
    except (msgspec.DecodeError, ValueError):
        return [Frame(frame)]
    return [Frame(pcm, binary=True)] if pcm else []
