"""A session through a bridge, in the words of the client protocol; a `Speaker`.

It asks and hears; it judges nothing. A session that is lost and reopened by the bridge goes on here as one: what the
bridge says about it is heard like everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.protocol.audio.pcm import ms_of
from bridge.protocol.dialects.detection import Dialect, Kind
from bridge.protocol.schema.shapes import to_flat
from bridge.transport.link import LinkClosed
from probes.access.context import part
from probes.voice.voice_client import Heard, NotReady, OnHeard, OnSaid, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.link import Link
    from probes.targets.bridge import BridgeTarget

#: With these the bridge says that there is a session.
_READY = frozenset({"session_ready", "reconnected"})
_UPDATED = frozenset({"session.updated", "transcription_session.updated"})


class SpeakingClient:
    """One client of one bridge."""

    def __init__(self, target: BridgeTarget) -> None:
        """Nothing is opened before `start`."""
        self.on_said: OnSaid = lambda _event, _detail: None
        self.connected_at: float | None = None
        self._target = target
        self._link: Link | None = None

    async def start(self, wish: Wish, on_heard: OnHeard) -> None:
        """Connect, ask for the session, and return when the bridge says that it is ready.

        Raises NotReady for an error of the bridge before that, LinkClosed, DialFailed and HandshakeRefused. What the
        client protocol has no words for (an answer in writing) is sent as a native `session.update` behind it.
        """
        self._link = (await self._target.dial()).link
        self.connected_at = trio.current_time()
        await self._send(creation(wish, self._target.model))
        ready = await self._heard_until(_READY, on_heard)
        if not wish.spoken and wish.kind is Kind.CONVERSATION:
            await self._send(_written_answers(Dialect.BETA if ready.get("dialect") == "beta" else Dialect.GA))
            await self._heard_until(_UPDATED, on_heard)

    async def _heard_until(self, kinds: frozenset[str], on_heard: OnHeard) -> Mapping[str, Any]:
        while True:
            heard = await self.hear()
            on_heard(heard)
            if heard.event.get("type") in kinds:
                return heard.event
            if heard.event.get("type") == "error":
                raise NotReady(heard.event, native=False)

    async def hear(self) -> Heard:
        """Wait for the next frame. Cancelling loses nothing."""
        return read_frame(await self._open().receive())

    async def speak(self, pcm: bytes) -> None:
        """Send one chunk of speech as a binary frame."""
        self.on_said({"type": "audio"}, f"{ms_of(len(pcm)):g} ms")
        await self._open().send_binary(pcm)

    async def commit(self) -> None:
        """End the speech; the bridge asks for the answer where there will be one."""
        await self._send({"type": "audio_commit"})

    async def type_text(self, text: str) -> None:
        """Say something in writing."""
        await self._send({"type": "text", "text": text}, f"{len(text)} characters")

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        """Stop the answer, and cut it at what was played."""
        await self._send({"type": "interrupt", "itemId": item_id, "playedMs": played_ms}, f"at {played_ms} ms")

    async def answer_tool(self, call_id: str, output: str) -> None:
        """Give the result of a function call; the bridge asks for the answer."""
        await self._send({"type": "tool_result", "callId": call_id, "output": output}, f"{len(output)} characters")

    async def say(self, event: Mapping[str, Any]) -> None:
        """Send a native client event: the bridge passes it on as it is, in order with speech."""
        await self._send(event)

    async def end(self) -> None:
        """Say goodbye and hang up, within a second each; harmless when repeated, or before `start`."""
        if self._link is not None:
            await part(self._link)

    async def _send(self, message: Mapping[str, Any], detail: str = "") -> None:
        self.on_said(message, detail)
        await self._open().send_text(msgspec.json.encode(message))

    def _open(self) -> Link:
        if self._link is None:
            raise LinkClosed(None, "it was never opened", by_peer=False)
        return self._link


def read_frame(frame: str | bytes) -> Heard:
    """Understand one frame: a native event has a dot in its type, the bridge's own words have none."""
    size, now = len(frame), trio.current_time()
    if isinstance(frame, bytes):
        return Heard(now, {}, size, native=False, unreadable="a binary frame")
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Heard(now, {}, size, native=False, unreadable="text that is no JSON")
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return Heard(now, {}, size, native=False, unreadable="text that is no JSON object with a type")
    return Heard(now, event, size, native="." in event["type"])


def creation(wish: Wish, model: str) -> dict[str, Any]:
    """Put a wish into the words of `create_session`; what the bridge shall choose itself is left out."""
    told = {
        "kind": "transcription" if wish.kind is Kind.TRANSCRIPTION else None,
        "model": model or None,
        "turnDetection": wish.turn_detection or "none",
        "instructions": wish.instructions or None,
        "tools": [dict(tool) for tool in wish.tools] or None,
    }
    return {"type": "create_session"} | {name: value for name, value in told.items() if value is not None}


def _written_answers(dialect: Dialect) -> dict[str, Any]:
    nested = {"type": "realtime", "output_modalities": ["text"]}
    return {"type": "session.update", "session": to_flat(nested).session if dialect is Dialect.BETA else nested}
