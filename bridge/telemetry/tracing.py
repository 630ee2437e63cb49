"""Traces, if OpenTelemetry is installed (`pip install sherpa-realtime[otel]`). Without it, nothing is recorded.

There is one span per attempt to open an upstream session and one per session, with the client's id, never with content.
Configure exporters with OpenTelemetry's own `OTEL_*` variables.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.commands import LogEvent

#: Log events that end the span of an attempt; below, those that begin and end the span of a session.
_ATTEMPT_ENDS = frozenset({"session.ready", "session.reconnected", "attempt.failed", "session.failed"})
_SESSION_BEGINS = frozenset({"session.ready", "session.reconnected"})
_SESSION_ENDS = frozenset({"session.lost", "session.closed", "client.gone"})
_FAILURES = frozenset({"attempt.failed", "session.failed"})


class Span(Protocol):
    """The part of OpenTelemetry's span that is used."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Add an attribute, or replace it: a string, a number or a bool."""
        ...

    def end(self) -> None:
        """End the span now."""
        ...


class Tracer(Protocol):
    """The part of OpenTelemetry's tracer that is used."""

    def start_span(self, name: str, *, attributes: Mapping[str, Any]) -> Span:
        """Start a span now; it lasts until its `end` is called."""
        ...


def find_tracer() -> Tracer | None:
    """Return OpenTelemetry's tracer; None if it is not installed."""
    try:
        trace = importlib.import_module("opentelemetry.trace")
    except ImportError:
        return None
    tracer: Tracer = trace.get_tracer("sherpa-bridge")
    return tracer


class SessionTraces:
    """Turns log events into spans."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._attempts: dict[str, Span] = {}
        self._sessions: dict[str, Span] = {}

    def log_event(self, client_id: str, event: LogEvent) -> None:
        """Start or end the spans of a client, depending on the event."""
        if self._tracer is None:
            return
        if event.name == "upstream.opening":
            self._begin(self._attempts, "realtime.attempt", client_id, event)
        if event.name in _ATTEMPT_ENDS:
            self._end(self._attempts, client_id, event)
        if event.name in _SESSION_BEGINS:
            self._begin(self._sessions, "realtime.session", client_id, event)
        if event.name in _SESSION_ENDS:
            self._end(self._sessions, client_id, event)

    def session_ended(self, client_id: str) -> None:
        """End the spans of this client."""
        for spans in (self._attempts, self._sessions):
            span = spans.pop(client_id, None)
            if span is not None:
                span.end()

    def _begin(self, spans: dict[str, Span], name: str, client_id: str, event: LogEvent) -> None:
        if self._tracer is None:
            return
        self._end(spans, client_id, event)
        spans[client_id] = self._tracer.start_span(name, attributes={"client.id": client_id} | _attributes(event))

    def _end(self, spans: dict[str, Span], client_id: str, event: LogEvent) -> None:
        span = spans.pop(client_id, None)
        if span is None:
            return
        if event.name in _FAILURES:
            span.set_attribute("error.type", str(event.fields.get("code")))
        if event.name in _SESSION_ENDS:
            span.set_attribute("realtime.end", str(event.fields.get("reason", event.name)))
        span.end()


def _attributes(event: LogEvent) -> dict[str, Any]:
    return {
        f"realtime.{name}": value for name, value in event.fields.items() if isinstance(value, str | int | float | bool)
    }
