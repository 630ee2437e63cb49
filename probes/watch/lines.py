"""What `watch` says: a line for every run, as text for people or as JSON (NDJSON), and one for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from reports.model import Finding, Severity
from reports.render.json import SCHEMA_VERSION
from reports.render.terminal_text import format_milliseconds, sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.watch.loop import WatchResult, WatchTally

#: The word of each verdict, as the rows of a report have it.
_WORDS: Mapping[Severity, str] = {
    Severity.PASS: "ok",
    Severity.WARNING: "warn",
    Severity.ERROR: "ERR",
    Severity.FAIL: "FAIL",
}
_TOLD = frozenset({Severity.WARNING, Severity.FAIL, Severity.ERROR})
#: Codes that fit onto a line; the JSON document has all of them.
_MOST_CODES = 4


def run_line(done: WatchResult) -> str:
    """Write a run for people: when it began, how it ended, how long it took, and the codes of what is wrong."""
    codes = list(dict.fromkeys(finding.code for finding in _told(done)))
    more = f" and {len(codes) - _MOST_CODES} more" if len(codes) > _MOST_CODES else ""
    missed = f"  ({_times(done.missed)} missed)" if done.missed else ""
    said = sanitize(f"{' '.join(codes[:_MOST_CODES])}{more}{missed}")
    took = format_milliseconds(done.report.seconds)
    return f"{done.report.started}  {_WORDS[done.verdict]:<4}  {took:>8}  {said}".rstrip()


def run_document(done: WatchResult) -> str:
    """Write a run as one JSON document on one line."""
    report = done.report
    return _document(
        {
            "kind": "run",
            "run": done.number,
            "started": report.started,
            "seconds": round(report.seconds, 6),
            "verdict": done.verdict,
            "exit_code": done.exit_code,
            "missed": done.missed,
            "findings": [_finding(finding) for finding in _told(done)],
            "metrics": {metric.name: metric.value for metric in report.metrics},
        }
    )


def end_line(tally: WatchTally, at: str) -> str:
    """Say for people what came of all runs."""
    counts = ", ".join(f"{tally.runs[verdict]} {word}" for verdict, word in _ENDED.items() if tally.runs[verdict])
    total = tally.runs.total()
    runs = f"{total} {'run' if total == 1 else 'runs'}"
    missed = f"; {_times(tally.missed)} missed" if tally.missed else ""
    return f"{at}  end   {runs}{f': {counts}' if counts else ''}{missed}"


def end_document(tally: WatchTally, at: str) -> str:
    """Write the same as one JSON document on one line."""
    runs = {str(verdict): tally.runs[verdict] for verdict in _ENDED}
    return _document({"kind": "end", "ended": at, "runs": runs, "missed": tally.missed, "exit_code": tally.exit_code})


_ENDED: Mapping[Severity, str] = {
    Severity.PASS: "passed",
    Severity.WARNING: "warned",
    Severity.FAIL: "failed",
    Severity.ERROR: "could not look",
}


def _told(done: WatchResult) -> tuple[Finding, ...]:
    return tuple(finding for finding in done.report.findings if finding.severity in _TOLD)


def _finding(finding: Finding) -> dict[str, str]:
    names = ("code", "severity", "probe", "check", "title", "cause", "fix")
    return {name: str(getattr(finding, name)) for name in names}


def _document(told: dict[str, Any]) -> str:
    return msgspec.json.encode({"schema_version": SCHEMA_VERSION, **told}).decode()


def _times(number: int) -> str:
    return f"{number} {'time' if number == 1 else 'times'}"
