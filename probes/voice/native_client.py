"""A session in the Realtime API itself, in either dialect: with the service, a compatible server, a native endpoint.

The caller passes the function that opens the socket. Events are sent in the dialect that the first frame shows, or in
the requested one if the frame does not show it.
"""

from __future__ import annotations

import base64
from itertools import count
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
from probes.runner.event_ids import own_event_id
from probes.voice.voice_client import BROKEN_JSON, NotReady, ReceivedFrame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bridge.transport.link import Headers
    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.voice.voice_client import OnFrame, OnSent, VoiceOptions

#: How long to wait for the close after a fatal error, which usually follows in the same millisecond.
_CLOSE_SECONDS = 0.5
_EVENT_ID = own_event_id("events")


class NativeVoiceClient:
    """A session in native events.

    See `probes.voice.voice_client.VoiceClient`; `connect` opens its socket.
    """

    def __init__(
        self, connect: Callable[[SessionKind], Awaitable[UpgradedConnection]], dialect: Dialect = Dialect.GA
    ) -> None:
        self._connect, self._requested_dialect = connect, dialect
        self.dialect = dialect
        """The dialect of the session; the requested one until the first frame."""
        self.kind = SessionKind.CONVERSATION
        self.headers: Headers = ()
        """Headers of the 101 response."""
        self.connected_at: float | None = None
        self.on_sent: OnSent = lambda _event, _detail: None
        self._upgraded: UpgradedConnection | None = None
        self._numbers = count(1)

    async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:
        """Connect, wait for session.created, configure the session, and wait for session.updated."""
        self.kind = options.kind
        self._upgraded = await self._connect(options.kind)
        self.headers, self.connected_at = self._upgraded.headers, trio.current_time()
        await self._wait_for_session(on_frame)
        await self._send(session_update(self.dialect, options), "")
        while True:
            frame = await self._receive_and_pass(on_frame)
            if frame.event.get("type") in SESSION_UPDATED:
                return
            error = error_object(frame.event)
            if frame.event.get("type") == "error" and error.get("event_id") in (None, _EVENT_ID):
                raise NotReady(error, native=True, code=await self._close_code(on_frame))

    async def _wait_for_session(self, on_frame: OnFrame) -> None:
        """Wait for the event that opens the session, and detect the dialect."""
        while True:
            frame = await self._receive_and_pass(on_frame)
            if frame.event.get("type") == "error":
                raise NotReady(error_object(frame.event), native=True, code=await self._close_code(on_frame))
            if frame.event.get("type") in SESSION_CREATED:
                detected = detect_dialect(frame.event)
                self.dialect = detected.dialect or self._requested_dialect
                if detected.kind not in (self.kind, None):
                    raise NotReady({}, native=True)
                return

    async def _receive_and_pass(self, on_frame: OnFrame) -> ReceivedFrame:
        frame = await self.receive()
        on_frame(frame)
        return frame

    async def _close_code(self, on_frame: OnFrame) -> int | None:
        """Wait a moment for the close after an error, and return its code."""
        with trio.move_on_after(_CLOSE_SECONDS):
            try:
                while True:
                    await self._receive_and_pass(on_frame)
            except LinkClosed as closed:
                return closed.code
        return None

    async def receive(self) -> ReceivedFrame:
        """Wait for the next frame. Cancelling loses no frame."""
        frame = await self._link.receive()
        size = len(frame)
        if isinstance(frame, bytes):
            return ReceivedFrame(trio.current_time(), {}, size, native=True, unreadable="a binary frame")
        try:
            event = msgspec.json.decode(frame)
        except (msgspec.DecodeError, RecursionError):
            event = None
        if not isinstance(event, dict):
            return ReceivedFrame(trio.current_time(), {}, size, native=True, unreadable=_unreadable_reason(frame))
        if not isinstance(event.get("type", ""), str):
            return ReceivedFrame(
                trio.current_time(), {}, size, native=True, unreadable="a JSON object whose type isn't a string"
            )
        return ReceivedFrame(trio.current_time(), event, size, native=True)

    async def send_audio(self, pcm: bytes) -> None:
        """Send one chunk of audio."""
        audio = base64.b64encode(pcm).decode("ascii")
        await self._send({"type": "input_audio_buffer.append", "audio": audio}, f"{bytes_to_ms(len(pcm)):g} ms")

    async def commit(self) -> None:
        """Commit the audio, and in a conversation request the response."""
        await self._request({"type": "input_audio_buffer.commit"}, "")
        if self.kind is SessionKind.CONVERSATION:
            await self._request({"type": "response.create"}, "")

    async def send_text(self, text: str) -> None:
        """Send a typed turn and request the response."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self._request({"type": "conversation.item.create", "item": item}, f"{len(text)} characters")
        await self._request({"type": "response.create"}, "")

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        """Cancel the response, and truncate its item at what was played."""
        await self._request({"type": "response.cancel"}, "")
        truncation = {"item_id": item_id, "content_index": 0, "audio_end_ms": played_ms}
        await self._request({"type": "conversation.item.truncate", **truncation}, f"at {played_ms} ms")

    async def send_tool_output(self, call_id: str, output: str) -> None:
        """Send the output of a function call and request the response."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        await self._request({"type": "conversation.item.create", "item": item}, f"{len(output)} characters")
        await self._request({"type": "response.create"}, "")

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a client event that is written in its GA shape; a beta session gets the beta shape."""
        response = event.get("response")
        if self.dialect is Dialect.BETA and isinstance(response, dict):
            event = {**event, "response": response_to_flat(response).fields}
        await self._request(event, "")

    async def close(self) -> None:
        """Close the link within a bounded time."""
        if self._upgraded is not None:
            await close_link(self._upgraded.link)

    async def _send(self, event: Mapping[str, Any], detail: str) -> None:
        self.on_sent(event, detail)
        await self._link.send_text(msgspec.json.encode(event))

    async def _request(self, event: Mapping[str, Any], detail: str) -> None:
        """Send an event by whose `event_id` an error about it can be told from others."""
        await self._send({"event_id": own_event_id(next(self._numbers)), **event}, detail)

    @property
    def _link(self) -> Any:
        if self._upgraded is None:
            raise AssertionError("no session before start")
        return self._upgraded.link


def session_update(dialect: Dialect, options: VoiceOptions) -> dict[str, Any]:
    """Return the event that configures a session with these options, in the shape of the dialect."""
    requested: dict[str, Any] = {"kind": str(options.kind), "turnDetection": options.turn_detection or "none"}
    if options.instructions:
        requested["instructions"] = options.instructions
    if options.tools:
        requested["tools"] = [dict(tool) for tool in options.tools]
    changes: dict[str, Any] = {}
    if options.kind is SessionKind.CONVERSATION and not options.audio_output:
        changes["output_modalities"] = ["text"]
    if options.turn_detection == "server_vad":
        detection = {"type": "server_vad", "silence_duration_ms": options.silence_ms}
        changes["audio"] = {"input": {"turn_detection": detection}}
    without_transcription = options.kind is SessionKind.CONVERSATION and not options.transcribe
    config = (
        SessionConfig(input_transcription_model=None, beta_input_transcription_model=None)
        if without_transcription
        else SessionConfig()
    )
    return {**config.build_update(dialect, requested, changes), "event_id": _EVENT_ID}


def _unreadable_reason(frame: str) -> str:
    start = frame.lstrip()[:9].lower()
    if start.startswith("{"):
        return BROKEN_JSON
    return "a web page" if start.startswith(("<!doctype", "<html")) else "text that isn't a JSON object"
