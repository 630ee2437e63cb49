"""What can be wrong with kept reports: the codes of `sherpa-report`, for `explain`."""

from __future__ import annotations

from reports.model import Severity
from reports.problem import Problem

REPORT_UNREADABLE = Problem(
    "UNREADABLE",
    "A file that was named is no report of this toolkit, or cannot be read",
    "It is missing, cut off, something else, or was written by a version with another schema_version.",
    "Keep a report: sherpa-probe access --report json=FILE",
    severity=Severity.ERROR,
    probe="report",
)
REPORT_CRASHED = Problem(
    "CRASHED",
    "The rendering itself broke; this says nothing about the report",
    "A mistake in sherpa-report, or a report that it was not made for.",
    "Look at the JSON itself, and report what the message says",
    severity=Severity.ERROR,
    probe="report",
)
