"""The one shape of a result: findings in a report, with timelines, tables and measured series where there are any.

Pure values, made by probes, the demo and load tests; every output format is a rendering of these and adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
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
class Place:
    """A place in a file, where a finding has one. Lines and columns count from 1; the end is behind its last one."""

    path: str
    """As it was reached, with forward slashes: relative where the argument was relative."""
    line: int
    column: int
    end_line: int
    end_column: int
    text: str = ""
    """The line of source itself, for people; empty where it must not be shown."""


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
    probe: str = ""
    """Who found it: `access`, `events`, `lint`, ...; empty for what the command itself has to say."""
    place: Place | None = None


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


#: Who sends events; everybody else makes remarks.
SESSION_SIDES = frozenset({"client", "server"})


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened in one session, in order of time."""

    name: str
    """Which session: `events: audio`, `bridge`."""
    moments: tuple[Moment, ...] = ()

    @property
    def is_session(self) -> bool:
        """Whether client and server speak in it; one that has only remarks of a tool says what was done, and when."""
        return not self.moments or any(moment.who in SESSION_SIDES for moment in self.moments)


@dataclass(frozen=True, slots=True)
class ReportMetric:
    """One measured figure. The name ends in its unit: `events_first_audio_seconds`, `events_gaps_total`."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Measured points to plot: x in seconds since the timeline of that name began or in `across`, y in `unit`."""

    name: str
    """What it shows, for people: `audio delta, behind the one before`."""
    unit: str
    """`ms`, `callers`, ..."""
    timeline: str
    """The timeline that it belongs to."""
    points: tuple[tuple[float, float], ...] = ()
    across: str = "s"
    """What x is counted in where it is not time: `callers`."""
    plot: str = ""
    """Series of one timeline and unit that name the same plot share a picture; empty: one of its own."""
    every: float = 0.0
    """Points stand so far apart, and where one is missing nothing was measured; 0: they come when they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of a table."""

    name: str
    part: str = ""
    """Which part of what the name says: a phase; empty for the whole of it."""
    cells: tuple[float | str | None, ...] = ()
    """One for each column: a figure, a word, or None where nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Measured figures that belong together: percentiles of durations, the tries of a search.

    Where a row is about a whole and `metric` is not empty, the metric `{metric}_{row}_{column}`, if there is one, is
    the same figure: renderings that show the table leave it out.
    """

    name: str
    """What it shows, for people."""
    heading: str
    """What the names of its rows are."""
    columns: tuple[str, ...]
    """Of the figures; each ends in its unit as the name of a metric does: `p99_seconds`."""
    rows: tuple[TableRow, ...] = ()
    metric: str = ""

    @property
    def metrics(self) -> frozenset[str]:
        """Names of the metrics that it shows, too."""
        if not self.metric:
            return frozenset()
        names = [row.name for row in self.rows if not row.part]
        return frozenset(f"{self.metric}_{name}_{column}" for name in names for column in self.columns)


#: Exit codes of every command here.
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_COULD_NOT_RUN, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


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
    timelines: tuple[Timeline, ...] = ()
    metrics: tuple[ReportMetric, ...] = ()
    series: tuple[Series, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def standalone_metrics(self) -> tuple[ReportMetric, ...]:
        """The metrics that no table shows."""
        shown = {name for table in self.tables for name in table.metrics}
        return tuple(metric for metric in self.metrics if metric.name not in shown)

    def count(self, severity: Severity) -> int:
        """How many findings ended so."""
        return sum(finding.severity is severity for finding in self.findings)

    def exit_code(self, *, strict: bool = False) -> int:
        """0 passed, 1 a check failed (or warned, when strict), 3 could not look, at something or at all."""
        found = {finding.severity for finding in self.findings}
        if Severity.FAIL in found or (strict and Severity.WARNING in found):
            return EXIT_FAILED
        return EXIT_COULD_NOT_RUN if Severity.ERROR in found or found == {Severity.SKIPPED} else EXIT_OK
