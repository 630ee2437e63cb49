"""Everything that can go wrong in a run: disruptions with a time, and a table of fault kinds that draws them.

Each kind is one function that draws, from the run's random generator, what it does to one call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bridge.simulation.network import LinkConditions
from bridge.simulator.faults.actions import MOMENTS, CloseFrame, Drop, Freeze, Reset, WireAction
from bridge.simulator.faults.session_faults import (
    ConfirmFault,
    CreateFault,
    ExpireFault,
    HandshakeFault,
    HttpFault,
    RefuseFault,
    ReplyFault,
    StormFault,
    TranscriptionFault,
)
from bridge.simulator.faults.wire_faults import (
    CloseFault,
    DropFault,
    DuplicateFault,
    GarbageFault,
    HalfOpenFault,
    InvalidUtf8Fault,
    ResetFault,
    TruncateFault,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from bridge.simulator.faults.base import Fault


class LinkSide(StrEnum):
    """Which of a call's links: client to bridge, or bridge to service."""

    CLIENT = "client"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class LinkDisruption:
    """A link breaks (`reset`), goes silent (`half-open`) or delivers nothing for `seconds` (`stall`)."""

    kind: str
    side: LinkSide
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ServiceDisruption:
    """The service does something on the wire of the session that runs at that time."""

    action: WireAction


@dataclass(frozen=True, slots=True)
class ClientDisconnect:
    """The client disconnects in the middle of a step, with or without a Close frame."""

    with_close_frame: bool


@dataclass(frozen=True, slots=True)
class ClientStopsReading:
    """The client reads nothing for `seconds`."""

    seconds: float


Disruption = LinkDisruption | ServiceDisruption | ClientDisconnect | ClientStopsReading


@dataclass(frozen=True, slots=True)
class TimedDisruption:
    """A disruption and its time."""

    at: float
    """Seconds of the virtual clock."""
    disruption: Disruption


@dataclass(slots=True)
class PlanDraft:
    """A plan while it is drawn. The fault kinds add to it."""

    rng: random.Random
    faults_end_at: float
    drain_at: float | None = None
    client_bytes: int = 4 * 2**20
    faults: list[Fault] = field(default_factory=list)
    disruptions: list[TimedDisruption] = field(default_factory=list)
    client_conditions: LinkConditions = field(default_factory=LinkConditions)
    upstream_conditions: LinkConditions = field(default_factory=LinkConditions)

    def begin_call(self) -> None:
        """Clear what belongs to one call, for the next one."""
        self.faults, self.disruptions = [], []
        self.client_conditions, self.upstream_conditions = LinkConditions(), LinkConditions()

    def likely(self, probability: float) -> bool:
        """Draw True with this probability."""
        return self.rng.random() < probability

    def pick_links(self) -> list[LinkConditions]:
        """Draw one link, or both; give their conditions."""
        both = [self.client_conditions, self.upstream_conditions]
        return self.rng.choice(([both[0]], [both[1]], both))

    def schedule(self, disruption: Disruption, max_times: int = 1) -> None:
        """Add a disruption at random times, once up to `max_times`."""
        for _ in range(self.rng.randint(1, max_times)):
            self.disruptions.append(TimedDisruption(self.rng.uniform(0, self.faults_end_at), disruption))

    def pick_side(self) -> LinkSide:
        """Draw a link; the upstream is twice as likely."""
        return self.rng.choice((LinkSide.CLIENT, LinkSide.UPSTREAM, LinkSide.UPSTREAM))


def _latency(draft: PlanDraft) -> None:
    for conditions in draft.pick_links():
        conditions.latency_ms = draft.rng.choice((5.0, 40.0, 150.0, 400.0))
        conditions.jitter_ms = draft.rng.choice((0.0, 20.0, 300.0))


def _slices(draft: PlanDraft) -> None:
    for conditions in draft.pick_links():
        conditions.slice_bytes = draft.rng.choice((300, 1500, 5000))


def _stall(draft: PlanDraft) -> None:
    if draft.likely(0.5):
        draft.schedule(LinkDisruption("stall", draft.pick_side(), draft.rng.uniform(0.5, 25)))
    for conditions in draft.pick_links():
        conditions.stall_rate, conditions.stall_seconds = 0.02, draft.rng.choice((0.5, 3.0, 12.0))


