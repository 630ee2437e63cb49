"""A script from its first word to the verdict: what `events` does on a service and through a bridge alike.

Also offline, from a kept session; then nothing is played, and the rest is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.errors import DialFailed
from probes.conversation.checks import ConversationResult
from probes.conversation.conversation import Recorder, play_script
from probes.conversation.facts import SessionFacts
from probes.conversation.metrics import audio_series, build_timeline, session_metrics
from probes.conversation.scripts import SCRIPTS
from probes.conversation.verdict import CONNECT, END, judge_session
from probes.problems import events as problems
from probes.recording.capture import Capture, CaptureError, CaptureHeader, format_capture
from probes.runner.findings import CheckRow, headline
from probes.runner.usage import UsageError
from reports.model import Evidence
from reports.provenance import current_time, installed_version
from reports.store.writer import CannotWriteError, reserve_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from probes.conversation.scripts import ConversationScript
    from probes.conversation.wording import Wording
    from probes.runner.findings import ProbeItem
    from probes.runner.redaction import Secrets
    from probes.voice.voice_client import VoiceClient
    from reports.model import Finding
    from reports.store.writer import ReservedFile

CONTENT_REDACTED, SECRETS_REDACTED = "content and secrets", "secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """What is to be played, with whom, and what is to be kept of it."""

    client: VoiceClient
    script: ConversationScript
    dialect: Dialect
    """The one that was asked for."""
    via: str
    timeout: float
    secrets: Secrets
    wording: Wording
    on_progress: Callable[[str], None] = lambda _: None
    capture_path: Path | None = None
    show_content: bool = False
    speed: float = 1.0
    """How many times faster than speech is spoken; for tests."""


def find_script(name: str) -> ConversationScript:
    """Give the script of this name. Raises UsageError, which names those there are."""
    if name not in SCRIPTS:
        raise UsageError(f"there is no script {name!r}; there are: {', '.join(SCRIPTS)}")
    return SCRIPTS[name]


async def run_script(talk: ScriptRun) -> AsyncGenerator[ProbeItem, None]:
    """Play a script and judge what came of it.

    Raises UsageError where the capture cannot be written, before anything is sent. Cancelled or closed, it closes its
    link within a bounded time and leaves no half of a capture.
    """
    place = _reserved(talk.capture_path)
    try:
        talk.on_progress(talk.script.name)
        captured = await _captured(talk)
        if not isinstance(captured, Capture):
            for finding in (captured, *_behind(), *([_nothing_kept()] if place else [])):
                yield finding
            return
        lost = _kept(place, captured) if place else None
        for told in report_items(captured, talk.wording, talk.secrets, show_content=talk.show_content):
            yield told
        if lost is not None:
            yield lost
    finally:
        if place is not None:
            place.discard()


async def _captured(talk: ScriptRun) -> Capture | Finding:
    """Play the script; a finding where there was no way to the other end."""
    recorder = Recorder(
        facts=SessionFacts(talk.dialect, talk.script.options.kind), secrets=talk.secrets, show_content=talk.show_content
    )
    started = current_time()
    try:
        ending = await play_script(talk.client, talk.script, recorder, timeout=talk.timeout, speed=talk.speed)
    except (DialFailed, HandshakeRefused) as failed:
        return talk.wording.unreachable(CONNECT, failed)
    at = talk.client.connected_at
    if at is None:
        return talk.wording.timed_out(CONNECT, talk.timeout)
    header = CaptureHeader(
        tool=f"sherpa-probe {installed_version()}",
        started=started,
        script=talk.script.name,
        kind=str(talk.script.options.kind),
        dialect=str(talk.dialect),
        via=talk.via,
        timeout=talk.timeout,
        connected_at=at - recorder.started_at,
        redaction=SECRETS_REDACTED if talk.show_content else CONTENT_REDACTED,
    )
    return Capture(header=header, entries=recorder.entries, ending=ending)


def report_items(
    capture: Capture, wording: Wording, secrets: Secrets, *, show_content: bool = False
) -> Iterator[ProbeItem]:
    """Judge and measure a whole session. Raises CaptureError for what no run can have written."""
    header = capture.header
    try:
        script, asked, kind = SCRIPTS[header.script], Dialect(header.dialect), SessionKind(header.kind)
    except (KeyError, ValueError):
        named = f"{header.script}, {header.kind}, {header.dialect}"
        raise CaptureError(f"the capture names {named}: one of these is nothing that is known here") from None
    account = SessionFacts(asked, kind)
    for entry in capture.entries:
        account.feed(entry)
    facts = ConversationResult(
        header=header, facts=account, ending=capture.ending, script=script, wording=wording, secrets=secrets
    )
    yield from judge_session(facts)
    name = f"events: {script.name}"
    yield build_timeline(name, capture.entries, show_content=show_content)
    yield from session_metrics(header, account, capture.ending.at)
    yield from audio_series(name, account)


def _behind() -> Iterator[Finding]:
    """Skip every row behind the connection. Which rows a script has is not known without a session."""
    for name in ("session", "ready", "events", "order", "answer", "end"):
        yield CheckRow("events", name).skipped("no connection", Evidence("waits for", "connect"))


def _reserved(path: Path | None) -> ReservedFile | None:
    try:
        return reserve_file(path) if path is not None else None
    except CannotWriteError as error:
        raise UsageError(f"--capture: {error}") from None


def _kept(place: ReservedFile, capture: Capture) -> Finding | None:
    """Write the capture; a finding where that failed at last."""
    try:
        place.write(format_capture(capture))
    except CannotWriteError as error:
        return END.problem(problems.CAPTURE_LOST, headline(str(error)))
    return None


def _nothing_kept() -> Finding:
    return CONNECT.noted(problems.NOTHING_KEPT.slug, "nothing was kept: no session was reached")
