"""The log line of each event of the core, and the metrics that it updates: two tables, one row per event.

Operators search for the exact text of three lines (`session.created` of a transcription, `session.ready`,
`session.buffered`). Do not change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.telemetry.log_limits import NOTHING_LEFT_OUT
from bridge.telemetry.metric_table import MS_PER_SECOND, join_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.commands import LogEvent
    from bridge.telemetry.log import Log
    from bridge.telemetry.log_limits import LeftOut, LogLimiter
    from bridge.telemetry.metrics import Metrics

#: What tokens may be: the fields of `usage.counted`, and the label `kind`.
TOKEN_KINDS = (
    "input_text",
    "input_audio",
    "input_image",
    "cached_text",
    "cached_audio",
    "cached_image",
    "output_text",
    "output_audio",
)
#: The field with the client's id, which the observer adds to those of the core's event.
CLIENT_FIELD = "clientId"
#: The states in the `sessions` metric: those of the core, in lower case.
SESSION_STATES = ("idle", "initializing", "ready", "reconnecting", "failed", "closed")


@dataclass(frozen=True, slots=True)
class LogMessage:
    """The level and the text of a log line."""

    level: str
    message: str


#: Written after `session.ready` if speech came before the session was ready.
BUFFERED_MESSAGE = "Processing buffered audio chunks"
#: Of `session.created`, where the session only transcribes.
TRANSCRIPTION_CREATED_MESSAGE = "Transcription session CREATED for client"

#: Of `log.left_out`.
LEFT_OUT_MESSAGE = "Lines of a frequent event were left out"

LOG_MESSAGES: Mapping[str, LogMessage] = {
    "upstream.opening": LogMessage("info", "Opening an OpenAI session for client"),
    "session.created": LogMessage("info", "OpenAI session CREATED for client"),
    "session.ready": LogMessage("info", "Setting OpenAI session ready state to TRUE"),
    "session.reconnected": LogMessage("info", "Reconnected to OpenAI with a new session"),
    "session.postponed": LogMessage("warning", "A session is opened later: the client had too many opened of late"),
    "session.lost": LogMessage("warning", "The OpenAI session was lost"),
    "session.failed": LogMessage("error", "Could not open an OpenAI session for client"),
    "session.closed": LogMessage("info", "The session was closed on purpose"),
    "session.expiring": LogMessage("info", "The OpenAI session is about to reach its maximum duration"),
    "attempt.failed": LogMessage("warning", "An attempt to open an OpenAI session failed"),
    "held.dropped": LogMessage("warning", "Buffered audio or messages were dropped"),
    "error.sent": LogMessage("warning", "An error was sent to the client"),
    "error.held_back": LogMessage("info", "An error was not sent: the client got one less than 2 s ago"),
    "response.failed": LogMessage("warning", "A response failed"),
    "response.waits": LogMessage("info", "A response waits for the running response to end"),
    "upstream.error": LogMessage("warning", "OpenAI sent an error event"),
    "upstream.unreadable": LogMessage("warning", "OpenAI sent a frame that is not an event: it was not forwarded"),
    "update.refused": LogMessage("warning", "OpenAI refused earlier session updates: the session opens without them"),
    "upstream.harmless_error": LogMessage("debug", "OpenAI sent a harmless error event"),
    "upstream.late_event": LogMessage("debug", "An event of an earlier session was ignored"),
    "usage.counted": LogMessage("debug", "A response or a transcript took this much"),
    "client.spent": LogMessage("info", "What the client took, by its responses and transcripts"),
    "client.interrupted": LogMessage("debug", "The client interrupted the answer"),
    "caller.spoke_over_answer": LogMessage("debug", "Speech started while an answer was playing"),
    "caller.echo": LogMessage("warning", "The caller's transcript repeats the answer: the assistant hears itself"),
    "answer.first_audio": LogMessage("debug", "The first audio of an answer goes to the client"),
    "barge_in.silent": LogMessage("debug", "The client fell silent after speech started"),
    "answer.cut_short": LogMessage("warning", "An answer was cancelled less than 300 ms after its start"),
    "barge_in.slow": LogMessage("warning", "The client played an answer for over 300 ms after speech started"),
    "client.gone": LogMessage("info", "The client disconnected"),
}


def write_log_event(log: Log, client_id: str, event: LogEvent, left_out: LeftOut = NOTHING_LEFT_OUT) -> None:
    """Write the line of an event, and the line about buffered speech if there was some.

    `left_out` are the events of this name since the line before.
    """
    line = LOG_MESSAGES.get(event.name, LogMessage("info", event.name))
    fields = {name: value for name, value in event.fields.items() if value is not None} | left_out.as_fields()
    is_transcription = event.name == "session.created" and event.fields.get("kind") == "transcription"
    message = TRANSCRIPTION_CREATED_MESSAGE if is_transcription else line.message
    log.write(line.level, event.name, message, clientId=client_id, **fields)
    if event.name == "session.ready" and event.fields.get("bufferedChunks"):
        log.write("info", "session.buffered", BUFFERED_MESSAGE, clientId=client_id, **fields)


def write_left_out(log: Log, limiter: LogLimiter, client_id: str = "") -> None:
    """Write a line for each event that was left out and not told yet."""
    for name, code, left_out in limiter.finish():
        level = LOG_MESSAGES[name].level if name in LOG_MESSAGES else "warning"
        about = {"of": name, "code": code, "clientId": client_id}
        known = {field: value for field, value in about.items() if value}
        log.write(level, "log.left_out", LEFT_OUT_MESSAGE, **known, **left_out.as_fields())


def _attempt_failed(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    cause = str(fields.get("code"))
    metrics.increment("upstream_refusals_total", 1, cause)
    if cause == "ACCESS_DENIED":
        metrics.increment("upstream_forbidden_total")


def _dropped(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    reason = str(fields.get("reason"))
    metrics.increment("dropped_chunks_total", _number(fields, "chunks"), reason)
    metrics.increment("dropped_seconds_total", _number(fields, "ms") / MS_PER_SECOND, reason)
    metrics.increment("dropped_messages_total", _number(fields, "messages"), reason)


def _reconnected(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    metrics.increment("reconnections_total")
    metrics.observe("reconnect_seconds", _number(fields, "seconds"), client_id=str(fields.get(CLIENT_FIELD) or ""))
    metrics.increment("resent_seconds_total", _number(fields, "resentMs") / MS_PER_SECOND)


def _ready(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    metrics.increment("sessions_ready_total")
    metrics.increment("buffered_seconds_total", _number(fields, "bufferedMs") / MS_PER_SECOND)


def _seconds(name: str) -> Callable[[Metrics, Mapping[str, Any]], None]:
    """Add the event's `seconds` to a histogram."""

    def observe(metrics: Metrics, fields: Mapping[str, Any]) -> None:
        metrics.observe(name, _number(fields, "seconds"), client_id=str(fields.get(CLIENT_FIELD) or ""))

    return observe


