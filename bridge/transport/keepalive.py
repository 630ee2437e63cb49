"""Whether the other end of a WebSocket is still there: pings, and their pongs, on an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between pings: below the idle limits of common proxies (60 s), and what the public service itself does.
PING_INTERVAL_SECONDS = 20.0
#: So many in a row without an answer, and nobody is there.
MAX_MISSED_PONGS = 2


@runtime_checkable
class Pingable(Protocol):
    """Something that can be pinged; `WebSocketLink` is one."""

    @property
    def pings_outstanding(self) -> int:
        """How many pings wait for their pong."""
        ...

    async def ping(self) -> None:
        """Send one. Raises what sending raises."""
        ...


async def wait_until_dead(
    link: Pingable,
    last_received_at: Callable[[], float],
    *,
    interval_seconds: float = PING_INTERVAL_SECONDS,
    max_missed: int = MAX_MISSED_PONGS,
) -> None:
    """Ping on an interval and return when nobody is there: pongs are missing, and nothing else came either.

    `heard_at` says when anything was last read: a peer that sends is there, even if a pong waits behind a long queue.
    A ping that cannot be written within the interval counts as missed. What `ping` raises passes through.
    """
    unwritten = 0
    while True:
        await trio.sleep(interval_seconds)
        silent = trio.current_time() - last_received_at() >= max_missed * interval_seconds
        if silent and (link.pings_outstanding >= max_missed or unwritten >= max_missed):
            return
        with trio.move_on_after(interval_seconds) as scope:
            await link.ping()
        unwritten = unwritten + 1 if scope.cancelled_caught else 0