def _reset(draft: PlanDraft) -> None:
    if draft.likely(0.7):
        draft.schedule(LinkDisruption("reset", draft.pick_side()), 3)
    else:
        draft.pick_links()[-1].reset_rate = 0.02


def _half_open(draft: PlanDraft) -> None:
    if draft.likely(0.7):
        draft.schedule(LinkDisruption("half-open", draft.pick_side()))
    else:
        draft.pick_links()[-1].silence_rate = 0.01


def _refusal(draft: PlanDraft) -> None:
    times = draft.rng.randint(1, 4)
    faults: tuple[Fault, ...] = (
        HttpFault(503, times=times),
        HttpFault(500, on="mint+socket", times=times),
        HttpFault(429, retry_after=2, times=times),
        RefuseFault("server_error", times=times),
        RefuseFault("rate_limit_exceeded", times=times),
        *(HandshakeFault(how, times=times) for how in ("never", "closed", "wrong-accept", "not-http")),
        RefuseFault("invalid_api_key", times=times),
        HttpFault(401, times=times),
        RefuseFault("insufficient_quota", times=times),
        RefuseFault("model_not_found", times=times),
    )
    draft.faults.append(draft.rng.choice(faults))


_CODES = (1000, 1001, 1005, 1008, 1009, 1011, 1012, 1013, 3000, 4000, 4004)


def _close(draft: PlanDraft) -> None:
    code = draft.rng.choice(_CODES)
    if draft.likely(0.5):
        at, nth = draft.rng.choice(MOMENTS), draft.rng.randint(1, 4)
        draft.faults.append(CloseFault(at, nth, code=code if code != 1005 else 1000))  # noqa: PLR2004 - never on the wire
    else:
        draft.schedule(ServiceDisruption(CloseFrame(code, "")), 2)


def _drop(draft: PlanDraft) -> None:
    fault = draft.rng.choice((DropFault, ResetFault))
    if draft.likely(0.6):
        draft.faults.append(fault(draft.rng.choice(MOMENTS), draft.rng.randint(1, 6)))
    else:
        draft.schedule(ServiceDisruption(draft.rng.choice((Drop(), Reset()))), 3)


def _mute(draft: PlanDraft) -> None:
    if draft.likely(0.2):
        draft.schedule(ServiceDisruption(Freeze()))
        return
    faults: tuple[Fault, ...] = (
        ReplyFault("silence", after=draft.rng.randint(0, 2)),
        ConfirmFault(draft.rng.choice(("never", "refuse"))),
        CreateFault(draft.rng.choice((-1.0, 3.0, 9.9, 10.0))),
        HalfOpenFault(draft.rng.choice(MOMENTS)),
    )
    draft.faults.append(draft.rng.choice(faults))


def _expiry(draft: PlanDraft) -> None:
    draft.faults.append(ExpireFault(draft.rng.choice((0.05, 2.0, 5.0, 20.0, 45.0))))


def _storm(draft: PlanDraft) -> None:
    draft.faults.append(StormFault(draft.rng.choice((1.0, 7.0, 30.0))))


def _failed(draft: PlanDraft) -> None:
    faults = (ReplyFault("fail"), ReplyFault("fail", code="rate_limit_exceeded", after=1), TranscriptionFault("fail"))
    draft.faults.append(draft.rng.choice(faults))


def _garbage(draft: PlanDraft) -> None:
    at, nth = draft.rng.choice(MOMENTS), draft.rng.randint(1, 3)
    draft.faults.append(
        draft.rng.choice((GarbageFault(at, nth), InvalidUtf8Fault(at, nth), TruncateFault(0.05), DuplicateFault(0.1)))
    )


def _leave(draft: PlanDraft) -> None:
    draft.schedule(ClientDisconnect(draft.likely(0.5)), 2)


def _drain(draft: PlanDraft) -> None:
    draft.drain_at = draft.rng.uniform(0, draft.faults_end_at + 5)


def _slow(draft: PlanDraft) -> None:
    draft.client_bytes = draft.rng.choice((8_000, 60_000, 4 * 2**20))
    draft.schedule(ClientStopsReading(draft.rng.uniform(1, 20)))


FAULT_KINDS: Mapping[str, Callable[[PlanDraft], None]] = {
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
"""Every kind of fault, by the name that `--faults` takes."""
