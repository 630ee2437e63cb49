"""Where the log events of sessions go: log lines, metrics, traces. One observer serves a whole process.

The core decides what to report (`LogEvent`); nothing is decided here. An observer never raises and never blocks on the
network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.telemetry.log_events import CLIENT_FIELD, METRIC_UPDATES, SESSION_STATES, write_left_out, write_log_event
from bridge.telemetry.log_limits import NOTHING_LEFT_OUT, OF_ALL_SESSIONS, LogLimiter
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
    limiter: LogLimiter = field(default_factory=LogLimiter)


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
        self._without_session, self._of_all = LogLimiter(), LogLimiter(OF_ALL_SESSIONS)

    # Called by the driver

    def session_started(self, client_id: str, statistics: Callable[[], SessionStatistics]) -> None:
        """A session's driver has started; `update_gauges` calls `statistics`."""
        self._client(client_id).statistics = statistics

    def session_ended(self, client_id: str) -> None:
        """A session's driver has ended."""
        client = self._clients.pop(client_id, None)
        if client is not None:
            write_left_out(self._log, client.limiter, client_id)
        self._traces.session_ended(client_id)

    def log_event(self, client_id: str, event: LogEvent) -> None:
        """Log, count and trace an event of the core. A frequent one is not logged each time."""
        client = self._clients.get(client_id)
        limiter = None if client is None else client.limiter
        now = self._now()
        left_out = NOTHING_LEFT_OUT if limiter is None else limiter.offer(event.name, event.fields, now)
        if left_out is not None:
            left_out = self._of_all.offer(event.name, event.fields, now, before=left_out)
        if left_out is not None:
            write_log_event(self._log, client_id, event, left_out)
        count = METRIC_UPDATES.get(event.name)
        if count is not None:
            count(self._metrics, {**event.fields, CLIENT_FIELD: client_id})
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
        client = self._clients.get(client_id)
        limiter = self._without_session if client is None else client.limiter
        left_out = limiter.offer("internal.error", {}, self._now())
        if left_out is not None:
            fields = {"clientId": client_id, **left_out.as_fields()}
            self._log.write_error("internal.error", "Internal error of the bridge", error=error, **fields)

    # Called by the server

    def client_refused(self, code: str, message: str, **fields: Any) -> None:
        """Log and count a client that was rejected before the upgrade. Each code has a limit of lines of its own."""
        self._metrics.increment("refused_total", 1, code)
        left_out = self._without_session.offer("client.refused", fields, self._now(), kind=code)
        if left_out is not None:
            self._log.write("warning", "client.refused", message, code=code, **fields, **left_out.as_fields())

    def client_event(self, event: str, message: str, **fields: Any) -> None:
        """Log that a client came or went. All clients of the process share a limit of lines."""
        left_out = self._without_session.offer(event, fields, self._now())
        if left_out is not None:
            self._log.write("info", event, message, **fields, **left_out.as_fields())

    def server_ended(self) -> None:
        """Log what was left out over all sessions, and of requests without one."""
        write_left_out(self._log, self._without_session)
        write_left_out(self._log, self._of_all)

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
                self._metrics.observe("ready_seconds", self._now() - client.opening_since, client_id=client_id)
            client.opening_since = None
