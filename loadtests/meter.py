"""Where a process's callers put what they measure: into its figures, and into Locust's own statistics.

One for each process. Times are `time.monotonic` seconds; what travels is relative to the begin of the run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from loadtests.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping


class Fire(Protocol):
    """Locust's `events.request.fire`, as much as is used of it."""

    def __call__(self, **said: Any) -> None:
        """Tell Locust of something that took time or failed."""
        ...


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one call said, for the account of all speech."""

    caller: int
    sent_ms: int
    whole: bool
    """Whether all of it must have arrived; a call that was cut in the middle may lose its end, and nothing before."""


@dataclass(slots=True)
class Meter:
    """What this process measured."""

    fire: Fire
    figures: Figures = field(default_factory=Figures)
    spoken: list[Spoken] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ready: int = 0
    failed: int = 0
    """Attempts to get a session, since somebody last looked: whether the target lives."""

    def took(self, name: str, seconds: float, size: int = 0) -> None:
        """Note a duration, and let Locust's page show it."""
        self.figures.duration(name, seconds * 1000, self._at())
        self.fire(
            request_type="call",
            name=name,
            response_time=seconds * 1000,
            response_length=size,
            exception=None,
            context={},
        )

    def lagged(self, seconds: float) -> None:
        """Note how late a chunk was; there are too many of them for Locust's page."""
        self.figures.duration("pace_lag", seconds * 1000, self._at())

    def counted(self, name: str, amount: float = 1) -> None:
        """Add to a sum."""
        self.figures.count(name, amount, self._at())

    def failed_at(self, name: str, why: Exception, seconds: float) -> None:
        """Note something that failed, in the sums and on Locust's page."""
        self.counted(name)
        self.fire(
            request_type="call", name=name, response_time=seconds * 1000, response_length=0, exception=why, context={}
        )

    def take(self) -> Mapping[str, Any]:
        """Give everything measured since the last time, to be sent to the master."""
        spoken, self.spoken = self.spoken, []
        pulse = {"ready": self.ready, "failed": self.failed}
        self.ready = self.failed = 0
        return {
            "figures": self.figures.take(),
            "spoken": [[said.caller, said.sent_ms, said.whole] for said in spoken],
            "pulse": pulse,
        }

    def _at(self) -> float:
        return max(0.0, time.monotonic() - self.began)
