"""Every metric of the bridge: name, kind, label, what it means. A new one is a row here and one call.

Labels come from closed sets (codes, reasons, states, doors); names, addresses and ids of clients never are labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "sherpa_bridge_"


class MetricType(StrEnum):
    """What a metric is, in Prometheus' words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One row."""

    type: MetricType
    help: str
    label: str = ""
    """The name of its label; none when empty."""
    buckets: tuple[float, ...] = ()
    """Upper bounds, for histograms."""


#: For what happens within a frame's way through the bridge: 50 us to 1 s.
_FAST = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
#: For opening sessions: 50 ms to a minute.
_SLOW = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 15.0, 30.0, 60.0)

_C, _G, _H = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM

METRICS: Mapping[str, MetricDefinition] = {
    "sessions": MetricDefinition(_G, "Clients by the state of their session", "state"),
    "upstreams": MetricDefinition(_G, "Upstream sessions that are open or being opened for a client"),
    "prewarmed": MetricDefinition(_G, "Upstream sessions that are kept ready and wait for a client"),
    "held_ms": MetricDefinition(_G, "Speech that waits for a ready session, in ms of audio"),
    "held_messages": MetricDefinition(_G, "Other messages that wait for a ready session"),
    "connections": MetricDefinition(_G, "TCP connections at the door"),
    "tasks": MetricDefinition(_G, "Tasks of the event loop: they come and go with the clients"),
    "workers": MetricDefinition(_G, "Worker processes that were counted here"),
    "clients_total": MetricDefinition(_C, "Clients that were let in", "door"),
    "refused_total": MetricDefinition(_C, "Clients that were refused before the upgrade", "code"),
    "attempts_total": MetricDefinition(_C, "Attempts to open an upstream session"),
    "upstream_refusals_total": MetricDefinition(_C, "Attempts that failed, by cause", "cause"),
    "upstream_forbidden_total": MetricDefinition(_C, "Attempts that were refused with 403: the key has no access"),
    "sessions_ready_total": MetricDefinition(_C, "Sessions that became ready for the first time"),
    "sessions_lost_total": MetricDefinition(_C, "Ready sessions that were lost or rolled over"),
    "sessions_failed_total": MetricDefinition(_C, "Sessions that were given up, by code", "code"),
    "sessions_closed_total": MetricDefinition(_C, "Sessions that ended by intent, by reason", "reason"),
    "reconnections_total": MetricDefinition(_C, "Lost sessions that were replaced by a fresh one"),
    "buffered_ms_total": MetricDefinition(_C, "Speech that came before the session was ready and was sent then, in ms"),
    "resent_ms_total": MetricDefinition(_C, "Unanswered speech that was sent again to a fresh session, in ms"),
    "dropped_chunks_total": MetricDefinition(_C, "Chunks of speech given up, by reason", "reason"),
    "dropped_ms_total": MetricDefinition(_C, "Speech given up in ms, by reason", "reason"),
    "dropped_messages_total": MetricDefinition(_C, "Other messages given up, by reason", "reason"),
    "errors_sent_total": MetricDefinition(_C, "Errors that clients were told, by code", "code"),
    "errors_suppressed_total": MetricDefinition(_C, "Errors held back by the 2 s window, by code", "code"),
    "responses_failed_total": MetricDefinition(_C, "Responses that ended as failed"),
    "upstream_errors_total": MetricDefinition(_C, "Error events of the upstream that clients were told"),
    "harmless_errors_total": MetricDefinition(_C, "Error events of the upstream that are known to be harmless"),
    "unreadable_frames_total": MetricDefinition(
        _C, "Frames of the upstream that were no events, as cut ones: not passed on"
    ),
    "late_events_total": MetricDefinition(_C, "Events of an earlier session that were ignored"),
    "worker_restarts_total": MetricDefinition(_C, "Worker processes that were replaced"),
    "internal_errors_total": MetricDefinition(_C, "Faults of the bridge itself; each has a traceback in the log"),
    "ready_seconds": MetricDefinition(_H, "From the first attempt to the ready session", buckets=_SLOW),
    "reconnect_seconds": MetricDefinition(_H, "From the loss to the fresh ready session", buckets=_SLOW),
    "forward_seconds": MetricDefinition(
        _H, "What the bridge added to an upstream event's way to the client", buckets=_FAST
    ),
}
