"""How late the machine is: the suite's own timers, measured all the time a run lasts.

A bound that passes on a machine that was late says nothing about the bridge. So a wait is extended by what the machine
was late meanwhile, and a failure within a wait that was mostly lateness is inconclusive.
"""

from __future__ import annotations

from typing import Final

import trio

_EVERY_SECONDS: Final = 0.02
#: Lateness that any busy machine has.
_USUAL_SECONDS: Final = 0.02


class Lateness:
    """Sums up how late this process was woken. `run` must be running."""

    def __init__(self) -> None:
        self.total = 0.0
        """Seconds of lateness since the start, beyond what is usual."""
        self.worst = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = trio.current_time() + _EVERY_SECONDS
            await trio.sleep_until(due)
            late = trio.current_time() - due
            self.worst = max(self.worst, late)
            if late > _USUAL_SECONDS:
                self.total += late
