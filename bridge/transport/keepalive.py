"""Whether the other end of a WebSocket is still there: pings, and their pongs, on an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between pings: below the idle limits of common proxies (60 s), and what the public service itself does.
PING_SECONDS = 20.0
#: So many in a row without an answer, and nobody is there.
MISSED = 2


@runtime_checkable
class Pinged(Protocol):
    """Something that can be pinged; `WebSocketLink` is one."""

    @property
    def pings_outstanding(self) -> int:
        """How many pings wait for their pong."""
        ...

    async def ping(self) -> None:
        """Send one. Raises what sending raises."""
        ...


async def until_silent(
    pinged: Pinged, heard_at: Callable[[], float], *, seconds: float = PING_SECONDS, missed: int = MISSED
) -> None:
    """Ping on an interval and return when nobody is there: pongs are missing, and nothing else came either.

    `heard_at` says when anything was last read: a peer that sends is there, even if a pong waits behind a long queue.
    A ping that cannot be written within the interval counts as missed. What `ping` raises passes through.
    """
    unwritten = 0
    while True:
        await trio.sleep(seconds)
        silent = trio.current_time() - heard_at() >= missed * seconds
        if silent and (pinged.pings_outstanding >= missed or unwritten >= missed):
            return
        with trio.move_on_after(seconds) as scope:
            await pinged.ping()
        unwritten = unwritten + 1 if scope.cancelled_caught else 0
