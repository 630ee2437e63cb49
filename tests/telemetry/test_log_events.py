"""Every event of the core has its log line and updates the right metrics."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from bridge.core.states import Phase
from bridge.telemetry.log import LEVELS
from bridge.telemetry.log_events import LOG_MESSAGES, METRIC_UPDATES, SESSION_STATES
from bridge.telemetry.metrics import Metrics

CORE = Path(__file__).parents[2] / "bridge" / "core"


def logged_events() -> set[str]:
    """Find the names of all notes in the core's source."""
    calls = [
        node
        for path in CORE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    named = [call for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) in ("log", "LogEvent")]
    return {str(call.args[0].value) for call in named if isinstance(call.args[0], ast.Constant)}


def test_every_event_of_the_core_has_a_log_line() -> None:
    assert len(logged_events()) > 10
    assert logged_events() - set(LOG_MESSAGES) == set()


def test_levels_are_levels_and_counters_are_of_known_events() -> None:
    assert {line.level for line in LOG_MESSAGES.values()} <= set(LEVELS)
    assert set(METRIC_UPDATES) <= set(LOG_MESSAGES)


def test_the_states_that_are_counted_are_the_phases_of_the_core() -> None:
    assert tuple(phase.name.lower() for phase in Phase) == SESSION_STATES


@pytest.mark.parametrize(
    ("name", "fields", "metric", "label", "value"),
    [
        ("upstream.opening", {}, "attempts_total", "", 1),
        ("attempt.failed", {"code": "ACCESS_DENIED"}, "upstream_forbidden_total", "", 1),
        ("attempt.failed", {"code": "ACCESS_DENIED"}, "upstream_refusals_total", "ACCESS_DENIED", 1),
        ("attempt.failed", {"code": "RATE_LIMITED"}, "upstream_forbidden_total", "", 0),
        ("session.ready", {"bufferedMs": 120}, "buffered_seconds_total", "", 0.12),
        ("session.ready", {}, "sessions_ready_total", "", 1),
        ("session.reconnected", {"seconds": 2.5, "resentMs": 40}, "reconnect_seconds", "", 1),
        ("session.reconnected", {"seconds": 2.5, "resentMs": 40}, "resent_seconds_total", "", 0.04),
        ("session.lost", {}, "sessions_lost_total", "", 1),
        ("session.failed", {"code": "X"}, "sessions_failed_total", "X", 1),
        ("session.closed", {"reason": "ended"}, "sessions_closed_total", "ended", 1),
        ("held.dropped", {"reason": "too_old", "ms": 40, "chunks": 2}, "dropped_seconds_total", "too_old", 0.04),
        ("held.dropped", {"reason": "too_old", "ms": 40, "chunks": 2}, "dropped_chunks_total", "too_old", 2),
        ("held.dropped", {"reason": "too_old", "messages": 3}, "dropped_messages_total", "too_old", 3),
        ("error.sent", {"code": "RATE_LIMITED"}, "errors_sent_total", "RATE_LIMITED", 1),
        ("error.held_back", {"code": "RATE_LIMITED"}, "errors_suppressed_total", "RATE_LIMITED", 1),
        ("caller.spoke_over_answer", {"item": "i"}, "speech_over_answers_total", "", 1),
        ("caller.echo", {"item": "i"}, "echoes_total", "", 1),
        ("answer.cut_short", {"cause": "turn_detected", "ms": 80}, "answers_cut_short_total", "turn_detected", 1),
        ("answer.first_audio", {"seconds": 0.5}, "first_audio_seconds", "", 1),
        ("barge_in.silent", {"seconds": 0.2}, "barge_in_seconds", "", 1),
        ("barge_in.slow", {"ms": 700}, "slow_barge_ins_total", "", 1),
        ("upstream.unreadable", {}, "unreadable_frames_total", "", 1),
        ("upstream.harmless_error", {}, "harmless_errors_total", "", 1),
    ],
)
def test_an_event_updates_its_metric(name: str, fields: dict[str, Any], metric: str, label: str, value: float) -> None:
    metrics = Metrics()
    METRIC_UPDATES[name](metrics, fields)
    assert metrics.value(metric, label) == value
