"""One observer for all sessions: lines, counts, gauges, times."""

from __future__ import annotations

import io
import json
from typing import Any

from bridge.core.commands import LogEvent
from bridge.core.session import SessionStatistics
from bridge.core.states import State
from bridge.telemetry.log import Log
from bridge.telemetry.log_limits import OF_ALL_SESSIONS, WINDOW_SECONDS
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


def test_sessions_that_come_and_go_in_a_loop_share_a_limit_of_lines_and_none_is_left_uncounted() -> None:
    observer, _, text, clock, _ = made()
    for number in range(OF_ALL_SESSIONS + 100):
        observer.session_started(f"{number}", lambda: statistics(State.READY))
        observer.log_event(f"{number}", LogEvent("session.closed", {"reason": "ended"}))
        observer.session_ended(f"{number}")
    lines = [json.loads(line) for line in text.getvalue().splitlines()]
    assert len(lines) == OF_ALL_SESSIONS
    clock.now += WINDOW_SECONDS
    observer.log_event("last", LogEvent("session.closed", {"reason": "ended"}))
    assert json.loads(text.getvalue().splitlines()[-1])["count"] == 100
    for _ in range(OF_ALL_SESSIONS + 7):
        observer.log_event("last", LogEvent("session.lost", {}))
    observer.server_ended()
    left_out = [line for line in map(json.loads, text.getvalue().splitlines()) if line["event"] == "log.left_out"]
    assert [(line["of"], line["count"]) for line in left_out] == [("session.lost", 7)]


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


def lines_of(text: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, text.getvalue().splitlines()) if line["event"] == event]


def test_an_outage_logs_a_line_now_and_then_and_counts_every_event() -> None:
    observer, metrics, text, clock, seen = made()
    observer.session_started("c", lambda: statistics(State.IDLE))
    for number in range(1000):
        clock.now = number * 0.02
        observer.log_event("c", LogEvent("error.held_back", {"code": "NOT_READY"}))
    observer.session_ended("c")
    lines = lines_of(text, "error.held_back")
    [rest] = lines_of(text, "log.left_out")
    assert [line.get("count") for line in lines] == [None, 499]
    assert (rest["of"], rest["count"]) == ("error.held_back", 499)
    assert all((line["level"], line["clientId"]) == ("info", "c") for line in (*lines, rest))
    assert metrics.value("errors_suppressed_total", "NOT_READY") == 1000
    assert len(seen) == 1000, "watchers see every event"


def test_one_client_does_not_silence_another() -> None:
    observer, _, text, _, _ = made()
    for client_id in ("a", "b"):
        observer.session_started(client_id, lambda: statistics(State.IDLE))
        for _ in range(2):
            observer.log_event(client_id, LogEvent("upstream.error", {"code": "X"}))
    assert [line["clientId"] for line in lines_of(text, "upstream.error")] == ["a", "b"]


def test_amounts_that_were_left_out_are_told_at_the_end() -> None:
    observer, _, text, _, _ = made()
    observer.session_started("c", lambda: statistics(State.IDLE))
    for _ in range(3):
        observer.log_event("c", LogEvent("held.dropped", {"reason": "too_old", "ms": 20, "chunks": 1, "messages": 0}))
    observer.session_ended("c")
    [first], [last] = lines_of(text, "held.dropped"), lines_of(text, "log.left_out")
    assert (first["ms"], last["count"], last["sums"]) == (20, 2, {"ms": 40, "chunks": 2})


def test_buffered_speech_is_logged_only_with_the_ready_session() -> None:
    observer, _, text, _, _ = made()
    observer.session_started("c", lambda: statistics(State.IDLE))
    for _ in range(15):
        observer.log_event("c", LogEvent("session.ready", {"bufferedChunks": 3}))
    assert len(lines_of(text, "session.ready")) == len(lines_of(text, "session.buffered")) == 10


def test_a_storm_of_internal_errors_and_refusals_is_bounded_and_counted() -> None:
    observer, metrics, text, clock, _ = made()
    for _ in range(100):
        observer.internal_error("", RuntimeError("a bug"))
        observer.client_refused("UNAUTHORIZED", "Who are you?", peer="p")
    observer.client_refused("ORIGIN_FORBIDDEN", "Not from here.", peer="p")
    clock.now = 10.0
    observer.client_refused("UNAUTHORIZED", "Who are you?", peer="p")
    assert metrics.value("internal_errors_total") == metrics.value("refused_total", "UNAUTHORIZED") - 1 == 100
    assert len(lines_of(text, "internal.error")) == 10
    refused = lines_of(text, "client.refused")
    assert [line["code"] for line in refused] == ["UNAUTHORIZED"] * 10 + ["ORIGIN_FORBIDDEN", "UNAUTHORIZED"]
    assert refused[-1]["count"] == 90
    observer.client_refused("UNAUTHORIZED", "Who are you?", peer="p")
    for _ in range(10):
        observer.client_refused("UNAUTHORIZED", "Who are you?", peer="p")
    observer.server_ended()
    left_out = [(line["of"], line.get("code"), line["count"]) for line in lines_of(text, "log.left_out")]
    assert left_out == [("internal.error", None, 90), ("client.refused", "UNAUTHORIZED", 2)]


def test_a_crowd_that_comes_and_goes_writes_so_many_lines_and_then_counts() -> None:
    observer, _, text, clock, _ = made()
    for number in range(1000):
        observer.client_event("client.connected", "A client connected", clientId=f"{number}")
        observer.client_event("client.disconnected", "A client disconnected", clientId=f"{number}")
    assert len(text.getvalue().splitlines()) == 400
    clock.now = 10.0
    observer.client_event("client.connected", "A client connected", clientId="next")
    line = json.loads(text.getvalue().splitlines()[-1])
    assert (line["event"], line["clientId"], line["count"]) == ("client.connected", "next", 800)
