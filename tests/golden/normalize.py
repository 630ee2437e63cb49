"""Normalizes a report: whatever differs between runs (times, ports, IDs, dates) gets a fixed value.

Everything else is unchanged, so that a golden file shows what a user sees.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reports.render.terminal.timeline import fold_moments

if TYPE_CHECKING:
    from reports.model import Evidence, Finding, Report, Timeline

#: What is replaced, in this order.
_MOVING = tuple(
    (re.compile(pattern), still)
    for pattern, still in (
        (r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:8766"),
        (r"/(?:tmp|var|private)/(?:[\w.-]+/)+", ""),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "01234567-89ab-cdef-0123-456789abcdef"),
        (r"\b(req|sess|event|item|resp|conv|call|rtc)_[0-9A-Za-z]{8,}", r"\1_0123456789"),
        (r"\bclient secret …\w{4}", "client secret …wxyz"),
        (r"\bin \d+ days", "in 100 days"),
        (r"\b\d{4}-\d{2}-\d{2}T[0-9:.]+Z", "2026-11-21T12:00:00.000Z"),
        (r"\bin \d+(\.\d+)? (s|ms)\b", "in 1 s"),
        (r"\b\d+(\.\d+)? ms\b", "7 ms"),
        (r"\bms \d+\b", "ms 7"),
        (r"\b(after|for) \d+(\.\d+)? s\b", r"\1 1 s"),
    )
)

_SIDES = ("client", "server")


def normalize(report: Report) -> Report:
    """Return the report with fixed values."""
    return replace(
        report,
        version="0",
        started="2026-11-21T12:00:00.000Z",
        seconds=0.5,
        target=tuple(map(_evidence, report.target)),
        findings=tuple(map(_finding, report.findings)),
        timelines=tuple(map(_timeline, report.timelines)),
        metrics=tuple(replace(metric, value=0.007) for metric in report.metrics),
        series=tuple(replace(series, points=((0.0, 1.0), (1.0, 2.0))) for series in report.series),
    )


def normalize_text(text: str) -> str:
    """Normalize one text."""
    for pattern, replacement in _MOVING:
        text = pattern.sub(replacement, text)
    return text


def _finding(finding: Finding) -> Finding:
    texts: dict[str, Any] = {name: normalize_text(getattr(finding, name)) for name in ("title", "cause", "fix", "link")}
    place = finding.place and replace(finding.place, path=normalize_text(finding.place.path))
    seconds = None if finding.seconds is None else 0.007
    return replace(finding, **texts, evidence=tuple(map(_evidence, finding.evidence)), seconds=seconds, place=place)


def _evidence(evidence: Evidence) -> Evidence:
    return replace(evidence, value=normalize_text(evidence.value))


def _timeline(timeline: Timeline) -> Timeline:
    """Keep each side's order and each stream once: the interleaving of both sides and the number of chunks vary."""
    kept = sorted((m for m in fold_moments(timeline.moments) if m.who in _SIDES), key=lambda m: _SIDES.index(m.who))
    moments = (
        replace(moment, at=number / 100, detail=normalize_text(moment.detail), count=1, until=None)
        for number, moment in enumerate(kept)
    )
    return replace(timeline, moments=tuple(moments))
