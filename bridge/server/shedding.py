"""The clients that a worker serves, and what its load means for them: `overload.py` decides, this ends sessions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import trio

from bridge.server.overload import Holder
from bridge.transport.reactor import YOUNG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.server.overload import Overload
    from bridge.telemetry.metrics import Metrics


class SheddableClient(Protocol):
    """A client that can be ended."""

    client_id: str

    @property
    def held_bytes(self) -> int:
        """About how much memory is held for it."""
        ...

    def end_busy(self) -> None:
        """Tell it that the bridge is short of memory, and close its connection."""
        ...


class Shedding:
    """The clients of one process."""

    def __init__(self, overload: Overload, metrics: Metrics) -> None:
        self._overload, self._metrics = overload, metrics
        self._clients: dict[str, tuple[SheddableClient, str, float]] = {}
        """With their addresses, and since when they are there, by id."""
        self._served_at: float | None = None

    @contextmanager
    def serving(self, client: SheddableClient, address: str) -> Iterator[None]:
        """Count a client while the block runs."""
        self._clients[client.client_id] = client, address, trio.current_time()
        try:
            yield
        finally:
            del self._clients[client.client_id]

    def measured(self, lag: float, memory: int, now: float) -> None:
        """Take a measurement; see `Overload.measured`."""
        self._overload.measured(lag, memory, now)
        self._metrics.observe("loop_lag_seconds", lag)

    def served(self, busy: float, now: float) -> None:
        """Take another one; see `Overload.served`."""
        if self._served_at is not None:
            self._metrics.increment("serving_seconds_total", busy * (now - self._served_at))
        self._served_at = now
        settled = sum(now - since >= YOUNG_SECONDS for _, _, since in self._clients.values())
        self._overload.served(busy, settled, now)

    def end_largest(self) -> None:
        """End the clients that hold too much, if any do."""
        holders = [Holder(one, address, client.held_bytes) for one, (client, address, _) in self._clients.items()]
        for client_id in self._overload.too_much(holders):
            self._metrics.increment("shed_sessions_total")
            self._clients[client_id][0].end_busy()
