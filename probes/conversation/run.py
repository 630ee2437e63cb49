"""One script from start to verdict, on a service or through a bridge: the core of the `events` probe.

Also offline, from a captured session: then nothing is played, and the rest is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio
from msgspec import structs

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.recordings.capture import CONTENT_REDACTED, SECRETS_REDACTED
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.errors import DialFailed
from probes.conversation.facts import SessionFacts
from probes.conversation.metrics import audio_series, build_timeline, session_metrics
from probes.conversation.player import play_script
from probes.conversation.recorded import recorded_script
from probes.conversation.recorder import Recorder
from probes.conversation.result import ConversationResult
from probes.conversation.scripts import CAPTURED_SCRIPTS, SCRIPTS
from probes.conversation.verdict import CONNECT, END, judge_session, rows_so_far
from probes.problems import events as problems
from probes.recording.capture import (
    Capture,
    CaptureError,
    CaptureHeader,
    ClosedEnding,
    StoppedEnding,
    format_capture,
)
from probes.runner.findings import CheckRow, headline
from probes.runner.idle_cut import cut_when_quiet, may_be_idle_cut
from probes.runner.usage import UsageError
from reports.model import Evidence
from reports.provenance import current_time, installed_version
from reports.store.writer import CannotWriteError, reserve_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from pathlib import Path

    from bridge.upstream.dial.handshake import UpgradedConnection
    from probes.conversation.scripts import ConversationScript
    from probes.conversation.wording import Wording
    from probes.runner.findings import ProbeItem
    from probes.runner.redaction import Secrets
    from probes.voice.voice_client import VoiceClient
    from reports.model import Finding
    from reports.store.writer import ReservedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """Which script to play, through which client, and what to capture."""

    client: VoiceClient
    script: ConversationScript
    dialect: Dialect
    """The requested dialect."""
    via: str
    """`service`, or the endpoint of a bridge: `client`, `native`."""
    timeout: float
    """Seconds that each wait may take."""
    secrets: Secrets
    wording: Wording
    on_progress: Callable[[str], None] = lambda _: None
    capture_path: Path | None = None
    """Where to write the capture; None writes none."""
    show_content: bool = False
    speed: float = 1.0
    """How many times faster than real time audio is sent; for tests."""
    connect_again: Callable[[], Awaitable[UpgradedConnection]] | None = None
    """Opens a second connection, to find out whether a proxy's idle time-out ended the first one."""


def find_script(name: str) -> ConversationScript:
    """Return the script with this name. Raises UsageError, which lists the names."""
    if name not in SCRIPTS:
        raise UsageError(f"unknown script {name!r}; choose from: {', '.join(SCRIPTS)}")
    return SCRIPTS[name]


async def run_script(run: ScriptRun) -> AsyncGenerator[ProbeItem, None]:
    """Play a script and judge the session: yields findings, then the timeline, metrics and series.

    Raises UsageError before anything is sent if the capture can't be written. When cancelled, it yields the checks that
    have passed by then and the timeline so far. When cancelled or closed, it closes its link within a bounded time and
    leaves no partial capture.
    """
    reserved = _reserve(run.capture_path)
    recorder = Recorder(
        facts=SessionFacts(run.dialect, run.script.options.kind), secrets=run.secrets, show_content=run.show_content
    )
    try:
        run.on_progress(run.script.name)
        try:
            played = await _play(run, recorder)
        except BaseException as error:
            for item in _interrupted_items(run, recorder) if _is_cancellation(error) else ():
                yield item
            raise
        if not isinstance(played, Capture):
            for finding in (played, *_skipped_rows(), *([_no_capture()] if reserved else [])):
                yield finding
            return
        not_written = _write(reserved, played) if reserved else None
        for item in report_items(played, run.wording, run.secrets, show_content=run.show_content):
            yield item
        if not_written is not None:
            yield not_written
    finally:
        if reserved is not None:
            reserved.discard()


async def _play(run: ScriptRun, recorder: Recorder) -> Capture | Finding:
    """Play the script and return the capture, or a finding if no connection was made."""
    started = current_time()
    try:
        ending = await play_script(run.client, run.script, recorder, timeout=run.timeout, speed=run.speed)
    except (DialFailed, HandshakeRefused) as failed:
        return await run.wording.unreachable(CONNECT, failed)
    if run.client.connected_at is None:
        return run.wording.timed_out(CONNECT, run.timeout)
    if isinstance(ending, ClosedEnding):
        ending = await _with_idle_limit(run, ending, recorder)
    return Capture(header=_header(run, recorder, started), entries=recorder.entries, ending=ending)


