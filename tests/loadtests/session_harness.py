"""A caller's session on a clock that the test advances, with everything it sent and recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bridge.protocol.audio.tracer import TracerSource
from loadtests.callers.backoff import Backoff
from loadtests.callers.session import CallerSession, new_session
from loadtests.callers.speech_clock import SpeechClock
from loadtests.metrics.recorder import ProcessRecorder
from loadtests.scenarios.behaviour import CallerBehaviour

START = 1000.0
SHORT = CallerBehaviour(chunk_ms=20, speech_ms=100, pause_ms=60, answer_timeout_ms=2000)


def message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


READY = message("session_ready", generation=1)
DONE = message("response.done", response={"status": "completed"})


@dataclass
class SessionHarness:
    """A session and its clock."""

    behaviour: CallerBehaviour = SHORT
    lost_at: float | None = None
    now: float = START
    sent: list[tuple[float, str | bytes]] = field(default_factory=list)
    session: CallerSession = field(init=False)
    recorder: ProcessRecorder = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = ProcessRecorder(fire=lambda **_: None, clock=lambda: self.now)
        self.session = new_session(
            self.behaviour,
            TracerSource(7),
            speech_clock=SpeechClock(self.behaviour.chunk_ms, self.behaviour.speech_ms, self.now),
            recorder=self.recorder,
            backoff=Backoff(Random(1)),
            lost_at=self.lost_at,
        )
        self._sends(self.session.start(self.now))

    def _sends(self, frames: Any) -> bool:
        self.sent.extend((round(self.now - START, 3), frame) for frame in frames)
        return bool(frames)

    def receive(self, *frames: str | bytes) -> None:
        for frame in frames:
            self.session.receive(frame, self.now, self.now)

    def run_for(self, seconds: float) -> None:
        """Advance the clock as the greenlet of a call does."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            while self._sends(self.session.next_frames(self.now)):
                pass
            self.now = min(until, max(self.now + 1e-6, self.session.speech_clock.due))

    def stall(self, seconds: float) -> None:
        """Advance the clock without sending."""
        self.now += seconds

    @property
    def chunks(self) -> list[float]:
        return [at for at, frame in self.sent if isinstance(frame, bytes)]

    @property
    def messages(self) -> list[str]:
        return [json.loads(frame)["type"] for _, frame in self.sent if isinstance(frame, str)]

    def total(self, name: str) -> float:
        self.recorder.flush()
        return self.recorder.measurements.total(name) or 0

    def ms(self, name: str) -> float | None:
        return self.recorder.measurements.percentile(name, 100)


def ready_session(behaviour: CallerBehaviour = SHORT) -> SessionHarness:
    harness = SessionHarness(behaviour)
    harness.receive(READY)
    return harness
