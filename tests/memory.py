"""How much memory a block of code keeps, without what other threads allocate meanwhile (pytest-xdist has some)."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[1]
#: Only allocations by lines of this project count, tests included.
_FILTERS = [tracemalloc.Filter(inclusive=True, filename_pattern=f"{_ROOT / name}/*") for name in ("bridge", "tests")]


@dataclass(slots=True)
class HeldMemory:
    """The result; 0 until the block has ended."""

    bytes: int = 0


@contextmanager
def measure_held_memory() -> Iterator[HeldMemory]:
    """Measure what the block allocates and does not free."""
    held = HeldMemory()
    tracemalloc.start()
    try:
        yield held
        gc.collect()
        snapshot = tracemalloc.take_snapshot().filter_traces(_FILTERS)
        held.bytes = sum(trace.size for trace in snapshot.traces)
    finally:
        tracemalloc.stop()
