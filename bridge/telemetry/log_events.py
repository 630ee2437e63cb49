"""What each note of the core is called in the log, and what is counted with it: two tables, one row a note.

The wording of three lines is that which operators of such bridges look for; it does not change with the house's style.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.commands import LogEvent
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics

#: The states that are counted; the core's own, in lower case.
SESSION_STATES = ("idle", "initializing", "ready", "reconnecting", "failed", "closed")


@dataclass(frozen=True, slots=True)
class LogMessage:
    """How a note reads."""

    level: str
    message: str


#: The line that looks for early speech is written beside `session.ready`, when there was some.
BUFFERED_MESSAGE = "Processing buffered audio chunks"

LOG_MESSAGES: Mapping[str, LogMessage] = {
    "upstream.opening": LogMessage("info", "Opening an OpenAI session for client"),
    "session.created": LogMessage("info", "Transcription session CREATED for client"),
    "session.ready": LogMessage("info", "Setting OpenAI session ready state to TRUE"),
    "session.reconnected": LogMessage("info", "Reconnected to OpenAI with a fresh session"),
    "session.lost": LogMessage("warning", "The OpenAI session was lost"),
    "session.failed": LogMessage("error", "Gave up opening an OpenAI session for client"),
    "session.closed": LogMessage("info", "The session was closed by intent"),
    "session.expiring": LogMessage("info", "The OpenAI session nears its maximum age"),
    "attempt.failed": LogMessage("warning", "An attempt to open an OpenAI session failed"),
    "held.dropped": LogMessage("warning", "Held audio or messages were given up"),
    "error.sent": LogMessage("warning", "An error was sent to the client"),
    "error.held_back": LogMessage("info", "An error was held back: the client had one less than 2 s ago"),
    "response.failed": LogMessage("warning", "A response failed"),
    "response.waits": LogMessage("info", "A response waits for the running one to end"),
    "upstream.error": LogMessage("warning", "OpenAI sent an error event"),
    "upstream.unreadable": LogMessage("warning", "OpenAI sent a frame that is no event: it was not passed on"),
    "update.refused": LogMessage("warning", "OpenAI refused a session's remembered changes: it is opened without them"),
    "upstream.harmless_error": LogMessage("debug", "OpenAI sent an error event that is known to be harmless"),
    "upstream.late_event": LogMessage("debug", "An event of an earlier session was ignored"),
    "client.interrupted": LogMessage("debug", "The client interrupted the answer"),
    "client.gone": LogMessage("info", "The client is gone"),
}


def write_log_event(log: Log, client_id: str, note: LogEvent) -> None:
    """Write the line of a note, and the one about early speech where there was some."""
    line = LOG_MESSAGES.get(note.name, LogMessage("info", note.name))
    fields = {name: value for name, value in note.fields.items() if value is not None}
    log.write(line.level, note.name, line.message, clientId=client_id, **fields)
    if note.name == "session.ready" and note.fields.get("bufferedChunks"):
        log.write("info", "session.buffered", BUFFERED_MESSAGE, clientId=client_id, **fields)


def _attempt_failed(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    cause = str(fields.get("code"))
    metrics.increment("upstream_refusals_total", 1, cause)
    if cause == "ACCESS_DENIED":
        metrics.increment("upstream_forbidden_total")


def _dropped(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    reason = str(fields.get("reason"))
    metrics.increment("dropped_chunks_total", _number(fields, "chunks"), reason)
    metrics.increment("dropped_ms_total", _number(fields, "ms"), reason)
    metrics.increment("dropped_messages_total", _number(fields, "messages"), reason)


def _reconnected(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    metrics.increment("reconnections_total")
    metrics.observe("reconnect_seconds", _number(fields, "seconds"))
    metrics.increment("resent_ms_total", _number(fields, "resentMs"))


def _ready(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    metrics.increment("sessions_ready_total")
    metrics.increment("buffered_ms_total", _number(fields, "bufferedMs"))


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _one(name: str, field: str | None = None) -> Callable[[Metrics, Mapping[str, Any]], None]:
    """Count a note by one, by the value of a field where one is named."""

    def count(metrics: Metrics, fields: Mapping[str, Any]) -> None:
        metrics.increment(name, 1, *((str(fields.get(field)),) if field else ()))

    return count


METRIC_UPDATES: Mapping[str, Callable[[Metrics, Mapping[str, Any]], None]] = {
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