def _usage(metrics: Metrics, fields: Mapping[str, Any]) -> None:
    model = str(fields.get("model") or "unknown")
    for kind in TOKEN_KINDS:
        if tokens := _number(fields, kind):
            metrics.increment("tokens_total", tokens, join_labels(kind, model))
    if seconds := _number(fields, "seconds"):
        metrics.increment("transcribed_seconds_total", seconds, model)
    if fields.get("costUsd") is None:
        metrics.increment("unpriced_total", 1, model)
    else:
        metrics.increment("cost_usd_total", _number(fields, "costUsd"), model)


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _increment(name: str, field: str | None = None) -> Callable[[Metrics, Mapping[str, Any]], None]:
    """Increase a counter by one; `field` names the event's field with the label value."""

    def count(metrics: Metrics, fields: Mapping[str, Any]) -> None:
        metrics.increment(name, 1, *((str(fields.get(field)),) if field else ()))

    return count


METRIC_UPDATES: Mapping[str, Callable[[Metrics, Mapping[str, Any]], None]] = {
    "upstream.opening": _increment("attempts_total"),
    "attempt.failed": _attempt_failed,
    "session.ready": _ready,
    "session.reconnected": _reconnected,
    "session.lost": _increment("sessions_lost_total"),
    "session.failed": _increment("sessions_failed_total", "code"),
    "session.closed": _increment("sessions_closed_total", "reason"),
    "held.dropped": _dropped,
    "error.sent": _increment("errors_sent_total", "code"),
    "error.held_back": _increment("errors_suppressed_total", "code"),
    "response.failed": _increment("responses_failed_total"),
    "caller.spoke_over_answer": _increment("speech_over_answers_total"),
    "caller.echo": _increment("echoes_total"),
    "answer.first_audio": _seconds("first_audio_seconds"),
    "barge_in.silent": _seconds("barge_in_seconds"),
    "answer.cut_short": _increment("answers_cut_short_total", "cause"),
    "barge_in.slow": _increment("slow_barge_ins_total"),
    "usage.counted": _usage,
    "upstream.error": _increment("upstream_errors_total"),
    "upstream.unreadable": _increment("unreadable_frames_total"),
    "upstream.harmless_error": _increment("harmless_errors_total"),
    "upstream.late_event": _increment("late_events_total"),
}
