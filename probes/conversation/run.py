"""A script from its first word to the verdict: what `events` does on a service and through a bridge alike.

Also offline, from a kept session; then nothing is played, and the rest is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect, Kind
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.errors import DialFailed
from probes.conversation.checks import Facts
from probes.conversation.conversation import Recorder, perform
from probes.conversation.facts import Account
from probes.conversation.metrics import metrics, series, timeline
from probes.conversation.scripts import SCRIPTS
from probes.conversation.verdict import CONNECT, END, verdict
from probes.problems import events as problems
from probes.recording.capture import Capture, CaptureError, Header, written
from probes.runner.findings import Row, seen
from probes.runner.usage import UsageError
from reports.model import Evidence
from reports.provenance import now, version
from reports.store.writer import CannotWriteError, reserve

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from probes.conversation.scripts import Script
    from probes.conversation.wording import Words
    from probes.runner.redaction import Secrets
    from probes.runner.registry import Told
    from probes.voice.voice_client import Speaker
    from reports.model import Finding
    from reports.store.writer import Reserved

REDACTED, SHOWN = "content and secrets", "secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What is to be played, with whom, and what is to be kept of it."""

    speaker: Speaker
    script: Script
    dialect: Dialect
    """The one that was asked for."""
    via: str
    timeout: float
    secrets: Secrets
    words: Words
    doing: Callable[[str], None] = lambda _: None
    capture: Path | None = None
    show_content: bool = False
    pace: float = 1.0
    """How many times faster than speech is spoken; for tests."""


def script_named(name: str) -> Script:
    """Give the script of this name. Raises UsageError, which names those there are."""
    if name not in SCRIPTS:
        raise UsageError(f"there is no script {name!r}; there are: {', '.join(SCRIPTS)}")
    return SCRIPTS[name]


async def converse(talk: Talk) -> AsyncGenerator[Told, None]:
    """Play a script and judge what came of it.

    Raises UsageError where the capture cannot be written, before anything is sent. Cancelled or closed, it closes its
    link within a bounded time and leaves no half of a capture.
    """
    place = _reserved(talk.capture)
    try:
        talk.doing(talk.script.name)
        captured = await _captured(talk)
        if not isinstance(captured, Capture):
            for finding in (captured, *_behind(), *([_nothing_kept()] if place else [])):
                yield finding
            return
        lost = _kept(place, captured) if place else None
        for told in told_of(captured, talk.words, talk.secrets, show_content=talk.show_content):
            yield told
        if lost is not None:
            yield lost
    finally:
        if place is not None:
            place.discard()


async def _captured(talk: Talk) -> Capture | Finding:
    """Play the script; a finding where there was no way to the other end."""
    recorder = Recorder(
        account=Account(talk.dialect, talk.script.wish.kind), secrets=talk.secrets, show_content=talk.show_content
    )
    started = now()
    try:
        ending = await perform(talk.speaker, talk.script, recorder, timeout=talk.timeout, pace=talk.pace)
    except (DialFailed, HandshakeRefused) as failed:
        return talk.words.unreachable(CONNECT, failed)
    at = talk.speaker.connected_at
    if at is None:
        return talk.words.late(CONNECT, talk.timeout)
    header = Header(
        tool=f"sherpa-probe {version()}",
        started=started,
        script=talk.script.name,
        kind=str(talk.script.wish.kind),
        dialect=str(talk.dialect),
        via=talk.via,
        timeout=talk.timeout,
        connected_at=at - recorder.began,
        redaction=SHOWN if talk.show_content else REDACTED,
    )
    return Capture(header=header, entries=recorder.entries, ending=ending)


def told_of(capture: Capture, words: Words, secrets: Secrets, *, show_content: bool = False) -> Iterator[Told]:
    """Judge and measure a whole session. Raises CaptureError for what no run can have written."""
    header = capture.header
    try:
        script, asked, kind = SCRIPTS[header.script], Dialect(header.dialect), Kind(header.kind)
    except (KeyError, ValueError):
        named = f"{header.script}, {header.kind}, {header.dialect}"
        raise CaptureError(f"the capture names {named}: one of these is nothing that is known here") from None
    account = Account(asked, kind)
    for entry in capture.entries:
        account.feed(entry)
    facts = Facts(header=header, account=account, ending=capture.ending, script=script, words=words, secrets=secrets)
    yield from verdict(facts)
    name = f"events: {script.name}"
    yield timeline(name, capture.entries, show_content=show_content)
    yield from metrics(header, account, capture.ending.at)
    yield from series(name, account)


def _behind() -> Iterator[Finding]:
    """Skip every row behind the connection. Which rows a script has is not known without a session."""
    for name in ("session", "ready", "events", "order", "answer", "end"):
        yield Row("events", name).skipped("no connection", Evidence("waits for", "connect"))


def _reserved(path: Path | None) -> Reserved | None:
    try:
        return reserve(path) if path is not None else None
    except CannotWriteError as error:
        raise UsageError(f"--capture: {error}") from None


def _kept(place: Reserved, capture: Capture) -> Finding | None:
    """Write the capture; a finding where that failed at last."""
    try:
        place.write(written(capture))
    except CannotWriteError as error:
        return END.problem(problems.CAPTURE_LOST, seen("", str(error)))
    return None


def _nothing_kept() -> Finding:
    return CONNECT.noted(problems.NOTHING_KEPT.slug, "nothing was kept: no session was reached")
