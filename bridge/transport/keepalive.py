"""Keep-alive for a WebSocket: pings on an interval, and the decision when the other end is dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import trio

from bridge.transport.timers import current_timers

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds between pings: below the idle limit of common proxies (60 s), and what the public service does itself.
PING_INTERVAL_SECONDS: Final = 20.0
#: After so many pings in a row without a pong, the other end is dead.
MAX_MISSED_PONGS: Final = 2


class Pingable(Protocol):
    """A connection that can send pings, such as that of a client."""

    @property
    def last_received_at(self) -> float:
        """When anything last came from the other end, on trio's clock."""
        ...

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        ...

    def ping(self) -> None:
        """Send a ping, or let it wait until it can be written. Never blocks."""
        ...


class KeepAlive:
    """Pings a link on an interval, and says when its other end is dead: no pongs come, and nothing else either.

    A peer that sends is alive, even if its pong waits behind a long queue. A ping that cannot be written stays
    unanswered. It costs a timer, not a task: `stop` it when the link is closed.
    """

    __slots__ = ("_interval_seconds", "_link", "_on_dead", "_timer")

    def __init__(
        self,
        link: Pingable,
        on_dead: Callable[[], None],
        *,
        interval_seconds: float = PING_INTERVAL_SECONDS,
    ) -> None:
        """`on_dead` is called once, MAX_MISSED_PONGS intervals after the last sign of life. It must not raise."""
        self._link, self._on_dead, self._interval_seconds = link, on_dead, interval_seconds
        self._timer = current_timers().timer(self._tick)
        self._timer.set(trio.current_time() + interval_seconds)

    def stop(self) -> None:
        """Ping no more, and call nobody."""
        self._timer.stop()

    def _tick(self, now: float) -> None:
        link = self._link
        silent = now - link.last_received_at >= MAX_MISSED_PONGS * self._interval_seconds
        if silent and link.pings_outstanding >= MAX_MISSED_PONGS:
            self._on_dead()
        else:
            link.ping()
            self._timer.set(now + self._interval_seconds)


async def wait_until_dead(link: Pingable, *, interval_seconds: float = PING_INTERVAL_SECONDS) -> None:
    """Return when the other end is dead, as KeepAlive finds out. Cancelling stops the pings."""
    dead = trio.Event()
    keep_alive = KeepAlive(link, dead.set, interval_seconds=interval_seconds)
    try:
        await dead.wait()
    finally:
        keep_alive.stop()
