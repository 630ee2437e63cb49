"""Where the log events of sessions go: log lines, metrics, traces. One observer serves a whole process.

The core decides what to report (`LogEvent`); nothing is decided here. An observer never raises and never blocks on the
network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.telemetry.log_events import METRIC_UPDATES, SESSION_STATES, write_log_event
from bridge.telemetry.metric_table import MS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.commands import LogEvent
    from bridge.core.session import SessionStatistics
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics
    from bridge.telemetry.tracing import SessionTraces


@dataclass(slots=True)
class _Client:
    statistics: Callable[[], SessionStatistics] | None = None
    opening_since: float | None = None
    """When the first attempt for the session that is not ready yet began."""


class TelemetryObserver:
    """Logs, counts and traces the events of every session of this process."""

    def __init__(
        self,
        log: Log,
        metrics: Metrics,
        traces: SessionTraces,
        *,
        now: Callable[[], float],
        watchers: tuple[Callable[[str, LogEvent], None], ...] = (),
    ) -> None:
        """`now` is a monotonic clock in seconds. `watchers` get every event too (the readiness check is one)."""
        self._log, self._metrics, self._traces, self._now = log, metrics, traces, now
        self._watchers = watchers
        self._clients: dict[str, _Client] = {}

    # Called by the driver

    def session_started(self, client_id: str, statistics: Callable[[], SessionStatistics]) -> None:
        """A session's driver has started; `update_gauges` calls `statistics`."""
        self._client(client_id).statistics = statistics

    def session_ended(self, client_id: str) -> None:
        """A session's driver has ended."""
        self._clients.pop(client_id, None)
        self._traces.session_ended(client_id)

    def log_event(self, client_id: str, event: LogEvent) -> None:
        """Log, count and trace an event of the core."""
        write_log_event(self._log, client_id, event)
        count = METRIC_UPDATES.get(event.name)
        if count is not None:
            count(self._metrics, event.fields)
        self._time(client_id, event.name)
        self._traces.log_event(client_id, event)
        for watcher in self._watchers:
            watcher(client_id, event)

    def events_forwarded(self, events: int, seconds: float) -> None:
        """Record how long the bridge had these events at most, from reading them upstream to writing them."""
        self._metrics.observe("forward_seconds", seconds, count=events)

    def internal_error(self, client_id: str, error: BaseException) -> None:
        """Log an error of the bridge itself with its traceback, and count it."""
        self._metrics.increment("internal_errors_total")
        self._log.write_error("internal.error", "Internal error of the bridge", error=error, clientId=client_id)

    # Called by the server

    def update_gauges(self) -> None:
        """Set the gauges to the current values."""
        known = [client.statistics() for client in self._clients.values() if client.statistics is not None]
        counts: dict[str, int] = dict.fromkeys(SESSION_STATES, 0)
        for one in known:
            counts[one.phase.name.lower()] += 1
        for state, count in counts.items():
            self._metrics.set("sessions", count, state)
        self._metrics.set("held_seconds", sum(one.buffered_ms for one in known) / MS_PER_SECOND)
        self._metrics.set("held_messages", sum(one.buffered_messages for one in known))
        self._metrics.set("upstreams", sum(one.live or one.opening for one in known))

    def _client(self, client_id: str) -> _Client:
        return self._clients.setdefault(client_id, _Client())

    def _time(self, client_id: str, name: str) -> None:
        """Measure the time from the first attempt to the ready session."""
        client = self._clients.get(client_id)
        if client is None:
            return
        if name == "upstream.opening" and client.opening_since is None:
            client.opening_since = self._now()
        elif name in ("session.ready", "session.reconnected", "session.failed", "session.closed"):
            if name == "session.ready" and client.opening_since is not None:
                self._metrics.observe("ready_seconds", self._now() - client.opening_since)
            client.opening_since = None
