"""How long a good client waits before it tries again: longer each time, and never in step with others. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

#: Full jitter between nothing and a limit that doubles from the first to the last.
FIRST_SECONDS, LAST_SECONDS = 0.5, 8.0
#: A session that held for so long was a good one: the next loss is not held against the target.
GOOD_SECONDS = 5.0


@dataclass(slots=True)
class Backoff:
    """The waits of one caller."""

    rng: Random
    _limit: float = FIRST_SECONDS

    def next_delay(self, at_least: float = 0.0) -> float:
        """Give the next wait; `at_least` is what the target asked for."""
        limit, self._limit = self._limit, min(LAST_SECONDS, self._limit * 2)
        return max(at_least, self.rng.uniform(0, limit))

    def session_lasted(self, seconds: float) -> None:
        """Note how long a session held that is lost now: behind a good one the waits are short again."""
        if seconds >= GOOD_SECONDS:
            self._limit = FIRST_SECONDS
