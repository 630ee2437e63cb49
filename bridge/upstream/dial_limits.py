"""How often upstream sessions are opened: for each address of clients, in all, and while the upstream can't be reached.

All clients of a bridge share them, over all workers: their state is in memory that the workers share. An attempt that
comes a little too early waits; one that would wait for longer than an attempt may take fails, with the time after which
to try again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import trio

from bridge.core.events import Failure
from bridge.transport.token_buckets import OwnBucketTable, TokenBuckets
from bridge.transport.turns import take_turn
from bridge.upstream.circuit_breaker import CircuitBreaker
from bridge.upstream.failures import ConnectFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.transport.token_buckets import BucketTable
    from bridge.upstream.circuit_breaker import Numbers
    from bridge.upstream.link import Connector, UpstreamLink

#: Within the time that an attempt has until the session must be ready (`CoreSettings.ready_seconds`), with a reserve.
_LONGEST_WAIT: Final = 3.0
#: A burst is what comes in so many seconds: after an outage, all sessions of an address are opened again.
_BURST_SECONDS: Final = 40.0
#: How a failure of an attempt to reach the upstream is called; other failures are answers, so it was reached.
_UNREACHED: Final = "UPSTREAM_UNAVAILABLE"
#: An attempt that was cancelled after so long would have failed.
_SLOW_SECONDS: Final = 5.0
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class DialState:
    """What the limits remember: in this process, or in memory that workers share."""

    addresses: BucketTable = field(default_factory=OwnBucketTable)
    all: BucketTable = field(default_factory=OwnBucketTable)
    breaker: Numbers | None = None
    """See `CircuitBreaker`."""


class DialLimits:
    """The limits of one bridge, in one process."""

    def __init__(
        self,
        *,
        per_address: float,
        in_all: float,
        state: DialState | None = None,
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        """Both in attempts per second; 0: no limit. `now` is a clock that all who share the state have in common."""
        state = state or DialState()
        self._now = now
        self._addresses = (
            TokenBuckets(per_address, max(1.0, per_address * _BURST_SECONDS), state.addresses) if per_address else None
        )
        self._all = TokenBuckets(in_all, max(1.0, in_all * 2), state.all) if in_all else None
        self.breaker = CircuitBreaker(state.breaker)

    def now(self) -> float:
        """Return the time on the clock of the limits."""
        return self._now()

    def connector(self, connector: Connector, address: str | None) -> LimitedConnector:
        """Return the connector of one client; an address of None has no limit of its own."""
        return LimitedConnector(self, connector, address)

    async def wait(self, address: str | None) -> None:
        """Wait until an attempt may begin. Raises ConnectFailed if that takes too long."""
        now = self._now()
        self._check(self.breaker.wait_seconds(now))  # first, so that no token is taken in vain
        waits = [0.0]
        for buckets, key in ((self._addresses, address), (self._all, _ALL)):
            if buckets is not None and key is not None:
                wait = buckets.reserve(key, now, _LONGEST_WAIT)
                if wait is None:
                    again = _spread(_LONGEST_WAIT)
                    raise ConnectFailed(_refused("RATE_LIMITED", "Too many sessions are being opened.", again))
                waits.append(wait)
        await trio.sleep(max(waits))
        await take_turn()  # the beginnings of many that may begin at once are spread
        self._check(self.breaker.admit(self._now()))

    def _check(self, retry_after: float) -> None:
        if retry_after:
            again = _spread(retry_after)
            raise ConnectFailed(_refused(_UNREACHED, "The upstream can't be reached at the moment.", again))


class LimitedConnector:
    """A connector whose attempts keep to the limits."""

    def __init__(self, limits: DialLimits, connector: Connector, address: str | None) -> None:
        self._limits, self._connector, self._address = limits, connector, address

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> UpstreamLink:
        """Open a session as soon as the limits allow. Raises ConnectFailed. Cancelling leaves nothing open."""
        await self._limits.wait(self._address)
        breaker, began = self._limits.breaker, self._limits.now()
        try:
            link = await self._connector.open(generation, session_options)
        except ConnectFailed as failed:
            if failed.failure.code == _UNREACHED and failed.failure.retryable:
                breaker.failed(self._limits.now())
            else:
                breaker.succeeded()
            raise
        except trio.Cancelled:  # the session was not ready in time, or the client has left
            now = self._limits.now()
            if now - began >= _SLOW_SECONDS:
                breaker.failed(now)
            else:
                breaker.given_up(now)
            raise
        breaker.succeeded()
        return link


def _spread(seconds: float) -> float:
    """Return up to twice the time, so that not all come back at once."""
    return seconds * (1 + random.random())


def _refused(code: str, message: str, retry_after: float) -> Failure:
    return Failure(code=code, message=message, retryable=True, retry_after_seconds=retry_after)
