"""How late the machine is: the suite's own timers, measured all the time a run lasts.

A bound that passes on a machine that was late says nothing about the bridge. So a wait is extended by what the machine
was late meanwhile, and a failure within a wait that was mostly lateness is inconclusive.
"""

from __future__ import annotations

import math
from typing import Final

import trio

_EVERY_SECONDS: Final = 0.02
#: Lateness that any busy machine has.
_USUAL_SECONDS: Final = 0.02


class Lateness:
    """Sums up how late this process was woken. `run` must be running."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.summed = 0.0
        """What `run` has seen."""
        self._due = math.inf

    @property
    def total(self) -> float:
        """Seconds of lateness since the start, beyond what is usual.

        It includes what is late right now: after a standstill, a wait that is over may look before `run` does.
        """
        late = trio.current_time() - self._due
        return self.summed + (late if late > _USUAL_SECONDS else 0.0)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = trio.current_time() + _EVERY_SECONDS
            await trio.sleep_until(self._due)
            self.worst = max(self.worst, trio.current_time() - self._due)
            self.summed = self.total