def _header(run: ScriptRun, recorder: Recorder, started: str) -> CaptureHeader:
    at = run.client.connected_at
    return CaptureHeader(
        tool=f"sherpa-probe {installed_version()}",
        started=started,
        script=run.script.name,
        kind=str(run.script.options.kind),
        dialect=str(run.dialect),
        via=run.via,
        timeout=run.timeout,
        connected_at=None if at is None else at - recorder.started_at,
        redaction=SECRETS_REDACTED if run.show_content else CONTENT_REDACTED,
    )


def _is_cancellation(error: BaseException) -> bool:
    """Whether the run was cancelled, and nothing else went wrong. A nursery puts its cancellations in a group."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)


def _interrupted_items(run: ScriptRun, recorder: Recorder) -> Iterator[ProbeItem]:
    """Yield what a run has found that was cancelled before its end."""
    result = ConversationResult(
        header=_header(run, recorder, ""),
        facts=recorder.facts,
        ending=StoppedEnding(at=recorder.now()),
        script=run.script,
        wording=run.wording,
        secrets=run.secrets,
    )
    yield from rows_so_far(result)
    yield build_timeline(f"events: {run.script.name}", recorder.entries, show_content=run.show_content)


async def _with_idle_limit(run: ScriptRun, closed: ClosedEnding, recorder: Recorder) -> ClosedEnding:
    """Add the idle time-out of a proxy to an ending that looks like one, if a second connection is cut as well."""
    last = max((entry.at for entry in recorder.entries if entry.who != "probe"), default=0.0)
    quiet = closed.at - max(last, (run.client.connected_at or 0.0) - recorder.started_at)
    if run.connect_again is None or not may_be_idle_cut(quiet, closed.code, by_peer=closed.by_peer):
        return closed
    return structs.replace(closed, idle_limit=await cut_when_quiet(run.connect_again, quiet) or 0.0)


def report_items(
    capture: Capture, wording: Wording, secrets: Secrets, *, show_content: bool = False
) -> Iterator[ProbeItem]:
    """Judge and measure a whole session. Raises CaptureError if the header names an unknown script, kind or dialect."""
    header = capture.header
    try:
        script = recorded_script(capture) if capture.is_recording else CAPTURED_SCRIPTS[header.script]
        dialect, kind = Dialect(header.dialect), SessionKind(header.kind)
    except (KeyError, ValueError):
        named = f"{header.script}, {header.kind}, {header.dialect}"
        raise CaptureError(f"unknown script, kind or dialect in the capture: {named}") from None
    facts = SessionFacts(dialect, kind)
    for entry in capture.entries:
        facts.feed(entry)
    result = ConversationResult(
        header=header, facts=facts, ending=capture.ending, script=script, wording=wording, secrets=secrets
    )
    yield from judge_session(result)
    name = f"events: {script.name}"
    yield build_timeline(name, capture.entries, show_content=show_content)
    yield from session_metrics(header, facts, capture.ending.at)
    yield from audio_series(name, facts)


def _skipped_rows() -> Iterator[Finding]:
    """Skip every row after the connection. Which rows a script has is unknown without a session."""
    for name in ("session", "ready", "events", "order", "answer", "end"):
        yield CheckRow("events", name).skipped("no connection", Evidence("waits for", "connect"))


def _reserve(path: Path | None) -> ReservedFile | None:
    try:
        return reserve_file(path) if path is not None else None
    except CannotWriteError as error:
        raise UsageError(f"--capture: {error}") from None


def _write(reserved: ReservedFile, capture: Capture) -> Finding | None:
    """Write the capture; return a finding if that fails."""
    try:
        reserved.write(format_capture(capture))
    except CannotWriteError as error:
        return END.problem(problems.CAPTURE_LOST, headline(str(error)))
    return None


def _no_capture() -> Finding:
    return CONNECT.noted(problems.NOTHING_KEPT.slug, "no capture written: no session was opened")
