"""Measures the load of a worker while it serves: the lag of its event loop, and its memory. `overload.py` judges."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.reactor import current_reactor, has_reactor

if TYPE_CHECKING:
    from bridge.server.shedding import Shedding

#: Between two looks at the lag, in seconds.
_LAG_SECONDS: Final = 0.05
#: How many looks at the lag there are for one at the memory and at the clients.
_LOOKS: Final = 10
#: Linux only; elsewhere memory is not measured.
_MEMORY: Final = Path("/proc/self/statm")


async def watch_load(shedding: Shedding) -> None:
    """Tell a worker its load until cancelled."""
    memory, looks = resident_bytes(), 0
    while True:
        due = trio.current_time() + _LAG_SECONDS
        await trio.sleep_until(due)
        late = trio.current_time() - due
        turns = current_reactor().take_longest_turn() if has_reactor() else 0.0
        looks += 1
        shedding.measured(max(late, turns), memory, trio.current_time())
        if looks % _LOOKS == 0:
            memory = resident_bytes()
            shedding.end_largest()


def resident_bytes() -> int:
    """Return how much memory the process takes; 0 if the system does not say."""
    try:
        return int(_MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
