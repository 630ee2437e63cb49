"""One observer for all sessions: lines, counts, gauges, times."""

from __future__ import annotations

import io
import json

from bridge.core.commands import LogEvent
from bridge.core.session import SessionStatistics
from bridge.core.states import State
from bridge.telemetry.log import Log
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.observer import TelemetryObserver
from bridge.telemetry.tracing import SessionTraces


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def statistics(state: State, held_ms: float = 0) -> SessionStatistics:
    return SessionStatistics(
        state=state,
        generation=1,
        buffered_ms=held_ms,
        buffered_messages=2,
        replay_ms=0,
        reconnects=0,
    )


def made() -> tuple[TelemetryObserver, Metrics, io.StringIO, Clock, list[str]]:
    text, metrics, clock, seen = io.StringIO(), Metrics(), Clock(), list[str]()
    watchers = (lambda client_id, event: seen.append(f"{client_id} {event.name}"),)
    return (
        TelemetryObserver(Log(text), metrics, SessionTraces(), now=clock, watchers=watchers),
        metrics,
        text,
        clock,
        seen,
    )


def test_an_event_is_logged_counted_and_passed_on() -> None:
    observer, metrics, text, _, seen = made()
    observer.log_event("c", LogEvent("session.lost", {"generation": 3, "sessionId": None, "reason": "gone\n"}))
    line = json.loads(text.getvalue())
    assert (line["clientId"], line["generation"], line["reason"]) == ("c", 3, "gone\\n")
    assert "sessionId" not in line
    assert metrics.value("sessions_lost_total") == 1
    assert seen == ["c session.lost"]


def test_an_unknown_event_is_logged_under_its_name() -> None:
    observer, _, text, _, _ = made()
    observer.log_event("c", LogEvent("brand.new", {}))
    assert json.loads(text.getvalue())["message"] == "brand.new"


def test_early_speech_has_a_line_of_its_own() -> None:
    observer, _, text, _, _ = made()
    observer.log_event("c", LogEvent("session.ready", {"bufferedChunks": 3}))
    observer.log_event("c", LogEvent("session.ready", {"bufferedChunks": 0}))
    messages = [json.loads(line)["message"] for line in text.getvalue().splitlines()]
    assert messages.count("Processing buffered audio chunks") == 1
    assert messages.count("Setting OpenAI session ready state to TRUE") == 2


def test_the_gauges_are_the_sum_of_the_sessions_that_run() -> None:
    observer, metrics, _, _, _ = made()
    observer.session_started("a", lambda: statistics(State.READY, 20))
    observer.session_started("b", lambda: statistics(State.READY, 30))
    observer.session_started("c", lambda: statistics(State.IDLE))
    observer.update_gauges()
    assert (metrics.value("sessions", "ready"), metrics.value("sessions", "idle")) == (2, 1)
    assert (metrics.value("held_seconds"), metrics.value("held_messages"), metrics.value("upstreams")) == (0.05, 6, 2)
    observer.session_ended("a")
    observer.session_ended("never seen")
    observer.update_gauges()
    assert metrics.value("sessions", "ready") == 1


def test_time_to_ready_runs_from_the_first_attempt() -> None:
    observer, metrics, _, clock, _ = made()
    observer.session_started("c", lambda: statistics(State.IDLE))
    for at, name in ((1.0, "upstream.opening"), (2.0, "attempt.failed"), (3.0, "upstream.opening")):
        clock.now = at
        observer.log_event("c", LogEvent(name, {}))
    clock.now = 4.5
    observer.log_event("c", LogEvent("session.ready", {}))
    [series] = metrics.snapshot().values["ready_seconds"].values()
    assert (metrics.value("ready_seconds"), series[-1]) == (1, 3.5)
    observer.log_event("c", LogEvent("session.ready", {}))
    assert metrics.value("ready_seconds") == 1


def test_what_the_bridge_adds_to_an_event_is_measured() -> None:
    observer, metrics, _, _, _ = made()
    observer.events_forwarded(1, 0.002)
    assert metrics.value("forward_seconds") == 1


def test_an_internal_error_is_counted_and_logged() -> None:
    observer, metrics, text, _, _ = made()
    observer.internal_error("c", RuntimeError("a bug"))
    assert metrics.value("internal_errors_total") == 1
    assert "a bug" in text.getvalue()
