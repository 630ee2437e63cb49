"""Everything that can go wrong in a run, by kind: one table, each row draws what it does to one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bridge.simulation.network import Weather
from bridge.simulator.faults.pipeline import MOMENTS, Act, CloseFrame, Drop, Freeze, Reset
from bridge.simulator.faults.session_faults import (
    Confirm,
    Create,
    Expire,
    Handshake,
    Http,
    Refuse,
    Reply,
    Storm,
    Transcription,
)
from bridge.simulator.faults.wire_faults import (
    CloseAt,
    DropAt,
    Duplicate,
    Garbage,
    HalfOpen,
    InvalidUtf8,
    ResetAt,
    Truncate,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from bridge.simulator.faults.base import Fault


class Side(StrEnum):
    """Which link of a call."""

    CLIENT = "client"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class Cut:
    """Something happens to a link: `reset`, `half-open` or `stall`."""

    how: str
    side: Side
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Service:
    """The service does this to the session that runs just then."""

    act: Act


@dataclass(frozen=True, slots=True)
class Leave:
    """The client is gone, in the middle of whatever it does; with or without a Close frame."""

    politely: bool


@dataclass(frozen=True, slots=True)
class StopReading:
    """The client does not read for a while."""

    seconds: float


Trouble = Cut | Service | Leave | StopReading


@dataclass(frozen=True, slots=True)
class TimedTrouble:
    """A trouble and when it comes, in seconds of the run."""

    at: float
    trouble: Trouble


@dataclass(slots=True)
class Draft:
    """A plan in the making."""

    chance: random.Random
    calm_at: float
    drain_at: float | None = None
    client_bytes: int = 4 * 2**20
    faults: list[Fault] = field(default_factory=list)
    troubles: list[TimedTrouble] = field(default_factory=list)
    client_weather: Weather = field(default_factory=Weather)
    upstream_weather: Weather = field(default_factory=Weather)

    def begin_call(self) -> None:
        """Everything of one call begins anew."""
        self.faults, self.troubles = [], []
        self.client_weather, self.upstream_weather = Weather(), Weather()

    def likely(self, share: float) -> bool:
        """Decide: true in so many cases of one."""
        return self.chance.random() < share

    def some_weather(self) -> list[Weather]:
        """Give the weather of one link, or of both."""
        both = [self.client_weather, self.upstream_weather]
        return self.chance.choice(([both[0]], [both[1]], both))

    def at_some_time(self, trouble: Trouble, most: int = 1) -> None:
        """Let it come once, or up to so often."""
        for _ in range(self.chance.randint(1, most)):
            self.troubles.append(TimedTrouble(self.chance.uniform(0, self.calm_at), trouble))

    def some_side(self) -> Side:
        """Choose a link."""
        return self.chance.choice((Side.CLIENT, Side.UPSTREAM, Side.UPSTREAM))


def _latency(draft: Draft) -> None:
    for weather in draft.some_weather():
        weather.latency_ms = draft.chance.choice((5.0, 40.0, 150.0, 400.0))
        weather.jitter_ms = draft.chance.choice((0.0, 20.0, 300.0))


def _slices(draft: Draft) -> None:
    for weather in draft.some_weather():
        weather.slice_bytes = draft.chance.choice((300, 1500, 5000))


def _stall(draft: Draft) -> None:
    if draft.likely(0.5):
        draft.at_some_time(Cut("stall", draft.some_side(), draft.chance.uniform(0.5, 25)))
    for weather in draft.some_weather():
        weather.stall_rate, weather.stall_seconds = 0.02, draft.chance.choice((0.5, 3.0, 12.0))


def _reset(draft: Draft) -> None:
    if draft.likely(0.7):
        draft.at_some_time(Cut("reset", draft.some_side()), 3)
    else:
        draft.some_weather()[-1].reset_rate = 0.02


def _half_open(draft: Draft) -> None:
    if draft.likely(0.7):
        draft.at_some_time(Cut("half-open", draft.some_side()))
    else:
        draft.some_weather()[-1].silence_rate = 0.01


def _refusal(draft: Draft) -> None:
    times = draft.chance.randint(1, 4)
    faults: tuple[Fault, ...] = (
        Http(503, times=times),
        Http(500, on="mint+socket", times=times),
        Http(429, retry_after=2, times=times),
        Refuse("server_error", times=times),
        Refuse("rate_limit_exceeded", times=times),
        *(Handshake(how, times=times) for how in ("never", "closed", "wrong-accept", "not-http")),
        Refuse("invalid_api_key", times=times),
        Http(401, times=times),
        Refuse("insufficient_quota", times=times),
        Refuse("model_not_found", times=times),
    )
    draft.faults.append(draft.chance.choice(faults))


_CODES = (1000, 1001, 1005, 1008, 1009, 1011, 1012, 1013, 3000, 4000, 4004)


def _close(draft: Draft) -> None:
    code = draft.chance.choice(_CODES)
    if draft.likely(0.5):
        at, nth = draft.chance.choice(MOMENTS), draft.chance.randint(1, 4)
        draft.faults.append(CloseAt(at, nth, code=code if code != 1005 else 1000))  # noqa: PLR2004 - never on the wire
    else:
        draft.at_some_time(Service(CloseFrame(code, "")), 2)


def _drop(draft: Draft) -> None:
    how = draft.chance.choice((DropAt, ResetAt))
    if draft.likely(0.6):
        draft.faults.append(how(draft.chance.choice(MOMENTS), draft.chance.randint(1, 6)))
    else:
        draft.at_some_time(Service(draft.chance.choice((Drop(), Reset()))), 3)


def _mute(draft: Draft) -> None:
    if draft.likely(0.2):
        draft.at_some_time(Service(Freeze()))
        return
    faults: tuple[Fault, ...] = (
        Reply("silence", after=draft.chance.randint(0, 2)),
        Confirm(draft.chance.choice(("never", "refuse"))),
        Create(draft.chance.choice((-1.0, 3.0, 9.9, 10.0))),
        HalfOpen(draft.chance.choice(MOMENTS)),
    )
    draft.faults.append(draft.chance.choice(faults))


def _expiry(draft: Draft) -> None:
    draft.faults.append(Expire(draft.chance.choice((0.05, 2.0, 5.0, 20.0, 45.0))))


def _storm(draft: Draft) -> None:
    draft.faults.append(Storm(draft.chance.choice((1.0, 7.0, 30.0))))


def _failed(draft: Draft) -> None:
    faults = (Reply("fail"), Reply("fail", code="rate_limit_exceeded", after=1), Transcription("fail"))
    draft.faults.append(draft.chance.choice(faults))


def _garbage(draft: Draft) -> None:
    at, nth = draft.chance.choice(MOMENTS), draft.chance.randint(1, 3)
    draft.faults.append(draft.chance.choice((Garbage(at, nth), InvalidUtf8(at, nth), Truncate(0.05), Duplicate(0.1))))


def _leave(draft: Draft) -> None:
    draft.at_some_time(Leave(draft.likely(0.5)), 2)


def _drain(draft: Draft) -> None:
    draft.drain_at = draft.chance.uniform(0, draft.calm_at + 5)


def _slow(draft: Draft) -> None:
    draft.client_bytes = draft.chance.choice((8_000, 60_000, 4 * 2**20))
    draft.at_some_time(StopReading(draft.chance.uniform(1, 20)))


#: Every kind of fault, by the name that the command takes.
KINDS: Mapping[str, Callable[[Draft], None]] = {
    "latency": _latency,
    "slices": _slices,
    "stall": _stall,
    "reset": _reset,
    "half-open": _half_open,
    "refusal": _refusal,
    "close": _close,
    "drop": _drop,
    "mute": _mute,
    "expiry": _expiry,
    "storm": _storm,
    "failed-response": _failed,
    "garbage": _garbage,
    "leave": _leave,
    "drain": _drain,
    "slow-client": _slow,
}
