"""The output of `watch`: a line for each run and one at the end, as text or as JSON (NDJSON)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from reports.console import OutputError, discard_output, output_error
from reports.model import Finding, Severity
from reports.render.json import SCHEMA_VERSION
from reports.render.terminal_text import format_milliseconds, sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.watch.loop import WatchResult, WatchTally

#: The word for each verdict, as in the rows of a report.
VERDICT_WORDS: Mapping[Severity, str] = {
    Severity.PASS: "ok",
    Severity.WARNING: "warn",
    Severity.ERROR: "ERR",
    Severity.FAIL: "FAIL",
}
_REPORTED = frozenset({Severity.WARNING, Severity.FAIL, Severity.ERROR})
#: Limit on codes in a line of text; the JSON document has all of them.
_MAX_CODES = 4


def run_line(done: WatchResult) -> str:
    """Return a run as text: its start, verdict, duration, and the codes of its problems."""
    codes = list(dict.fromkeys(finding.code for finding in reported_findings(done)))
    more = f" and {len(codes) - _MAX_CODES} more" if len(codes) > _MAX_CODES else ""
    missed = f"  ({_times(done.missed)} missed)" if done.missed else ""
    codes_text = sanitize(f"{' '.join(codes[:_MAX_CODES])}{more}{missed}")
    took = format_milliseconds(done.report.seconds)
    return f"{done.report.started}  {VERDICT_WORDS[done.verdict]:<4}  {took:>8}  {codes_text}".rstrip()


def run_document(done: WatchResult) -> str:
    """Return a run as one JSON document on one line."""
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
            "findings": [_finding(finding) for finding in reported_findings(done)],
            "metrics": {metric.name: metric.value for metric in report.metrics},
        }
    )


def end_line(tally: WatchTally, at: str) -> str:
    """Return the totals of all runs as text."""
    counts = ", ".join(f"{tally.runs[verdict]} {word}" for verdict, word in _ENDED.items() if tally.runs[verdict])
    total = tally.runs.total()
    runs = f"{total} {'run' if total == 1 else 'runs'}"
    missed = f"; {_times(tally.missed)} missed" if tally.missed else ""
    return f"{at}  end   {runs}{f': {counts}' if counts else ''}{missed}"


def end_document(tally: WatchTally, at: str) -> str:
    """Return the totals of all runs as one JSON document on one line."""
    runs = {str(verdict): tally.runs[verdict] for verdict in _ENDED}
    return _document({"kind": "end", "ended": at, "runs": runs, "missed": tally.missed, "exit_code": tally.exit_code})


_ENDED: Mapping[Severity, str] = {
    Severity.PASS: "passed",
    Severity.WARNING: "with warnings",
    Severity.FAIL: "failed",
    Severity.ERROR: "couldn't run",
}


def reported_findings(done: WatchResult) -> tuple[Finding, ...]:
    """Return the findings of a run that are problems."""
    return tuple(finding for finding in done.report.findings if finding.severity in _REPORTED)


def _finding(finding: Finding) -> dict[str, str]:
    names = ("code", "severity", "probe", "check", "title", "cause", "fix")
    return {name: str(getattr(finding, name)) for name in names}


def _document(fields: dict[str, Any]) -> str:
    return msgspec.json.encode({"schema_version": SCHEMA_VERSION, **fields}).decode()


def _times(number: int) -> str:
    return f"{number} {'time' if number == 1 else 'times'}"


class OutputClosedError(Exception):
    """The reader of the lines has closed the pipe; the watch ends normally."""


def line_writer(stream: TextIO | None) -> Callable[[str], None]:
    """Return a function that writes a line and flushes it. Characters that the encoding lacks become `?`.

    It raises OutputClosedError if the reader has closed the pipe (`| head`), OutputError if nothing can be written.
    """

    def write_line(line: str) -> None:
        if stream is None:
            raise OutputError("the lines cannot be shown: stdout is closed")
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(f"{line.encode(encoding, errors='replace').decode(encoding)}\n")
            stream.flush()
        except OSError as error:
            discard_output(stream)
            if error.errno == errno.EPIPE:
                raise OutputClosedError from None
            raise output_error(error) from None

    return write_line
