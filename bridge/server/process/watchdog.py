"""Which workers hang: those that have not said for some time that their loop runs.

Decides only; `supervisor.py` acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How often a worker says that it runs.
BEAT_SECONDS: Final = 1.0
#: A worker that is silent for so long serves nobody: its clients have lost their sentences already.
HUNG_SECONDS: Final = 15.0
#: If the parent did not look for so long, the whole machine stood still, and no worker could say anything either.
_STANDSTILL_SECONDS: Final = 5.0


class Watchdog:
    """Finds workers that hang. The caller asks about once a second."""

    def __init__(self, now: float) -> None:
        self._asked = self._counts_from = now

    def hung(self, last_beats: Mapping[int, float], now: float) -> list[int]:
        """Return which workers hang, by the times of their last beat (or of their start), in seconds."""
        if now - self._asked >= _STANDSTILL_SECONDS:
            self._counts_from = now
        self._asked = now
        return [one for one, beat in last_beats.items() if now - max(beat, self._counts_from) >= HUNG_SECONDS]
