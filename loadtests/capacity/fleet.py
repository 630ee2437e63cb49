"""How large a fleet of bridges has to be, and what a failure of a part of it costs upstream: arithmetic, no I/O.

The figures that go in are measured (`sherpa-load capacity`); what comes out is a plan with its reasons in
`docs/capacity.md`. Times are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: How our bridge waits before it dials again: limits of full jitter that double from the first to the last.
FIRST_SECONDS, LAST_SECONDS = 0.5, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What must be held, and with what."""

    callers: int
    """At the busiest moment."""
    callers_per_core: float
    """That held in a search, on one core of the bridge."""
    cores: int = 2
    """Of one instance."""
    zones: int = 3
    headroom: float = 0.3
    """The share of an instance that bursts, deploys and the unexpected may use."""

    def __post_init__(self) -> None:
        if min(self.callers, self.callers_per_core, self.cores, self.zones) <= 0 or not 0 <= self.headroom < 1:
            raise ValueError("callers, callers_per_core, cores and zones must be positive, and 0 <= headroom < 1")

    @property
    def callers_per_instance(self) -> int:
        """How many one instance is given, at the most."""
        return max(1, math.floor(self.callers_per_core * self.cores * (1 - self.headroom)))

    @property
    def instances(self) -> int:
        """How many there must be so that the others hold everybody when one zone is gone; the same in each zone."""
        left = max(1, self.zones - 1)
        return self.zones * math.ceil(math.ceil(self.callers / self.callers_per_instance) / left)

    @property
    def lost_with_a_zone(self) -> int:
        """How many callers lose their call when a zone goes, and call again at once."""
        return math.ceil(self.callers / self.zones)


def dials_per_second(
    sessions: int, *, seconds: int, outage: float = 0.0, first: float = FIRST_SECONDS, last: float = LAST_SECONDS
) -> list[float]:
    """Expect how many dials there are in each second behind the loss of so many sessions at once, by full jitter.

    Each one waits for a moment between nothing and a limit before each attempt; attempts within the `outage` fail
    at once and double the limit. Full jitter has the moments evenly spread, so the expectation is exact but for the
    grid of hundredths of a second.
    """
    if sessions < 0 or seconds < 1 or not 0 < first <= last:
        raise ValueError("sessions must not be negative, seconds at least 1, and 0 < first <= last")
    steps = round(seconds / _STEP)
    dialled = [0.0] * steps
    waiting, limit = [float(sessions)], first
    while sum(waiting) > _NOBODY and any(waiting):
        arriving = _spread(waiting, max(1, round(limit / _STEP)), steps)
        for at, share in enumerate(arriving):
            dialled[at] += share
        failed = min(steps, round(outage / _STEP))
        waiting, limit = arriving[:failed], min(last, limit * 2)
    per_second = round(1 / _STEP)
    return [sum(dialled[at * per_second : (at + 1) * per_second]) for at in range(seconds)]


_STEP = 0.01
#: Fewer dials than this that are still to come are nobody's.
_NOBODY = 1e-3


def _spread(waiting: list[float], width: int, steps: int) -> list[float]:
    """Let everybody who begins to wait at a step dial at one of the next `width` steps, all as likely."""
    arriving, running = [0.0] * steps, 0.0
    for at in range(steps):
        running += waiting[at] / width if at < len(waiting) else 0.0
        gone = at - width
        running -= waiting[gone] / width if 0 <= gone < len(waiting) else 0.0
        arriving[at] = max(0.0, running)
    return arriving


def peak_dials(
    sessions: int, *, outage: float = 0.0, first: float = FIRST_SECONDS, last: float = LAST_SECONDS
) -> float:
    """Expect the most dials in any whole second of the first minutes."""
    return max(dials_per_second(sessions, seconds=math.ceil(outage) + 60, outage=outage, first=first, last=last))


def backoff_cap_for(sessions: int, allowed: float) -> float:
    """Find the shortest last limit that keeps dials a second within what upstream allows once the first waits are over.

    In a long outage everybody tries once in half a limit on average: `sessions / (limit / 2)` dials a second.
    """
    if allowed <= 0:
        raise ValueError("allowed must be positive")
    return max(FIRST_SECONDS, 2 * sessions / allowed)
