"""Reads a JSON report back: the counterpart of `reports/render/json.py`.

Unknown keys are ignored, since within a `schema_version` keys are only added.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from reports.model import Evidence, Finding, Report, ReportMetric, Series, Table, Timeline
from reports.render.json import SCHEMA_VERSION
from reports.render.terminal_text import sanitize, shorten

#: The largest file in bytes. A report with 10,000 findings takes about 5 MB.
MAX_BYTES = 64 * 1024 * 1024

#: msgspec's messages: what is wrong, and where.
_MSGSPEC_MESSAGE = re.compile(r"(?P<what>.*?)( - at `(key in )?\$?\.?(?P<where>.*)`)?", re.DOTALL)


_TRUNCATED = "it is not JSON, or its end is missing"


class InvalidReportError(Exception):
    """The text is not a report; the message says why."""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report with the exit code of its run."""

    report: Report
    exit_code: int


class _Document(msgspec.Struct, kw_only=True):
    """The keys to read. Those without a default are required."""

    tool: str
    version: str
    started: str
    seconds: float
    exit_code: int
    target: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...]
    timelines: tuple[Timeline, ...] = ()
    metrics: dict[str, float] = {}
    series: tuple[Series, ...] = ()
    tables: tuple[Table, ...] = ()


def read_report(text: str | bytes) -> StoredReport:
    """Read one report, as text or as the bytes of its file. Raises InvalidReportError."""
    document = _decoded(text)
    if not isinstance(document, dict) or "schema_version" not in document:
        raise InvalidReportError("it is JSON, but it has no schema_version")
    version = document["schema_version"]
    if version != SCHEMA_VERSION:
        raise InvalidReportError(
            f"its schema_version is {_shortened(version)}; this version of the toolkit reads {SCHEMA_VERSION}"
        )
    try:
        return _to_stored_report(msgspec.convert(document, _Document))
    except msgspec.ValidationError as error:
        raise InvalidReportError(_error_message(error)) from None


def _decoded(text: str | bytes) -> Any:
    if len(text) > MAX_BYTES:
        raise InvalidReportError(f"it is larger than {MAX_BYTES // 1024**2} MB")
    try:
        content = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        if not content.strip():
            raise InvalidReportError("it is empty")
        return msgspec.json.decode(content)
    except RecursionError:
        raise InvalidReportError("its JSON is nested too deeply") from None
    except UnicodeError:
        raise InvalidReportError("it is not UTF-8 text") from None
    except msgspec.DecodeError as error:
        malformed = f"it is not JSON: {_shortened(error).removeprefix('JSON is malformed: ')}"
        raise InvalidReportError(_TRUNCATED if "truncated" in str(error) else malformed) from None


def _to_stored_report(document: _Document) -> StoredReport:
    report = Report(
        tool=document.tool,
        version=document.version,
        started=document.started,
        seconds=document.seconds,
        target=document.target,
        findings=document.findings,
        timelines=document.timelines,
        metrics=tuple(ReportMetric(name, value) for name, value in document.metrics.items()),
        series=document.series,
        tables=document.tables,
    )
    return StoredReport(report, document.exit_code)


def _error_message(error: msgspec.ValidationError) -> str:
    """Put the location first: `findings[0].code: expected str, got int`."""
    document = _MSGSPEC_MESSAGE.fullmatch(str(error))
    problem, location = (document["what"], document["where"]) if document else (str(error), None)
    problem = problem.replace("`", "").replace("Object missing required field", "missing field")
    message = f"{problem[:1].lower()}{problem[1:]}"
    return _shortened(f"{location}: {message}" if location else message)


def _shortened(document: object) -> str:
    return shorten(sanitize(str(document)), 200)
