"""How long a well-behaved client waits before it reconnects: longer each time, with full jitter. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

#: Full jitter: a random delay up to a limit, which doubles from the first to the last.
FIRST_SECONDS, LAST_SECONDS = 0.5, 8.0
#: After a session that lasted this long, the limit starts over.
GOOD_SECONDS = 5.0


@dataclass(slots=True)
class Backoff:
    """The reconnect delays of one caller."""

    rng: Random
    _limit: float = FIRST_SECONDS

    def next_delay(self, at_least: float = 0.0) -> float:
        """Return the next delay in seconds. `at_least` is the delay that the target asked for."""
        limit, self._limit = self._limit, min(LAST_SECONDS, self._limit * 2)
        return max(at_least, self.rng.uniform(0, limit))

    def session_lasted(self, seconds: float) -> None:
        """Record how long the lost session lasted. After a long one, delays are short again."""
        if seconds >= GOOD_SECONDS:
            self._limit = FIRST_SECONDS
