"""Where a session's notes go: a log line, the counters, the traces. One observer serves a whole process.

The core decides what is noteworthy (`Note`); nothing is decided here. An observer never raises and never blocks on
the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.telemetry import log_events as names
from bridge.telemetry.log_events import COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.commands import Note
    from bridge.core.session import Statistics
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics
    from bridge.telemetry.tracing import Traces


@dataclass(slots=True)
class _Client:
    statistics: Callable[[], Statistics] | None = None
    opening_since: float | None = None
    """When the first attempt for the session began that is not ready yet."""


class Observer:
    """Sees every session of this process."""

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        traces: Traces,
        *,
        now: Callable[[], float],
        watchers: tuple[Callable[[str, Note], None], ...] = (),
    ) -> None:
        """`now` gives seconds that only grow; `watchers` are told of every note too (readiness is one)."""
        self._log, self._metrics, self._traces, self._now = log, metrics, traces, now
        self._watchers = watchers
        self._clients: dict[str, _Client] = {}

    # What the driver tells

    def began(self, client_id: str, statistics: Callable[[], Statistics]) -> None:
        """A session's driver runs; `statistics` are asked for at every look at the gauges."""
        self._client(client_id).statistics = statistics

    def ended(self, client_id: str) -> None:
        """A session's driver is over."""
        self._clients.pop(client_id, None)
        self._traces.ended(client_id)

    def note(self, client_id: str, note: Note) -> None:
        """Log, count and trace what the core noted."""
        names.write(self._log, client_id, note)
        count = COUNTED.get(note.name)
        if count is not None:
            count(self._metrics, note.fields)
        self._time(client_id, note.name)
        self._traces.note(client_id, note)
        for watcher in self._watchers:
            watcher(client_id, note)

    def forwarded(self, seconds: float) -> None:
        """Count what the bridge itself added to one event's way to the client, from read to written."""
        self._metrics.observe("forward_seconds", seconds)

    def trouble(self, client_id: str, error: BaseException) -> None:
        """A fault of our own: it is logged with its traceback, and counted."""
        self._metrics.count("internal_errors_total")
        self._log.failure("internal.error", "The bridge made a mistake", error=error, clientId=client_id)

    # What the house asks

    def look(self) -> None:
        """Set the gauges to what is now."""
        known = [client.statistics() for client in self._clients.values() if client.statistics is not None]
        counts: dict[str, int] = dict.fromkeys(names.STATES, 0)
        for one in known:
            counts[one.state.name.lower()] += 1
        for state, count in counts.items():
            self._metrics.set("sessions", count, state)
        self._metrics.set("held_ms", sum(one.held_ms for one in known))
        self._metrics.set("held_messages", sum(one.held_others for one in known))
        self._metrics.set("upstreams", sum(one.live or one.opening for one in known))

    def _client(self, client_id: str) -> _Client:
        return self._clients.setdefault(client_id, _Client())

    def _time(self, client_id: str, name: str) -> None:
        """Measure from the first attempt to the ready session."""
        client = self._clients.get(client_id)
        if client is None:
            return
        if name == "upstream.opening" and client.opening_since is None:
            client.opening_since = self._now()
        elif name in ("session.ready", "session.reconnected", "session.failed", "session.closed"):
            if name == "session.ready" and client.opening_since is not None:
                self._metrics.observe("ready_seconds", self._now() - client.opening_since)
            client.opening_since = None
