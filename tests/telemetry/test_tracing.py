"""Spans of attempts and of sessions; nothing where OpenTelemetry is not installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.commands import LogEvent
from bridge.telemetry.tracing import SessionTraces, find_tracer

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class FakeSpan:
    name: str
    attributes: dict[str, Any]
    ended: int = 0

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def end(self) -> None:
        self.ended += 1


@dataclass
class FakeTracer:
    spans: list[FakeSpan] = field(default_factory=list)

    def start_span(self, name: str, *, attributes: Mapping[str, Any]) -> FakeSpan:
        self.spans.append(FakeSpan(name, dict(attributes)))
        return self.spans[-1]


def say(traces: SessionTraces, *names: str, **fields: Any) -> None:
    for name in names:
        traces.log_event("c", LogEvent(name, {"generation": 1, **fields}))


def test_an_attempt_and_its_session_are_a_span_each() -> None:
    tracer = FakeTracer()
    traces = SessionTraces(tracer)
    say(traces, "upstream.opening", "session.created", "session.ready")
    assert [(span.name, span.ended) for span in tracer.spans] == [("realtime.attempt", 1), ("realtime.session", 0)]
    say(traces, "session.lost", reason="stalled")
    assert tracer.spans[1].attributes == {"client.id": "c", "realtime.generation": 1, "realtime.end": "stalled"}
    say(traces, "upstream.opening", "session.reconnected", "session.closed")
    assert [span.ended for span in tracer.spans] == [1, 1, 1, 1]


def test_a_failed_attempt_says_why() -> None:
    tracer = FakeTracer()
    say(SessionTraces(tracer), "upstream.opening", "attempt.failed", code="ACCESS_DENIED", detail={"no": "scalar"})
    assert tracer.spans[0].attributes["error.type"] == "ACCESS_DENIED"
    assert "realtime.detail" not in tracer.spans[0].attributes
    assert tracer.spans[0].ended == 1


def test_no_span_outlives_its_client() -> None:
    tracer = FakeTracer()
    traces = SessionTraces(tracer)
    say(traces, "upstream.opening", "session.ready", "upstream.opening")
    traces.session_ended("c")
    traces.session_ended("c")
    assert [span.ended for span in tracer.spans] == [1, 1, 1]


def test_without_opentelemetry_nothing_happens() -> None:
    traces = SessionTraces(None)
    say(traces, "upstream.opening", "session.ready", "session.lost")
    traces.session_ended("c")
    assert (find_tracer() is None) == (importlib.util.find_spec("opentelemetry") is None)
