"""What each note of the core is called in the log, and what is counted with it: two tables, one row a note.

The wording of three lines is that which operators of such bridges look for; it does not change with the house's style.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.commands import Note
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics

#: The states that are counted; the core's own, in lower case.
STATES = ("idle", "initializing", "ready", "reconnecting", "failed", "closed")


@dataclass(frozen=True, slots=True)
class Line:
    """How a note reads."""

    level: str
    message: str


#: The line that looks for early speech is written beside `session.ready`, when there was some.
BUFFERED = "Processing buffered audio chunks"

LINES: Mapping[str, Line] = {
    "upstream.opening": Line("info", "Opening an OpenAI session for client"),
    "session.created": Line("info", "Transcription session CREATED for client"),
    "session.ready": Line("info", "Setting OpenAI session ready state to TRUE"),
    "session.reconnected": Line("info", "Reconnected to OpenAI with a fresh session"),
    "session.lost": Line("warning", "The OpenAI session was lost"),
    "session.failed": Line("error", "Gave up opening an OpenAI session for client"),
    "session.closed": Line("info", "The session was closed by intent"),
    "session.expiring": Line("info", "The OpenAI session nears its maximum age"),
    "attempt.failed": Line("warning", "An attempt to open an OpenAI session failed"),
    "held.dropped": Line("warning", "Held audio or messages were given up"),
    "error.sent": Line("warning", "An error was sent to the client"),
    "error.held_back": Line("info", "An error was held back: the client had one less than 2 s ago"),
    "response.failed": Line("warning", "A response failed"),
    "response.waits": Line("info", "A response waits for the running one to end"),
    "upstream.error": Line("warning", "OpenAI sent an error event"),
    "upstream.unreadable": Line("warning", "OpenAI sent a frame that is no event: it was not passed on"),
    "update.refused": Line("warning", "OpenAI refused a session's remembered changes: it is opened without them"),
    "upstream.harmless_error": Line("debug", "OpenAI sent an error event that is known to be harmless"),
    "upstream.late_event": Line("debug", "An event of an earlier session was ignored"),
    "client.interrupted": Line("debug", "The client interrupted the answer"),
    "client.gone": Line("info", "The client is gone"),
}


def write(log: Log, client_id: str, note: Note) -> None:
    """Write the line of a note, and the one about early speech where there was some."""
    line = LINES.get(note.name, Line("info", note.name))
    fields = {name: value for name, value in note.fields.items() if value is not None}
    log.write(line.level, note.name, line.message, clientId=client_id, **fields)
    if note.name == "session.ready" and note.fields.get("bufferedChunks"):
        log.write("info", "session.buffered", BUFFERED, clientId=client_id, **fields)


def _attempt_failed(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    cause = str(fields.get("code"))
    metrics.count("upstream_refusals_total", 1, cause)
    if cause == "ACCESS_DENIED":
        metrics.count("upstream_forbidden_total")


def _dropped(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    reason = str(fields.get("reason"))
    metrics.count("dropped_chunks_total", _number(fields, "chunks"), reason)
    metrics.count("dropped_ms_total", _number(fields, "ms"), reason)
    metrics.count("dropped_messages_total", _number(fields, "messages"), reason)


def _reconnected(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    metrics.count("reconnections_total")
    metrics.observe("reconnect_seconds", _number(fields, "seconds"))
    metrics.count("resent_ms_total", _number(fields, "resentMs"))


def _ready(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    metrics.count("sessions_ready_total")
    metrics.count("buffered_ms_total", _number(fields, "bufferedMs"))


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _one(name: str, field: str | None = None) -> Callable[[Metrics, Mapping[str, Any]], None]:
    """Count a note by one, by the value of a field where one is named."""

    def count(metrics: Metrics, fields: Mapping[str, Any]) -> None:
        metrics.count(name, 1, *((str(fields.get(field)),) if field else ()))

    return count


COUNTED: Mapping[str, Callable[[Metrics, Mapping[str, Any]], None]] = {
    "upstream.opening": _one("attempts_total"),
    "attempt.failed": _attempt_failed,
    "session.ready": _ready,
    "session.reconnected": _reconnected,
    "session.lost": _one("sessions_lost_total"),
    "session.failed": _one("sessions_failed_total", "code"),
    "session.closed": _one("sessions_closed_total", "reason"),
    "held.dropped": _dropped,
    "error.sent": _one("errors_sent_total", "code"),
    "error.held_back": _one("errors_suppressed_total", "code"),
    "response.failed": _one("responses_failed_total"),
    "upstream.error": _one("upstream_errors_total"),
    "upstream.unreadable": _one("unreadable_frames_total"),
    "upstream.harmless_error": _one("harmless_errors_total"),
    "upstream.late_event": _one("late_events_total"),
}
