"""A session through a bridge, in the client protocol; a `VoiceClient`.

It sends and receives, and judges nothing. A session that the bridge loses and reopens continues here as one session:
the bridge's messages about it are received like all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import msgspec
import trio

from bridge.client_protocol.client import (
    NOT_JSON,
    AudioReceived,
    FrameUnreadable,
    MessageReceived,
    NativeEventReceived,
    ProtocolClient,
)
from bridge.client_protocol.messages import (
    AudioCommitMessage,
    CreateSessionMessage,
    InterruptMessage,
    TextMessage,
    ToolResultMessage,
    is_native,
)
from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.events.groups import SESSION_UPDATED
from bridge.protocol.schema.shapes import session_to_flat
from bridge.transport.link import LinkClosed
from probes.access.context import close_link
from probes.voice.voice_client import NotReady, OnFrame, OnSent, ReceivedFrame, VoiceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.client_protocol.messages import ClientMessage
    from bridge.transport.link import Link
    from probes.targets.bridge import BridgeTarget

#: Messages by which the bridge reports that the session is ready.
_READY = frozenset({"session_ready", "reconnected"})


class BridgeVoiceClient:
    """A client of one bridge. See `probes.voice.voice_client.VoiceClient`."""

    def __init__(self, target: BridgeTarget) -> None:
        """Keep the target; nothing is opened before `start`."""
        self.on_sent: OnSent = lambda _event, _detail: None
        self.connected_at: float | None = None
        self._target = target
        self._client = ProtocolClient()
        self._link: Link | None = None

    async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:
        """Connect, request the session, and return when the bridge reports that it is ready.

        Raises NotReady if the bridge sends an error before that, LinkClosed, DialFailed and HandshakeRefused. Text
        responses, for which the client protocol has no field, are requested with a native `session.update` afterwards.
        """
        self._link = (await self._target.dial()).link
        self.connected_at = trio.current_time()
        await self._send(create_session_message(options, self._target.model))
        ready = await self._receive_until(_READY, on_frame)
        if not options.audio_output and options.kind is SessionKind.CONVERSATION:
            await self._send_json(_text_responses(Dialect.BETA if ready.get("dialect") == "beta" else Dialect.GA))
            await self._receive_until(SESSION_UPDATED, on_frame)

    async def _receive_until(self, kinds: frozenset[str], on_frame: OnFrame) -> Mapping[str, Any]:
        while True:
            frame = await self.receive()
            on_frame(frame)
            if frame.event.get("type") in kinds:
                return frame.event
            if frame.event.get("type") == "error":
                raise NotReady(frame.event, native=False)

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame. Cancelling loses no frame."""
        return parse_frame(self._client, await self._require_link().receive())

    async def send_audio(self, pcm: bytes) -> None:
        """Send one chunk of audio as a binary frame."""
        self.on_sent({"type": "audio"}, f"{bytes_to_ms(len(pcm)):g} ms")
        await self._require_link().send_binary(self._client.send_audio(pcm))

    async def commit(self) -> None:
        """Commit the audio; in a conversation the bridge requests the response."""
        await self._send(AudioCommitMessage())

    async def send_text(self, text: str) -> None:
        """Send a typed turn; the bridge requests the response."""
        await self._send(TextMessage(text=text), f"{len(text)} characters")

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        """Cancel the response, and truncate its item at what was played."""
        await self._send(InterruptMessage(item_id=item_id, played_ms=played_ms), f"at {played_ms} ms")

    async def send_tool_output(self, call_id: str, output: str) -> None:
        """Send the output of a function call; the bridge requests the response."""
        await self._send(ToolResultMessage(call_id=call_id, output=output), f"{len(output)} characters")

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a native client event, which the bridge forwards unchanged and in order with the audio."""
        await self._send_json(event)

    async def close(self) -> None:
        """Close the link within two seconds. Safe to call more than once, or before `start`."""
        if self._link is not None:
            await close_link(self._link)

    async def _send(self, message: ClientMessage, detail: str = "") -> None:
        await self._send_json(msgspec.to_builtins(message), detail)

    async def _send_json(self, message: Mapping[str, Any], detail: str = "") -> None:
        self.on_sent(message, detail)
        await self._require_link().send_text(msgspec.json.encode(message))

    def _require_link(self) -> Link:
        if self._link is None:
            raise LinkClosed(None, "it was never opened", by_peer=False)
        return self._link


def parse_frame(client: ProtocolClient, frame: str | bytes) -> ReceivedFrame:
    """Parse one frame that arrives on the client's socket; native events are parsed in full."""
    size, now = len(frame), trio.current_time()
    received = client.receive(frame)
    match received:
        case AudioReceived():
            return ReceivedFrame(now, {}, size, native=False, unreadable="a binary frame")
        case MessageReceived(_, fields):
            return ReceivedFrame(now, fields, size, native=False)
        case NativeEventReceived(_, text):
            return _native_event(text, now)
        case FrameUnreadable(reason):
            return ReceivedFrame(now, {}, size, native=False, unreadable=reason)
        case _:
            assert_never(received)


def _native_event(text: str, now: float) -> ReceivedFrame:
    try:
        event = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ReceivedFrame(now, {}, len(text), native=False, unreadable=NOT_JSON)
    return ReceivedFrame(now, event, len(text), native=is_native(str(event["type"])))


def create_session_message(options: VoiceOptions, model: str) -> CreateSessionMessage:
    """Return the `create_session` message for these options; the bridge chooses everything else."""
    return CreateSessionMessage(
        kind="transcription" if options.kind is SessionKind.TRANSCRIPTION else None,
        model=model or None,
        turn_detection=options.turn_detection or "none",
        instructions=options.instructions or None,
        tools=[dict(tool) for tool in options.tools] or None,
    )


def _text_responses(dialect: Dialect) -> dict[str, Any]:
    nested = {"type": "realtime", "output_modalities": ["text"]}
    return {"type": "session.update", "session": session_to_flat(nested).fields if dialect is Dialect.BETA else nested}
