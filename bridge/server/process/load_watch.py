"""Measures the load of a worker while it serves: how late and how busy its event loop is, and its memory.

`overload.py` judges.
"""

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
#: How many looks at the lag there are for one at the memory, at the clients, and at how busy the worker is.
_LOOKS: Final = 10
#: Linux only; elsewhere memory is not measured.
_MEMORY: Final = Path("/proc/self/statm")


async def watch_load(shedding: Shedding) -> None:
    """Tell a worker its load until cancelled."""
    memory, looks = resident_bytes(), 0
    reactor = current_reactor() if has_reactor() else None
    while True:
        due = trio.current_time() + _LAG_SECONDS
        await trio.sleep_until(due)
        now = trio.current_time()
        turns = reactor.take_longest_turn() if reactor is not None else 0.0
        shedding.measured(max(now - due, turns), memory, now)
        looks += 1
        if looks % _LOOKS == 0:
            memory = resident_bytes()
            shedding.end_largest()
            shedding.served(reactor.take_busy() if reactor is not None else 0.0, now)


def resident_bytes() -> int:
    """Return how much memory the process takes; 0 if the system does not say."""
    try:
        return int(_MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
