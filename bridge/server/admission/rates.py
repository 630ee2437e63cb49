"""How often one address may connect, and how often with a wrong token or ticket. Pure; the time is a parameter.

Over all workers, if they share the tables and the clock. Addresses of this machine have no limit: a proxy without
`trusted_proxies` speaks for many there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.server.addresses import is_loopback
from bridge.transport.token_buckets import TokenBuckets

if TYPE_CHECKING:
    from bridge.transport.token_buckets import BucketTable

#: What one address may do at once, in seconds of its rate: an office whose clients all come back.
_BURST_SECONDS: Final = 10.0
#: Wrong credentials per second and at once. No honest client is wrong that often.
_WRONG_PER_SECOND: Final = 1.0
_WRONG_BURST: Final = 20.0


class AddressRates:
    """The rates of all addresses. Addresses are as `counted_as` returns them."""

    def __init__(
        self, connections_per_second: float, connections: BucketTable | None = None, wrong: BucketTable | None = None
    ) -> None:
        """0: no limit of connections. The tables are of connections and of wrong credentials; None: own ones."""
        rate = connections_per_second
        self._connections = TokenBuckets(rate, max(1.0, rate * _BURST_SECONDS), connections) if rate else None
        self._wrong = TokenBuckets(_WRONG_PER_SECOND, _WRONG_BURST, wrong)

    def may_connect(self, address: str, now: float) -> bool:
        """Count a connection; False if it is one too many."""
        return self._connections is None or is_loopback(address) or self._connections.take(address, now)

    def may_authenticate(self, address: str, now: float) -> bool:
        """Whether to look at a credential from this address."""
        return is_loopback(address) or not self._wrong.is_empty(address, now)

    def credential_was_wrong(self, address: str, now: float) -> None:
        """Count a wrong credential."""
        self._wrong.take(address, now)
