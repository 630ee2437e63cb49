"""Waiting for something to happen, with a bound that grows while the machine is late.

A wait ends as soon as the condition holds, so bounds are generous and cost nothing with a bridge that does what it
should. That something does *not* happen is never proved by a time: cases send something behind it and wait for that.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from probes.conformance.bounds import SOON
from probes.conformance.verdict import fail, inconclusive

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from probes.conformance.peers.lateness import Lateness
    from probes.conformance.peers.wire_log import WireLog

#: How much longer a wait lasts for each second of lateness, since the bridge was late as well; and at most, in all.
_PER_LATE_SECOND: Final = 3.0
_LONGEST: Final = 5.0
#: A wait of which more than this share was lateness decides nothing.
_LATE_SHARE: Final = 0.5
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Waiter:
    """Waits for changes of one case's wire log."""

    log: WireLog
    lateness: Lateness

    async def holds(self, condition: Callable[[], object], within: float = SOON) -> bool:
        """Wait until the condition holds, or until the bound has passed. Says whether it holds."""
        started, late_before = trio.current_time(), self.lateness.total
        while not condition():
            left = started + self._grown(within, late_before) - trio.current_time()
            if left <= 0:
                return False
            with trio.move_on_after(left):
                await self.log.changed()
        return True

    async def until(
        self, condition: Callable[[], object], *, expected: str, seen: Callable[[], str] | str, within: float = SOON
    ) -> None:
        """Wait until the condition holds, or end the case: failed, or inconclusive if the machine was mostly late."""
        started, late_before = trio.current_time(), self.lateness.total
        if await self.holds(condition, within):
            return
        late = self.lateness.total - late_before
        waited = trio.current_time() - started
        if late > _LATE_SHARE * waited:
            inconclusive(f"this machine was {late:.1f} s late while the suite waited {waited:.0f} s for: {expected}")
        fail(expected, seen if isinstance(seen, str) else seen())

    @asynccontextmanager
    async def bounded(self, seconds: float) -> AsyncGenerator[None, None]:
        """Cancel what is done inside once so many seconds have passed, and more while the machine is late."""
        started, late_before = trio.current_time(), self.lateness.total
        async with trio.open_nursery() as nursery:

            async def cancel() -> None:
                while trio.current_time() < (until := started + self._grown(seconds, late_before)):  # noqa: ASYNC110 - a deadline that grows
                    await trio.sleep_until(until)
                nursery.cancel_scope.cancel()

            nursery.start_soon(cancel)
            yield
            nursery.cancel_scope.cancel()

    def _grown(self, seconds: float, late_before: float) -> float:
        return min(seconds + _PER_LATE_SECOND * (self.lateness.total - late_before), _LONGEST * seconds)

    async def until_polled(
        self, condition: Callable[[], object], *, expected: str, seen: Callable[[], str] | str, within: float
    ) -> None:
        """Wait as `until` does for something that the log does not tell: the end of a process."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._notify)
            await self.until(condition, expected=expected, seen=seen, within=within)
            nursery.cancel_scope.cancel()

    async def _notify(self) -> None:
        while True:
            await trio.sleep(_POLL_SECONDS)
            self.log.notify()
