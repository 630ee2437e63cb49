"""Keep-alive for a WebSocket: pings on an interval, and the decision when the other end is dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between pings: below the idle limit of common proxies (60 s), and what the public service does itself.
PING_INTERVAL_SECONDS = 20.0
#: After so many pings in a row without a pong, the other end is dead.
MAX_MISSED_PONGS = 2


@runtime_checkable
class Pingable(Protocol):
    """Something that can send pings, such as a `WebSocketLink`."""

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        ...

    async def ping(self) -> None:
        """Send a ping. Raises what sending raises."""
        ...


async def wait_until_dead(
    link: Pingable,
    last_received_at: Callable[[], float],
    *,
    interval_seconds: float = PING_INTERVAL_SECONDS,
    max_missed: int = MAX_MISSED_PONGS,
) -> None:
    """Ping on an interval, and return when the other end is dead: pongs are missing, and nothing else came either.

    `last_received_at` returns when anything was last read: a peer that sends is alive, even if its pong waits behind a
    long queue. A ping that cannot be written within the interval counts as missed. What `ping` raises passes through.
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
