"""Traces, where OpenTelemetry is installed (`pip install sherpa-realtime[otel]`); without it nothing happens.

One span for each attempt to open an upstream session and one for each session, with the client's id, never content.
Exporters are configured as OpenTelemetry does it everywhere: by the `OTEL_*` variables.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.commands import LogEvent

#: What ends the span of an attempt, and what that of a session.
_ATTEMPT_ENDS = frozenset({"session.ready", "session.reconnected", "attempt.failed", "session.failed"})
_SESSION_BEGINS = frozenset({"session.ready", "session.reconnected"})
_SESSION_ENDS = frozenset({"session.lost", "session.closed", "client.gone"})
_FAILURES = frozenset({"attempt.failed", "session.failed"})


class Span(Protocol):
    """What is used of OpenTelemetry's span."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Say something about it."""
        ...

    def end(self) -> None:
        """It is over now."""
        ...


class Tracer(Protocol):
    """What is used of OpenTelemetry's tracer."""

    def start_span(self, name: str, *, attributes: Mapping[str, Any]) -> Span:
        """Begin a span."""
        ...


def find_tracer() -> Tracer | None:
    """Give OpenTelemetry's tracer; None where it is not installed."""
    try:
        trace = importlib.import_module("opentelemetry.trace")
    except ImportError:
        return None
    tracer: Tracer = trace.get_tracer("sherpa-bridge")
    return tracer


class SessionTraces:
    """Turns notes into spans."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer
        self._attempts: dict[str, Span] = {}
        self._sessions: dict[str, Span] = {}

    def log_event(self, client_id: str, note: LogEvent) -> None:
        """Begin or end spans as the note says."""
        if self._tracer is None:
            return
        if note.name == "upstream.opening":
            self._begin(self._attempts, "realtime.attempt", client_id, note)
        if note.name in _ATTEMPT_ENDS:
            self._end(self._attempts, client_id, note)
        if note.name in _SESSION_BEGINS:
            self._begin(self._sessions, "realtime.session", client_id, note)
        if note.name in _SESSION_ENDS:
            self._end(self._sessions, client_id, note)

    def session_ended(self, client_id: str) -> None:
        """Nothing more comes from this client."""
        for spans in (self._attempts, self._sessions):
            span = spans.pop(client_id, None)
            if span is not None:
                span.end()

    def _begin(self, spans: dict[str, Span], name: str, client_id: str, note: LogEvent) -> None:
        if self._tracer is None:
            return
        self._end(spans, client_id, note)
        spans[client_id] = self._tracer.start_span(name, attributes={"client.id": client_id} | _attributes(note))

    def _end(self, spans: dict[str, Span], client_id: str, note: LogEvent) -> None:
        span = spans.pop(client_id, None)
        if span is None:
            return
        if note.name in _FAILURES:
            span.set_attribute("error.type", str(note.fields.get("code")))
        if note.name in _SESSION_ENDS:
            span.set_attribute("realtime.end", str(note.fields.get("reason", note.name)))
        span.end()


def _attributes(note: LogEvent) -> dict[str, Any]:
    return {
        f"realtime.{name}": value for name, value in note.fields.items() if isinstance(value, str | int | float | bool)
    }
