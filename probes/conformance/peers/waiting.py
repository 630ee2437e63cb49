"""Waiting for something to happen, with a bound that grows while the machine is late.

A wait ends as soon as the condition holds, so bounds are generous and cost nothing with a bridge that does what it
should. That something does *not* happen is never proved by a time: cases send something behind it and wait for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from probes.conformance.bounds import SOON
from probes.conformance.verdict import fail, inconclusive

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.conformance.peers.lateness import Lateness
    from probes.conformance.peers.wire_log import WireLog

#: A wait of which more than this share was lateness decides nothing.
_LATE_SHARE: Final = 0.5
#: How much longer a wait lasts for each second of lateness: the bridge was late as well.
_PER_LATE_SECOND: Final = 3.0


@dataclass(frozen=True, slots=True)
class Waiter:
    """Waits for changes of one case's wire log."""

    log: WireLog
    lateness: Lateness

    async def holds(self, condition: Callable[[], object], within: float = SOON) -> bool:
        """Wait until the condition holds, or until the bound has passed. Says whether it holds."""
        started, late_before = trio.current_time(), self.lateness.total
        while not condition():
            late = self.lateness.total - late_before
            left = started + within + _PER_LATE_SECOND * late - trio.current_time()
            if left <= 0:
                return False
            with trio.move_on_after(left):
                await self.log.changed()
        return True

    async def until(
        self, condition: Callable[[], object], *, expected: str, seen: Callable[[], str] | str, within: float = SOON
    ) -> None:
        """Wait until the condition holds, or end the case: failed, or inconclusive if the machine was mostly late."""
        late_before = self.lateness.total
        if await self.holds(condition, within):
            return
        late = self.lateness.total - late_before
        if late > _LATE_SHARE * within:
            inconclusive(f"this machine was {late:.1f} s late while the suite waited {within:g} s for: {expected}")
        fail(expected, seen if isinstance(seen, str) else seen())
