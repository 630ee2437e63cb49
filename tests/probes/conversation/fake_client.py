"""A voice client for tests of the conversation package, and the events that its server sends."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.dialects.detection import Dialect
from probes.conversation.facts import SessionFacts
from probes.conversation.recorder import Recorder
from probes.runner.redaction import Secrets
from probes.voice.voice_client import ReceivedFrame
from tests.probes.conversation.session_builder import SESSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.voice.voice_client import OnFrame, OnSent, VoiceOptions


@dataclass
class FakeVoiceClient:
    """A voice client that receives what a test lists: events, seconds to wait, exceptions to raise."""

    incoming: list[Any] = field(default_factory=list)
    send_error: Exception | None = None
    """Raised by every send."""
    opening: list[Any] = field(default_factory=lambda: [session_created(), session_updated()])
    connected_at: float | None = None
    sent: list[str] = field(default_factory=list)
    sent_audio: list[tuple[float, bytes]] = field(default_factory=list)
    closed: int = 0
    finished_at: float = 0.0

    def __post_init__(self) -> None:
        self.on_sent: OnSent = lambda _event, _detail: None

    async def start(self, options: VoiceOptions, on_frame: OnFrame) -> None:  # noqa: ARG002 - the interface
        self.connected_at = trio.current_time()
        for each in self.opening:
            on_frame(await self._next(each))

    async def receive(self) -> ReceivedFrame:
        while self.incoming:
            each = self.incoming.pop(0)
            if isinstance(each, int | float):
                await trio.sleep(each)
            else:
                return await self._next(each)
        await trio.sleep_forever()
        raise AssertionError

    async def _next(self, each: Any) -> ReceivedFrame:
        await trio.lowlevel.checkpoint()
        if isinstance(each, Exception):
            raise each
        if isinstance(each, int | float):
            await trio.sleep(each)
            return frame({"type": "ping"})
        return each if isinstance(each, ReceivedFrame) else frame(each)

    async def send_audio(self, pcm: bytes) -> None:
        self.sent_audio.append((trio.current_time(), pcm))
        await self.send_event({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})

    async def commit(self) -> None:
        await self.send_event({"type": "input_audio_buffer.commit"})

    async def send_text(self, text: str) -> None:  # noqa: ARG002 - as above
        await self.send_event({"type": "response.create"})

    async def interrupt(self, item_id: str, played_ms: int) -> None:
        await self.send_event({"type": f"interrupt {item_id} {played_ms}"})

    async def send_tool_output(self, call_id: str, output: str) -> None:  # noqa: ARG002 - as above
        await self.send_event({"type": f"answer {call_id}"})

    async def send_event(self, event: Mapping[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.on_sent(event, "")
        if self.send_error is not None:
            raise self.send_error
        self.sent.append(str(event["type"]))

    async def close(self) -> None:
        self.closed += 1


def frame(event: dict[str, Any], **changes: Any) -> ReceivedFrame:
    return replace(ReceivedFrame(trio.current_time(), event, 100, native=True), **changes)


def session_created() -> dict[str, Any]:
    return {"type": "session.created", "event_id": "e1", "session": SESSION}


def session_updated() -> dict[str, Any]:
    return {"type": "session.updated", "event_id": "e2", "session": SESSION}


def response_done(name: str = "resp_1", status: str = "completed", **details: Any) -> dict[str, Any]:
    return {
        "type": "response.done",
        "event_id": f"done_{name}",
        "response": {"id": name, "status": status, "status_details": details},
    }


def make_recorder(**changes: Any) -> Recorder:
    return Recorder(facts=SessionFacts(Dialect.GA), secrets=Secrets(), **changes)
