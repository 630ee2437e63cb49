"""Computes the size of a fleet of bridges, and the upstream dials after a partial failure. Pure arithmetic.

The inputs are measured with `sherpa-load capacity`; `docs/capacity.md` explains the formulas. Times are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Back-off of the reference bridge: limits of full jitter that double from the first to the last.
FIRST_SECONDS, LAST_SECONDS = 0.5, 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The load to handle, and the instances to handle it with."""

    callers: int
    """At the busiest moment."""
    callers_per_core: float
    """The result of a search, on one core of the bridge."""
    cores: int = 2
    """Per instance."""
    zones: int = 3
    headroom: float = 0.3
    """The share of an instance that is kept free for bursts, deploys and the unexpected."""
    caller_hour_usd: float = 0.0
    """What the service charges for a caller in an hour, as a search or a run measured it."""
    instance_hour_usd: float = 0.0
    """What an instance costs in an hour, as its provider charges it."""

    def __post_init__(self) -> None:
        if min(self.callers, self.callers_per_core, self.cores, self.zones) <= 0 or not 0 <= self.headroom < 1:
            raise ValueError("callers, callers_per_core, cores and zones must be positive, and 0 <= headroom < 1")
        if min(self.caller_hour_usd, self.instance_hour_usd) < 0:
            raise ValueError("caller_hour_usd and instance_hour_usd must not be negative")

    @property
    def callers_per_instance(self) -> int:
        """The most callers to plan for one instance."""
        return max(1, math.floor(self.callers_per_core * self.cores * (1 - self.headroom)))

    @property
    def instances(self) -> int:
        """The number of instances, equal in each zone, so that the other zones can handle all callers if one fails."""
        remaining_zones = max(1, self.zones - 1)
        return self.zones * math.ceil(math.ceil(self.callers / self.callers_per_instance) / remaining_zones)

    @property
    def service_usd_per_hour(self) -> float:
        """What the service charges in an hour in which all callers talk."""
        return self.callers * self.caller_hour_usd

    @property
    def instances_usd_per_hour(self) -> float:
        """What the instances cost in an hour, whether callers talk or not."""
        return self.instances * self.instance_hour_usd

    @property
    def lost_with_a_zone(self) -> int:
        """How many callers are disconnected when a zone fails, and call again at once."""
        return math.ceil(self.callers / self.zones)


def dials_per_second(
    sessions: int, *, seconds: int, outage: float = 0.0, first: float = FIRST_SECONDS, last: float = LAST_SECONDS
) -> list[float]:
    """Return the expected dials in each second after losing `sessions` sessions at once, with full jitter.

    Before each attempt, a session waits for a random time between zero and a limit. Attempts during the `outage` fail
    at once and double the limit. Full jitter is a uniform distribution, so the expectation is exact up to the grid of
    hundredths of a second: the waiting mass is convolved with a box as wide as the limit, and the part that arrives
    during the outage waits again.
    """
    if sessions < 0 or seconds < 1 or not 0 < first <= last:
        raise ValueError("sessions must not be negative, seconds at least 1, and 0 < first <= last")
    steps = round(seconds / _STEP)
    dialled = [0.0] * steps
    waiting, limit = [float(sessions)], first
    while sum(waiting) > _NEGLIGIBLE and any(waiting):
        arriving = _arrivals(waiting, max(1, round(limit / _STEP)), steps)
        for at, share in enumerate(arriving):
            dialled[at] += share
        failed = min(steps, round(outage / _STEP))
        waiting, limit = arriving[:failed], min(last, limit * 2)
    per_second = round(1 / _STEP)
    return [sum(dialled[at * per_second : (at + 1) * per_second]) for at in range(seconds)]


_STEP = 0.01
#: Stop when fewer dials than this are still expected.
_NEGLIGIBLE = 1e-3


def _arrivals(waiting: list[float], width: int, steps: int) -> list[float]:
    """Spread the sessions that start to wait at each step evenly over the next `width` steps."""
    arriving, running = [0.0] * steps, 0.0
    for at in range(steps):
        running += waiting[at] / width if at < len(waiting) else 0.0
        expired = at - width
        running -= waiting[expired] / width if 0 <= expired < len(waiting) else 0.0
        arriving[at] = max(0.0, running)
    return arriving


def peak_dials(
    sessions: int, *, outage: float = 0.0, first: float = FIRST_SECONDS, last: float = LAST_SECONDS
) -> float:
    """Return the expected dials in the busiest second."""
    return max(dials_per_second(sessions, seconds=math.ceil(outage) + 60, outage=outage, first=first, last=last))


def backoff_cap_for(sessions: int, allowed: float) -> float:
    """Return the shortest last limit that keeps the dials per second within `allowed` during a long outage.

    During a long outage, each session dials once in half a limit on average: `sessions / (limit / 2)` dials per second.
    """
    if allowed <= 0:
        raise ValueError("allowed must be positive")
    return max(FIRST_SECONDS, 2 * sessions / allowed)
