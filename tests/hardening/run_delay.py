"""How long a process waited for a processor: what a busy machine adds to a round trip, and the program does not.

Linux counts it for each thread. Elsewhere it is 0: a round trip is then what the clock says.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class RunDelay:
    """The wait of the main threads of some processes, in seconds; it only grows."""

    def __init__(self, *processes: int) -> None:
        """`processes` are their numbers."""
        self._files = [Path(f"/proc/{process}/schedstat") for process in processes]

    def seconds(self) -> float:
        """Return how long they waited since they started."""
        return sum(_nanoseconds(file) for file in self._files) / 1e9


def _nanoseconds(file: Path) -> int:
    with suppress(OSError, ValueError, IndexError):  # no Linux, or the process is gone
        return int(file.read_bytes().split()[1])
    return 0
