"""Every metric of the bridge: name, type, label, help. To add one, add a row here and a call that updates it.

Label values come from closed sets (codes, reasons, states, endpoints). Names, addresses and ids of clients are never
labels of a series; an exemplar has the id that the log has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "sherpa_bridge_"
#: Log events have ms. Prometheus wants base units, and `promtool check metrics` refuses a name with `ms`.
MS_PER_SECOND = 1000.0


#: Between the values of two labels; no model's name has it.
_SEPARATOR = "\x1f"


def join_labels(first: str, second: str) -> str:
    """Return the values of two labels as one."""
    return f"{first}{_SEPARATOR}{second}"


def split_labels(metric: MetricDefinition, value: str) -> list[tuple[str, str]]:
    """Return the names and values of a metric's labels. A value that stands for several series is that of each."""
    names, values = metric.label.split(), value.split(_SEPARATOR)
    return list(zip(names, values if len(values) == len(names) else [value] * len(names), strict=True))


class MetricType(StrEnum):
    """The metric types of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric as `/metrics` describes it, without the prefix that all names get."""

    type: MetricType
    help: str
    label: str = ""
    """The name of its label; two names with a space between them for values of `join_labels`; empty for none."""
    buckets: tuple[float, ...] = ()
    """Upper bounds, for histograms."""


#: For the time that a frame spends in the bridge: 50 us to 1 s.
_FAST = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
#: For opening sessions: 50 ms to a minute.
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 30.0, 60.0)

#: For the first audio of an answer: people notice 300 ms, and hang up after some seconds.
_ANSWER = (0.1, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
#: For a player that falls silent: 20 ms to 2 s.
_BARGE_IN = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0)

_C, _G, _H = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM

METRICS: Mapping[str, MetricDefinition] = {
    "sessions": MetricDefinition(_G, "Connected clients, by the state of their session", "state"),
    "upstreams": MetricDefinition(_G, "Upstream sessions that are open, or being opened, for a client"),
    "prewarmed": MetricDefinition(_G, "Upstream sessions in the pool, ready for a client"),
    "held_seconds": MetricDefinition(_G, "Speech that waits for a ready session, in seconds"),
    "held_messages": MetricDefinition(_G, "Other messages that wait for a ready session"),
    "connections": MetricDefinition(_G, "Open TCP connections of the server"),
    "tasks": MetricDefinition(_G, "Tasks of the event loop; they rise and fall with the clients"),
    "workers": MetricDefinition(_G, "Worker processes included in these metrics"),
    "clients_total": MetricDefinition(_C, "Clients that were accepted, by endpoint", "endpoint"),
    "refused_total": MetricDefinition(_C, "Clients that were rejected before the upgrade, by error code", "code"),
    "shed_clients_total": MetricDefinition(
        _C, "Clients that were rejected because of the worker's load, by reason", "reason"
    ),
    "shed_sessions_total": MetricDefinition(_C, "Sessions that were ended because they held too much memory"),
    "serving_seconds_total": MetricDefinition(
        _C, "Time in which workers served connections older than 2 s; 1 s per second is a worker without a pause"
    ),
    "attempts_total": MetricDefinition(_C, "Attempts to open an upstream session"),
    "upstream_refusals_total": MetricDefinition(_C, "Attempts that failed, by error code", "cause"),
    "upstream_forbidden_total": MetricDefinition(_C, "Attempts refused with 403: the key has no access"),
    "sessions_ready_total": MetricDefinition(_C, "Sessions that became ready for the first time"),
    "sessions_lost_total": MetricDefinition(_C, "Ready sessions that were lost or rolled over"),
    "sessions_failed_total": MetricDefinition(_C, "Sessions that failed for good, by error code", "code"),
    "sessions_closed_total": MetricDefinition(_C, "Sessions that were closed on purpose, by reason", "reason"),
    "reconnections_total": MetricDefinition(_C, "Lost sessions that were replaced by a new one"),
    "buffered_seconds_total": MetricDefinition(_C, "Speech buffered until the session was ready, in seconds"),
    "resent_seconds_total": MetricDefinition(_C, "Unanswered speech sent again to a new session, in seconds"),
    "dropped_chunks_total": MetricDefinition(_C, "Chunks of speech that were dropped, by reason", "reason"),
    "dropped_seconds_total": MetricDefinition(_C, "Speech that was dropped, in seconds, by reason", "reason"),
    "dropped_messages_total": MetricDefinition(_C, "Other messages that were dropped, by reason", "reason"),
    "errors_sent_total": MetricDefinition(_C, "Errors sent to clients, by code", "code"),
    "errors_suppressed_total": MetricDefinition(_C, "Errors not sent, less than 2 s after another, by code", "code"),
    "responses_failed_total": MetricDefinition(_C, "Responses with the status failed"),
    "speech_over_answers_total": MetricDefinition(_C, "Times that speech started while an answer was playing"),
    "echoes_total": MetricDefinition(
        _C, "Of these, those whose transcript repeats the answer: the assistant hears itself"
    ),
    "answers_cut_short_total": MetricDefinition(
        _C, "Answers cancelled within 300 ms of their start, by cause", "cause"
    ),
    "slow_barge_ins_total": MetricDefinition(
        _C, "Answers that clients played for over 300 ms after speech started; only of clients that report playback"
    ),
    "upstream_errors_total": MetricDefinition(_C, "Error events of the upstream that were reported to clients"),
    "harmless_errors_total": MetricDefinition(_C, "Error events of the upstream that are harmless and not reported"),
    "tokens_total": MetricDefinition(
        _C,
        "Tokens of responses and transcripts, by what they are and by model; cached ones are input, too",
        "kind model",
    ),
    "transcribed_seconds_total": MetricDefinition(
        _C, "Speech whose transcript is billed by its length, in seconds, by model", "model"
    ),
    "cost_usd_total": MetricDefinition(_C, "Cost of what has a known price, in US dollars, by model", "model"),
    "unpriced_total": MetricDefinition(_C, "Responses and transcripts without a known price, by model", "model"),
    "unreadable_frames_total": MetricDefinition(
        _C, "Frames of the upstream that are not events (truncated, for example) and were not forwarded"
    ),
    "late_events_total": MetricDefinition(_C, "Events of an earlier upstream session that were ignored"),
    "worker_restarts_total": MetricDefinition(_C, "Worker processes that were replaced"),
    "log_lines_dropped_total": MetricDefinition(_C, "Log lines that the stream did not take in time, or refused"),
    "internal_errors_total": MetricDefinition(_C, "Errors of the bridge itself; the log has a traceback of each"),
    "loop_lag_seconds": MetricDefinition(_H, "How late the event loop was, at most, in each 50 ms", buckets=_FAST),
    "ready_seconds": MetricDefinition(_H, "Time from the first attempt to the ready session", buckets=_SLOW),
    "first_audio_seconds": MetricDefinition(
        _H, "Time from the end of a caller's turn, as the bridge learns of it, to the first audio", buckets=_ANSWER
    ),
    "barge_in_seconds": MetricDefinition(
        _H, "Time for which clients that report playback played on after speech started", buckets=_BARGE_IN
    ),
    "reconnect_seconds": MetricDefinition(_H, "Time from the loss to the new ready session", buckets=_SLOW),
    "forward_seconds": MetricDefinition(
        _H, "Time that the bridge adds between upstream and client, per event", buckets=_FAST
    ),
}
