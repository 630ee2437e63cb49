"""The verdict on a replay: whether everything was sent, the same came back, and it ended alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bridge.protocol.recordings.capture import ClosedEnding
from probes.conversation.metrics import build_timeline
from probes.problems import replay as problems
from probes.replay.comparison import compare
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.replay.session import Replay
    from probes.runner.findings import ProbeItem
    from reports.model import Finding

CONNECT, PLAYED, ORDER, END = (CheckRow("replay", name) for name in ("connect", "played", "order", "end"))
_MAX_NAMED: Final = 6


def judge(replay: Replay) -> Iterator[ProbeItem]:
    """Yield a finding per row and the timeline of what passed."""
    yield _played(replay)
    yield _order(replay)
    yield _end(replay)
    yield build_timeline("replay", replay.entries)


def _played(replay: Replay) -> Finding:
    speech = f", {replay.sent_audio_ms / 1000:.1f} s of audio" if replay.sent_audio_ms else ""
    sent = f"{replay.sent} frames sent{speech}"
    if replay.waited_for:
        summary = headline(f"waited {replay.timeout:g} s for {replay.waited_for}")
        return PLAYED.problem(problems.STOPPED, summary, evidence_of("before", sent))
    if replay.unsent:
        summary = headline(f"closed with {replay.unsent} frames left to send")
        return PLAYED.problem(problems.STOPPED, summary, evidence_of("before", sent))
    return PLAYED.passed(sent)


def _order(replay: Replay) -> Finding:
    found = compare(replay.recorded_kinds, replay.kinds)
    if found.same:
        count = len(replay.kinds)
        return ORDER.passed(f"{count} {'frame' if count == 1 else 'frames'} came back, in the recorded order")
    parts = {"missing": found.missing, "not recorded": found.extra, "in another place": found.moved}
    summary = ", ".join(f"{len(kinds)} {name}" for name, kinds in parts.items() if kinds)
    named = (evidence_of(name, _listed(kinds)) for name, kinds in parts.items() if kinds)
    return ORDER.problem(problems.DIFFERS, headline(summary), *named)


def _listed(kinds: tuple[str, ...]) -> str:
    more = f" and {len(kinds) - _MAX_NAMED} more" if len(kinds) > _MAX_NAMED else ""
    return ", ".join(kinds[:_MAX_NAMED]) + more


def _end(replay: Replay) -> Finding:
    """Compare who closed, and with which code. A client may always leave; a recording does not say how it did."""
    ending = replay.capture.ending
    recorded = ending.code if isinstance(ending, ClosedEnding) and ending.by_peer else None
    closes = isinstance(ending, ClosedEnding) and ending.by_peer
    if not replay.from_client:
        return END.passed("played to its end")
    if replay.closed is None:
        if closes:
            return END.problem(problems.ENDED_OTHERWISE, headline(f"still open; recorded: closed with {recorded}"))
        return END.passed("closed by the replay, as it was recorded")
    seen = f"closed with {replay.closed.code} {replay.closed.reason}".rstrip()
    if closes and replay.closed.code == recorded:
        return END.passed(f"{seen}, as it was recorded")
    told = f"closed with {recorded}" if closes else "open until the client left"
    return END.problem(problems.ENDED_OTHERWISE, headline(f"{seen}; recorded: {told}"))
