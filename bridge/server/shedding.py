"""The clients that a worker serves, and what its load means for them: `overload.py` decides, this ends sessions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from bridge.server.overload import Holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.server.overload import Overload


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

    def __init__(self, overload: Overload) -> None:
        self._overload = overload
        self._clients: dict[str, tuple[SheddableClient, str]] = {}
        """With their addresses, by id."""

    @contextmanager
    def serving(self, client: SheddableClient, address: str) -> Iterator[None]:
        """Count a client while the block runs."""
        self._clients[client.client_id] = client, address
        try:
            yield
        finally:
            del self._clients[client.client_id]

    def measured(self, lag: float, memory: int, now: float) -> None:
        """Take a measurement; see `Overload.measured`."""
        self._overload.measured(lag, memory, now)

    def end_largest(self) -> None:
        """End the clients that hold too much, if any do."""
        holders = [Holder(one, address, client.held_bytes) for one, (client, address) in self._clients.items()]
        for client_id in self._overload.too_much(holders):
            self._clients[client_id][0].end_busy()
