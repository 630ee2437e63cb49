"""The one shape of a result: findings in a report, with a timeline where there is one.

Pure values, made by probes, the demo and load tests; every output format is a rendering of these and adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How a check ended. `SKIPPED` is never a pass: its finding names what kept it from running."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    INFO = "info"
    WARNING = "warning"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was seen: a label and its redacted value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found. `code` is stable; scripts match on it."""

    code: str
    severity: Severity
    check: str
    """The row it belongs to: `name`, `tcp, tls`, `key`, ..."""
    title: str
    evidence: tuple[Evidence, ...] = ()
    cause: str = ""
    fix: str = ""
    """The exact next thing to do or type."""
    link: str = ""
    """Where to read more: usually a command."""
    seconds: float | None = None
    """How long the check took; None where time means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing on the timeline. `at` is in seconds since the timeline began."""

    at: float
    who: str
    """`client`, `server`, or the name of the tool for its own remarks."""
    what: str
    """An event's type or a few words."""
    detail: str = ""
    count: int = 1
    """How many alike in a row this stands for (deltas, appends)."""
    until: float | None = None
    """When the last of them came, where `count` is more than 1."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened, in order of time."""

    moments: tuple[Moment, ...] = ()


#: Exit codes of every command here.
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_COULD_NOT_LOOK, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run of one tool against one target."""

    tool: str
    version: str
    started: str
    """ISO 8601 UTC with milliseconds."""
    seconds: float
    target: tuple[Evidence, ...] = ()
    """What was looked at: base URL, model, key hint, ..."""
    findings: tuple[Finding, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    metrics: tuple[tuple[str, float], ...] = ()
    """Measured figures: name with its unit (`connect_seconds`), value."""

    def count(self, severity: Severity) -> int:
        """How many findings ended so."""
        return sum(finding.severity is severity for finding in self.findings)

    def exit_code(self, *, strict: bool = False) -> int:
        """0 passed, 1 a check failed (or warned, when strict), 3 could not look."""
        found = {finding.severity for finding in self.findings}
        if Severity.FAIL in found or (strict and Severity.WARNING in found):
            return EXIT_FAILED
        return EXIT_COULD_NOT_LOOK if Severity.ERROR in found else EXIT_OK
