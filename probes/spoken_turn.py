"""One spoken turn: a recorded sentence goes up at the pace of speech, and everything that comes back is noted.

It needs a link on which nothing has been said yet. What it notes is a timeline, the transcripts, the answer's audio,
latencies, and what the order checker thinks of it all.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.protocol.audio import chunks, ms_of, silence
from bridge.protocol.dialects import Dialect
from bridge.protocol.order import OrderChecker, Violation
from reports.model import Moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.transport.link import Link

CHUNK_MS = 20
#: Silence behind the sentence, so that turn detection hears its end.
TRAILING_MS = 700

CONFIGURATION: dict[str, Any] = {
    "type": "realtime",
    "audio": {
        "input": {
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
            "transcription": {"model": "gpt-4o-transcribe"},
        }
    },
}


@dataclass(slots=True)
class SpokenTurn:
    """What happened in a turn. Times are seconds since it began."""

    moments: list[Moment] = field(default_factory=list)
    heard: str = ""
    """The transcript of what was said."""
    answer: str = ""
    """The transcript of the answer."""
    audio: bytes = b""
    """The answer, PCM16 24 kHz mono."""
    marks: dict[str, float] = field(default_factory=dict)
    """When things first happened: `created`, `ready`, `audio`, `done`; `spoken`: the last chunk of speech was sent."""
    violations: list[Violation] = field(default_factory=list)

    def seconds_between(self, first: str, then: str) -> float | None:
        """Give the time between two marks; None where one is missing."""
        if first in self.marks and then in self.marks:
            return self.marks[then] - self.marks[first]
        return None


async def spoken_turn(link: Link, pcm: bytes, on_moment: Callable[[Moment], None] = lambda _: None) -> SpokenTurn:
    """Speak `pcm` and listen until the answer and the transcript are done. Raises LinkClosed when the session ends.

    It has no time-out of its own; cancelling it leaves the link open.
    """
    listening = _Listening(link, SpokenTurn(), OrderChecker(Dialect.GA), on_moment)
    await listening.until("session.created")
    await listening.say({"type": "session.update", "session": CONFIGURATION})
    await listening.until("session.updated")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listening.speak, pcm)
        await listening.until_answered()
        nursery.cancel_scope.cancel()
    return listening.turn


@dataclass(slots=True)
class _Listening:
    link: Link
    turn: SpokenTurn
    checker: OrderChecker
    on_moment: Callable[[Moment], None]
    began: float = field(default_factory=trio.current_time)

    def note(self, who: str, what: str, detail: str = "") -> None:
        moment = Moment(at=trio.current_time() - self.began, who=who, what=what, detail=detail)
        self.turn.moments.append(moment)
        self.on_moment(moment)

    def mark(self, name: str) -> None:
        self.turn.marks.setdefault(name, trio.current_time() - self.began)

    async def say(self, event: dict[str, Any], detail: str = "") -> None:
        await self.link.send_text(msgspec.json.encode(event))
        self.note("client", event["type"], detail)

    async def speak(self, pcm: bytes) -> None:
        """Send the sentence, then silence, each chunk when it is due."""
        begin = trio.current_time()
        for index, chunk in enumerate(chunks(pcm + silence(TRAILING_MS), CHUNK_MS)):
            await trio.sleep_until(begin + index * CHUNK_MS / 1000)
            audio = base64.b64encode(chunk).decode("ascii")
            await self.say({"type": "input_audio_buffer.append", "audio": audio})
            if (index + 1) * CHUNK_MS <= ms_of(len(pcm)):
                self.turn.marks["spoken"] = trio.current_time() - self.began

    async def hear(self) -> str:
        """Take the next event, whatever it is."""
        frame = await self.link.receive()
        event: dict[str, Any] = msgspec.json.decode(frame)
        self.turn.violations += self.checker.feed(event)
        self.note("server", event["type"], _detail(event))
        self._keep(event)
        return str(event["type"])

    def _keep(self, event: dict[str, Any]) -> None:
        turn = self.turn
        match event["type"]:
            case "session.created":
                self.mark("created")
            case "session.updated":
                self.mark("ready")
            case "response.output_audio.delta":
                self.mark("audio")
                turn.audio += base64.b64decode(event["delta"])
            case "response.output_audio_transcript.done":
                turn.answer = event["transcript"]
            case "conversation.item.input_audio_transcription.completed":
                turn.heard = event["transcript"]
            case "response.done":
                self.mark("done")

    async def until(self, event_type: str) -> None:
        """Listen up to this event."""
        while await self.hear() != event_type:
            pass

    async def until_answered(self) -> None:
        """Listen until the response is over and what was said is written down."""
        over: set[str] = set()
        while not over >= {"response.done", "transcribed"}:
            event_type = await self.hear()
            if event_type.endswith(("transcription.completed", "transcription.failed")):
                over.add("transcribed")
            over.add(event_type)


def _detail(event: dict[str, Any]) -> str:
    """Say what is worth reading of an event."""
    match event["type"]:
        case "error":
            return f"{event['error'].get('code')}: {event['error'].get('message')}"
        case "session.created":
            return str(event["session"].get("model") or "")
        case "input_audio_buffer.speech_started":
            return f"at {event['audio_start_ms']} ms of audio"
        case "input_audio_buffer.speech_stopped":
            return f"at {event['audio_end_ms']} ms of audio"
        case "response.done":
            return str(event["response"].get("status"))
        case name if name.endswith(("transcript.delta", "transcription.delta")):
            return str(event.get("delta") or "")
    return ""
