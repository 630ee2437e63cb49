"""The wire log of one case: what both sides of the bridge sent, on one time axis. It wakes whoever waits for a change.

It keeps types and short details, never audio.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import trio

from reports.model import FROM_UPSTREAM, TO_CLIENT, TO_UPSTREAM, Moment, Timeline

__all__ = ["CLIENT", "SUITE", "TO_CLIENT", "TO_UPSTREAM", "UPSTREAM", "WireEntry", "WireLog"]

#: Entries of one case; streams are folded, so that a long answer or a flood of errors is one entry.
MAX_ENTRIES: Final = 2_000
_MAX_DETAIL: Final = 160

CLIENT, UPSTREAM, SUITE = "client", FROM_UPSTREAM, "suite"


@dataclass(slots=True)
class WireEntry:
    """One message, or several of one type in a row."""

    at: float
    who: str
    what: str
    detail: str
    count: int = 1
    until: float | None = None


class WireLog:
    """Collects entries and wakes waiters."""

    def __init__(self) -> None:
        self.started = trio.current_time()
        self.entries: deque[WireEntry] = deque(maxlen=MAX_ENTRIES)
        self._changed = trio.Event()

    def add(self, who: str, what: str, detail: str = "") -> None:
        """Add an entry; repetitions of the last one are counted."""
        now, detail = trio.current_time() - self.started, detail[:_MAX_DETAIL]
        last = self.entries[-1] if self.entries else None
        if last is not None and (last.who, last.what, last.detail) == (who, what, detail):
            last.count, last.until = last.count + 1, now
        else:
            self.entries.append(WireEntry(now, who, what, detail))
        self.notify()

    def notify(self) -> None:
        """Wake every task in `changed`."""
        self._changed.set()
        self._changed = trio.Event()

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    def timeline(self, name: str) -> Timeline:
        """Return what was logged, for the report."""
        moments = (
            Moment(at=one.at, who=one.who, what=one.what, detail=one.detail, count=one.count, until=one.until)
            for one in self.entries
        )
        return Timeline(name, tuple(moments))
