"""JSON, for scripts and CI.

Keys are stable: within a `schema_version`, keys are only added. `data/report.schema.json` describes each. Strings are
written as they are: redact them when you create the report. `reports/store/reader.py` reads the document back.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from reports.model import (
    EXIT_COULD_NOT_RUN,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    Finding,
    Report,
    Severity,
)

if TYPE_CHECKING:
    from reports.model import Series, Table

#: Raised when a key is removed or changes its meaning.
SCHEMA_VERSION = 1

#: Exit code -> verdict.
VERDICTS: dict[int, str] = {
    EXIT_OK: "passed",
    EXIT_FAILED: "failed",
    EXIT_USAGE: "usage",
    EXIT_COULD_NOT_RUN: "could_not_look",
    EXIT_INTERRUPTED: "interrupted",
}


def as_document(report: Report, exit_code: int) -> dict[str, Any]:
    """Return the report as plain values, in reading order. Times are seconds.

    Measurements that are not finite numbers are left out, since JSON can't represent them.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": report.tool,
        "version": report.version,
        "started": report.started,
        "seconds": _rounded(report.seconds),
        "verdict": VERDICTS.get(exit_code, "failed"),
        "exit_code": exit_code,
        "counts": {severity.value: report.count(severity) for severity in Severity},
        "target": [msgspec.to_builtins(evidence) for evidence in report.target],
        "findings": [_finding(finding) for finding in report.findings],
        "timelines": [msgspec.to_builtins(timeline) for timeline in report.timelines],
        "metrics": {metric.name: metric.value for metric in report.metrics if isfinite(metric.value)},
        "series": [_series(series) for series in report.series],
        "tables": [_table(table) for table in report.tables],
    }


def render(report: Report, exit_code: int) -> str:
    """Write the document, indented, with a final newline. Lone surrogates become `?`."""
    return format_document(as_document(report, exit_code))


def format_document(document: dict[str, Any]) -> str:
    """Write any document in the same form: indented, with a final newline, lone surrogates as `?`."""
    return msgspec.json.format(msgspec.json.encode(_without_surrogates(document)), indent=2).decode() + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(finding)
    values["seconds"] = None if finding.seconds is None else _rounded(finding.seconds)
    return values


def _series(series: Series) -> dict[str, Any]:
    points = tuple(point for point in series.points if all(map(isfinite, point)))
    across = {} if series.across == "s" else {"across": series.across}
    plot = {"plot": series.plot} if series.plot else {}
    every = {"every": series.every} if series.every else {}
    values = {"name": series.name, "unit": series.unit, "timeline": series.timeline, "points": points}
    return {**values, **across, **plot, **every}


def _table(table: Table) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(table)
    for row in values["rows"]:
        row["cells"] = [_cell(cell) for cell in row["cells"]]
    return values


def _cell(cell: float | str | None) -> float | str | None:
    return None if isinstance(cell, float) and not isfinite(cell) else cell


def _rounded(seconds: float) -> float:
    """Round to 0.1 ms: finer digits are noise in every diff of two reports."""
    return round(seconds, 4)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list | tuple) else value
