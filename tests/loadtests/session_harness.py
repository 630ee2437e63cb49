"""A caller's talk on a clock that the test turns, and what it said and measured so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bridge.protocol.audio.tracer import TracerSource
from loadtests.callers.backoff import Waits
from loadtests.callers.echo import Echo
from loadtests.callers.protocols import line_for
from loadtests.callers.session import Talk
from loadtests.callers.speech_clock import Pace
from loadtests.metrics.recorder import Meter
from loadtests.scenarios.behaviour import Behaviour

START = 1000.0
SHORT = Behaviour(chunk_ms=20, speech_ms=100, pause_ms=60, listen_ms=2000)


def said(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


READY = said("session_ready", generation=1)
DONE = said("response.done", response={"status": "completed"})


@dataclass
class Desk:
    """A talk and its clock."""

    behaviour: Behaviour = SHORT
    lost_at: float | None = None
    now: float = START
    sent: list[tuple[float, str | bytes]] = field(default_factory=list)
    talk: Talk = field(init=False)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(fire=lambda **_: None, clock=lambda: self.now)
        self.talk = Talk(
            behaviour=self.behaviour,
            line=line_for(self.behaviour),
            source=TracerSource(7),
            pace=Pace(self.behaviour.chunk_ms, self.behaviour.speech_ms, self.now),
            notes=self.meter,
            waits=Waits(Random(1)),
            lost_at=self.lost_at,
            echo=Echo(7) if self.behaviour.echo else None,
        )
        self._sends(self.talk.begin(self.now))

    def _sends(self, frames: Any) -> bool:
        self.sent.extend((round(self.now - START, 3), frame) for frame in frames)
        return bool(frames)

    def hears(self, *frames: str | bytes) -> None:
        for frame in frames:
            self.talk.hear(frame, self.now, self.now)

    def goes_on(self, seconds: float) -> None:
        """Live through it as the greenlet of a call does."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            while self._sends(self.talk.take(self.now)):
                pass
            self.now = min(until, max(self.now + 1e-6, self.talk.pace.due))

    def stalls(self, seconds: float) -> None:
        """Be kept from doing anything."""
        self.now += seconds

    @property
    def chunks(self) -> list[float]:
        return [at for at, frame in self.sent if isinstance(frame, bytes)]

    @property
    def messages(self) -> list[str]:
        return [json.loads(frame)["type"] for _, frame in self.sent if isinstance(frame, str)]

    def total(self, name: str) -> float:
        self.meter.flush()
        return self.meter.figures.total(name) or 0

    def ms(self, name: str) -> float | None:
        return self.meter.figures.percentile(name, 100)


def ready(behaviour: Behaviour = SHORT) -> Desk:
    desk = Desk(behaviour)
    desk.hears(READY)
    return desk
