"""A session through a bridge, in the words of the client protocol; a `Speaker`.

It asks and hears; it judges nothing. A session that is lost and reopened by the bridge goes on here as one: what the
bridge says about it is heard like everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.events.groups import SESSION_UPDATED
from bridge.protocol.schema.shapes import session_to_flat
from bridge.transport.link import LinkClosed
from probes.access.context import close_link
from probes.voice.voice_client import NotReady, OnFrame, OnSent, ReceivedFrame, VoiceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.link import Link
    from probes.targets.bridge import BridgeTarget

#: With these the bridge says that there is a session.
_READY = frozenset({"session_ready", "reconnected"})


class BridgeVoiceClient:
    """One client of one bridge."""

    def __init__(self, target: BridgeTarget) -> None:
        """Nothing is opened before `start`."""
        self.on_sent: OnSent = lambda _event, _detail: None
        self.connected_at: float | None = None
        self._target = target
        self._link: Link | None = None

    async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:
        """Connect, ask for the session, and return when the bridge says that it is ready.

        Raises NotReady for an error of the bridge before that, LinkClosed, DialFailed and HandshakeRefused. What the
        client protocol has no words for (an answer in writing) is sent as a native `session.update` behind it.
        """
        self._link = (await self._target.dial()).link
        self.connected_at = trio.current_time()
        await self._send(create_session_message(options, self._target.model))
        ready = await self._heard_until(_READY, on_frame)
        if not options.audio_output and options.kind is SessionKind.CONVERSATION:
            await self._send(_written_answers(Dialect.BETA if ready.get("dialect") == "beta" else Dialect.GA))
            await self._heard_until(SESSION_UPDATED, on_frame)

    async def _heard_until(self, kinds: frozenset[str], on_heard: OnFrame) -> Mapping[str, Any]:
        while True:
            heard = await self.receive()
            on_heard(heard)
            if heard.event.get("type") in kinds:
                return heard.event
            if heard.event.get("type") == "error":
                raise NotReady(heard.event, native=False)

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame. Cancelling loses nothing."""
        return parse_frame(await self._open().receive())

    async def send_audio(self, pcm: bytes) -> None:
        """Send one chunk of speech as a binary frame."""
        self.on_sent({"type": "audio"}, f"{bytes_to_ms(len(pcm)):g} ms")
        await self._open().send_binary(pcm)

    async def commit(self) -> None:
        """End the speech; the bridge asks for the answer where there will be one."""
        await self._send({"type": "audio_commit"})

    async def send_text(self, text: str) -> None:
        """Say something in writing."""
        await self._send({"type": "text", "text": text}, f"{len(text)} characters")

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        """Stop the answer, and cut it at what was played."""
        await self._send({"type": "interrupt", "itemId": item_id, "playedMs": played_ms}, f"at {played_ms} ms")

    async def send_tool_output(self, call_id: str, output: str) -> None:
        """Give the result of a function call; the bridge asks for the answer."""
        await self._send({"type": "tool_result", "callId": call_id, "output": output}, f"{len(output)} characters")

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a native client event: the bridge passes it on as it is, in order with speech."""
        await self._send(event)

    async def close(self) -> None:
        """Say goodbye and hang up, within a second each; harmless when repeated, or before `start`."""
        if self._link is not None:
            await close_link(self._link)

    async def _send(self, message: Mapping[str, Any], detail: str = "") -> None:
        self.on_sent(message, detail)
        await self._open().send_text(msgspec.json.encode(message))

    def _open(self) -> Link:
        if self._link is None:
            raise LinkClosed(None, "it was never opened", by_peer=False)
        return self._link


def parse_frame(frame: str | bytes) -> ReceivedFrame:
    """Understand one frame: a native event has a dot in its type, the bridge's own words have none."""
    size, now = len(frame), trio.current_time()
    if isinstance(frame, bytes):
        return ReceivedFrame(now, {}, size, native=False, unreadable="a binary frame")
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ReceivedFrame(now, {}, size, native=False, unreadable="text that is no JSON")
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return ReceivedFrame(now, {}, size, native=False, unreadable="text that is no JSON object with a type")
    return ReceivedFrame(now, event, size, native="." in event["type"])


def create_session_message(options: VoiceOptions, model: str) -> dict[str, Any]:
    """Put a wish into the words of `create_session`; what the bridge shall choose itself is left out."""
    told = {
        "kind": "transcription" if options.kind is SessionKind.TRANSCRIPTION else None,
        "model": model or None,
        "turnDetection": options.turn_detection or "none",
        "instructions": options.instructions or None,
        "tools": [dict(tool) for tool in options.tools] or None,
    }
    return {"type": "create_session"} | {name: value for name, value in told.items() if value is not None}


def _written_answers(dialect: Dialect) -> dict[str, Any]:
    nested = {"type": "realtime", "output_modalities": ["text"]}
    return {"type": "session.update", "session": session_to_flat(nested).fields if dialect is Dialect.BETA else nested}
