"""Shared by the tests of `events`: a simulator in memory under virtual time, and a builder of recorded sessions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from msgspec import structs
from trio.testing import memory_stream_pair

from bridge.config.resolve import Flags, Setting, read_config
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.service.server import Simulator
from bridge.upstream.dial.dial import upgrade
from bridge.upstream.dial.url import parse_url
from probes.conversation.run import report_items, run_script
from probes.conversation.wording import offline_wording
from probes.events.probe import service_script_run
from probes.recording.capture import Capture, CaptureEntry, CaptureHeader, FinishedEnding
from probes.runner.redaction import Secrets
from probes.targets.service import make_service_target
from reports.model import Finding, ReportMetric, Series, Severity, Timeline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from trio.testing import MockClock

    from bridge.protocol.dialects.detection import SessionKind
    from bridge.simulator.settings import Settings
    from bridge.upstream.dial.dial import UpgradedConnection
    from probes.recording.capture import CaptureEnding
    from probes.runner.findings import ProbeItem
    from probes.targets.service import ServiceTarget

NOWHERE = Path("/nonexistent")
GOOD_SEVERITIES = (Severity.PASS, Severity.SKIPPED)


@dataclass
class ReportItems:
    """Everything that a probe yielded, by type."""

    findings: list[Finding] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    virtual_seconds: float = 0.0

    def add(self, item: ProbeItem) -> None:
        match item:
            case Finding():
                self.findings.append(item)
            case Timeline():
                self.timelines.append(item)
            case ReportMetric():
                self.metrics[item.name] = item.value
            case Series():
                self.series.append(item)

    def bad_outcomes(self) -> list[tuple[str, str, str]]:
        return [(f.check, f.code, f.severity.value) for f in self.findings if f.severity not in GOOD_SEVERITIES]

    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(f.check, f.code, f.severity.value) for f in self.findings]

    def row(self, name: str) -> Finding:
        return next(f for f in self.findings if f.check == name)


async def collect(items: AsyncGenerator[ProbeItem, None]) -> ReportItems:
    collected = ReportItems()
    async for item in items:
        collected.add(item)
    return collected


def target_for(
    scenario: str = "good", *, timeout: float = 10.0, headers: tuple[tuple[str, str], ...] = (), **flags: Any
) -> ServiceTarget:
    """Return a target whose key selects a scenario; nothing listens at its URL."""
    flags.setdefault("base_url", "http://127.0.0.1:1/v1")
    environment = {"OPENAI_API_KEY": SCENARIOS[scenario].key}
    config = read_config(Flags(timeout=timeout, **flags), environment, NOWHERE)
    config = replace(config, headers=Setting(headers, "sherpa.toml"))
    return make_service_target(config, {}, secrets=Secrets(config.secrets()))


async def play_in_memory(
    clock: MockClock,
    script: str,
    scenario: str = "good",
    *,
    settings: Settings | None = None,
    target: ServiceTarget | None = None,
    **options: Any,
) -> ReportItems:
    """Play a script on a simulator in memory, in virtual time, and return what the probe yields."""
    simulator = Simulator(settings)
    target, began = target or target_for(scenario), clock.current_time()
    async with trio.open_nursery() as nursery:

        async def connect(kind: SessionKind) -> UpgradedConnection:
            ours, theirs = memory_stream_pair()
            nursery.start_soon(simulator.serve_stream, theirs)
            url = target.upstream.socket_url(target.model, kind)
            return await upgrade(ours, parse_url(url), headers=target.upstream.socket_headers())

        items = await collect(run_script(service_script_run(target, connect, script, **options)))
        items.virtual_seconds = clock.current_time() - began
        nursery.cancel_scope.cancel()
    return items


# A recorded session, built by hand


def header(script: str = "text", **changes: Any) -> CaptureHeader:
    kind = "transcription" if script == "transcription" else "conversation"
    known = {"tool": "t", "started": "2026-11-21T00:00:00.000Z", "via": "service", "redaction": "content and secrets"}
    return CaptureHeader(
        **{**known, "script": script, "kind": kind, "dialect": "ga", "timeout": 10, "connected_at": 0, **changes}
    )


SESSION: dict[str, Any] = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "output_modalities": ["text"],
    "audio": {"input": {"transcription": None}},
}


@dataclass
class SessionBuilder:
    """Builds the entries of a session, 0.1 s apart, each event with its own id."""

    session: dict[str, Any] = field(default_factory=lambda: dict(SESSION))
    entries: list[CaptureEntry] = field(default_factory=list)

    def server(self, name: str, /, **fields: Any) -> SessionBuilder:
        event = {"type": name, "event_id": f"event_{len(self.entries)}", **fields}
        return self.add(CaptureEntry(at=len(self.entries) / 10, who="server", event=event))

    def delta(self, like: CaptureEntry, at: dict[str, Any]) -> SessionBuilder:
        event = {"event_id": f"event_{len(self.entries)}", "delta": "xxxx", **at, **like.event}
        return self.add(structs.replace(like, at=len(self.entries) / 10, who="server", event=event))

    def bridge(self, name: str, **fields: Any) -> SessionBuilder:
        return self.add(CaptureEntry(at=len(self.entries) / 10, who="bridge", event={"type": name, **fields}))

    def turn_ended(self) -> SessionBuilder:
        return self.add(CaptureEntry(at=len(self.entries) / 10, who="probe", event={"type": "turn over"}))

    def add(self, *entries: CaptureEntry) -> SessionBuilder:
        self.entries += entries
        return self

    def ready(self) -> SessionBuilder:
        self.server("session.created", session=self.session)
        return self.server("session.updated", session=self.session)

    def question(self, item: str = "item_u") -> SessionBuilder:
        user = {"id": item, "type": "message", "role": "user", "status": "completed", "content": []}
        self.server("conversation.item.added", item=user, previous_item_id=None)
        self.server("conversation.item.done", item=user, previous_item_id=None)
        return self.turn_ended()

    def response(
        self,
        name: str = "resp_1",
        deltas: Iterable[CaptureEntry] | None = None,
        *,
        status: str = "completed",
        **done: Any,
    ) -> SessionBuilder:
        """Add a complete text response, or one with the given deltas, whose ids are filled in."""
        item = {"id": f"item_{name}", "type": "message", "role": "assistant", "content": []}
        at: dict[str, Any] = {"response_id": name, "item_id": item["id"], "output_index": 0, "content_index": 0}
        is_audio = deltas is not None
        part = {"type": "audio" if is_audio else "text"}
        self.server("response.created", response={"id": name, "status": "in_progress", "conversation_id": "conv_1"})
        self.server(
            "response.output_item.added", response_id=name, output_index=0, item={**item, "status": "in_progress"}
        )
        self.server("conversation.item.added", item={**item, "status": "in_progress"}, previous_item_id=None)
        self.server("response.content_part.added", **at, part=part)
        for delta in (
            [CaptureEntry(at=0, who="", event={"type": "response.output_text.delta"})] if deltas is None else deltas
        ):
            self.delta(delta, at)
        for ended in ("audio", "audio_transcript") if is_audio else ("text",):
            final: dict[str, Any] = {"audio_transcript": {"transcript": "xxxx"}, "text": {"text": "xxxx"}}.get(
                ended, {}
            )
            self.server(f"response.output_{ended}.done", **at, **final)
        self.server("response.content_part.done", **at, part=part)
        self.server("conversation.item.done", item={**item, "status": status}, previous_item_id=None)
        self.server("response.output_item.done", response_id=name, output_index=0, item={**item, "status": status})
        self.server("response.done", response={"id": name, "status": status, **done})
        return self.server("rate_limits.updated", rate_limits=[])

    def judge(self, script: str = "text", ending: CaptureEnding | None = None, **changes: Any) -> ReportItems:
        """Judge the session and return what the probe yields."""
        capture = Capture(
            header=header(script, **changes),
            entries=self.entries,
            ending=ending or FinishedEnding(at=len(self.entries) / 10),
        )
        items = ReportItems()
        for item in report_items(capture, offline_wording(), Secrets()):
            items.add(item)
        return items


def audio_deltas(count: int = 10, *, ms: float = 100.0, silent: bool = False) -> list[CaptureEntry]:
    """Return a transcript delta and `count` audio deltas."""
    transcript = CaptureEntry(at=0, who="", event={"type": "response.output_audio_transcript.delta"})
    audio = CaptureEntry(at=0, who="", event={"type": "response.output_audio.delta"}, audio_ms=ms, silent=silent)
    return [transcript, *[audio] * count]
