"""Speaking the Realtime API itself, in either dialect: to the service, to a compatible server, to a native door.

How the socket is opened is handed in. What is sent is written in the dialect that the first frame shows; where it does
not say, in the one that was asked for.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.dialects.detection import Dialect, SessionKind, detect_dialect
from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED
from bridge.protocol.schema.shapes import response_to_flat
from bridge.transport.link import LinkClosed
from bridge.upstream.session_config import SessionConfig
from probes.access.context import close_link, error_object
from probes.voice.voice_client import NotReady, ReceivedFrame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bridge.transport.link import Headers
    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.voice.voice_client import OnFrame, OnSent, VoiceOptions

#: Behind an error that ends a session the close follows in the same millisecond; this long it is waited for.
_CLOSE_SECONDS = 0.5
_EVENT_ID = "event_sherpa_events"


class NativeVoiceClient:
    """A session with whoever speaks native events.

    See `probes.voice.voice_client.Speaker`; `connect` opens its socket.
    """

    def __init__(
        self, connect: Callable[[SessionKind], Awaitable[UpgradedConnection]], dialect: Dialect = Dialect.GA
    ) -> None:
        self._connect, self._asked = connect, dialect
        self.dialect = dialect
        """What is spoken, as far as it is known."""
        self.kind = SessionKind.CONVERSATION
        self.headers: Headers = ()
        """Of the 101."""
        self.connected_at: float | None = None
        self.on_sent: OnSent = lambda _event, _detail: None
        self._upgraded: UpgradedConnection | None = None

    async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:
        """Connect, wait for the session, configure it, and wait until that is confirmed."""
        self.kind = options.kind
        self._upgraded = await self._connect(options.kind)
        self.headers, self.connected_at = self._upgraded.headers, trio.current_time()
        await self._opened(on_frame)
        await self._send(session_update(self.dialect, options), "")
        while True:
            heard = await self._told(on_frame)
            if heard.event.get("type") in SESSION_UPDATED:
                return
            error = error_object(heard.event)
            if heard.event.get("type") == "error" and error.get("event_id") in (None, _EVENT_ID):
                raise NotReady(error, native=True, code=await self._close_code(on_frame))

    async def _opened(self, on_heard: OnFrame) -> None:
        """Wait for the event that opens the session, and learn the dialect from it."""
        while True:
            heard = await self._told(on_heard)
            if heard.event.get("type") == "error":
                raise NotReady(error_object(heard.event), native=True, code=await self._close_code(on_heard))
            if heard.event.get("type") in SESSION_CREATED:
                detected = detect_dialect(heard.event)
                self.dialect = detected.dialect or self._asked
                if detected.kind not in (self.kind, None):
                    raise NotReady({}, native=True)
                return

    async def _told(self, on_heard: OnFrame) -> ReceivedFrame:
        heard = await self.receive()
        on_heard(heard)
        return heard

    async def _close_code(self, on_heard: OnFrame) -> int | None:
        """Wait a moment for the close behind an error: it belongs to what was seen."""
        with trio.move_on_after(_CLOSE_SECONDS):
            try:
                while True:
                    await self._told(on_heard)
            except LinkClosed as closed:
                return closed.code
        return None

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame."""
        frame = await self._link.receive()
        size = len(frame)
        if isinstance(frame, bytes):
            return ReceivedFrame(trio.current_time(), {}, size, native=True, unreadable="a binary frame")
        try:
            event = msgspec.json.decode(frame)
        except (msgspec.DecodeError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return ReceivedFrame(trio.current_time(), {}, size, native=True, unreadable=_kind_of(frame))
        if not isinstance(event.get("type", ""), str):
            return ReceivedFrame(
                trio.current_time(), {}, size, native=True, unreadable="a JSON object whose type is no text"
            )
        return ReceivedFrame(trio.current_time(), event, size, native=True)

    async def send_audio(self, pcm: bytes) -> None:
        """Send one chunk of speech."""
        audio = base64.b64encode(pcm).decode("ascii")
        await self._send({"type": "input_audio_buffer.append", "audio": audio}, f"{bytes_to_ms(len(pcm)):g} ms")

    async def commit(self) -> None:
        """End the speech, and in a conversation ask for the answer."""
        await self._send({"type": "input_audio_buffer.commit"}, "")
        if self.kind is SessionKind.CONVERSATION:
            await self._send({"type": "response.create"}, "")

    async def send_text(self, text: str) -> None:
        """Add a typed turn and ask for the answer."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self._send({"type": "conversation.item.create", "item": item}, f"{len(text)} characters")
        await self._send({"type": "response.create"}, "")

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        """Cancel the answer, and cut its item at what was played."""
        await self._send({"type": "response.cancel"}, "")
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": played_ms}
        await self._send({"type": "conversation.item.truncate", **cut}, f"at {played_ms} ms")

    async def send_tool_output(self, call_id: str, output: str) -> None:
        """Give the result of a function, and ask for the answer made of it."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        await self._send({"type": "conversation.item.create", "item": item}, f"{len(output)} characters")
        await self._send({"type": "response.create"}, "")

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send an event that is written in GA's shape."""
        response = event.get("response")
        if self.dialect is Dialect.BETA and isinstance(response, dict):
            event = {**event, "response": response_to_flat(response).fields}
        await self._send(event, "")

    async def close(self) -> None:
        """Say goodbye and close."""
        if self._upgraded is not None:
            await close_link(self._upgraded.link)

    async def _send(self, event: Mapping[str, Any], detail: str) -> None:
        self.on_sent(event, detail)
        await self._link.send_text(msgspec.json.encode(event))

    @property
    def _link(self) -> Any:
        if self._upgraded is None:
            raise AssertionError("there is no session before start")
        return self._upgraded.link


def session_update(dialect: Dialect, options: VoiceOptions) -> dict[str, Any]:
    """Write the event that configures the wished session, in the shape of a dialect."""
    wanted: dict[str, Any] = {"kind": str(options.kind), "turnDetection": options.turn_detection or "none"}
    if options.instructions:
        wanted["instructions"] = options.instructions
    if options.tools:
        wanted["tools"] = [dict(tool) for tool in options.tools]
    changes: dict[str, Any] = {}
    if options.kind is SessionKind.CONVERSATION and not options.audio_output:
        changes["output_modalities"] = ["text"]
    if options.turn_detection == "server_vad":
        detection = {"type": "server_vad", "silence_duration_ms": options.silence_ms}
        changes["audio"] = {"input": {"turn_detection": detection}}
    mute = options.kind is SessionKind.CONVERSATION and not options.transcribe
    asking = (
        SessionConfig(input_transcription_model=None, beta_input_transcription_model=None) if mute else SessionConfig()
    )
    return {**asking.build_update(dialect, wanted, changes), "event_id": _EVENT_ID}


def _kind_of(frame: str) -> str:
    start = frame.lstrip()[:9].lower()
    if start.startswith("{"):
        return "a piece of JSON that is cut off or broken"
    return "a web page" if start.startswith(("<!doctype", "<html")) else "text that is no JSON object"
