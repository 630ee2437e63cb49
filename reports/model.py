"""The report model: findings, timelines, tables and series as immutable values.

Probes, the demo and load tests create reports; every format is a rendering of them and adds nothing. The fields are
also the keys of the JSON report, so they keep their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The outcome of a check. `SKIPPED` is never a pass: its finding names what prevented the check."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    INFO = "info"
    WARNING = "warning"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that was observed: a label and its redacted value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a file. Lines and columns count from 1; `end_column` is one past the last character."""

    path: str
    """With forward slashes; relative if the argument was relative."""
    line: int
    column: int
    end_line: int
    end_column: int
    text: str = ""
    """The source line, for people; empty if it must not be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check. `code` is stable, so that scripts can match it."""

    code: str
    severity: Severity
    check: str
    """The row it belongs to: `name`, `tcp, tls`, `key`, ..."""
    title: str
    evidence: tuple[Evidence, ...] = ()
    cause: str = ""
    fix: str = ""
    """The next step: what to do or type."""
    link: str = ""
    """Where to read more: usually a command."""
    seconds: float | None = None
    """Duration of the check; None if it means nothing."""
    probe: str = ""
    """The probe that found it: `access`, `events`, `lint`, ...; empty for the command itself."""
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One entry of a timeline. `at` is in seconds since the timeline started."""

    at: float
    who: str
    """`client`, `server`, or the name of the tool for its own remarks."""
    what: str
    """An event's type, or a few words."""
    detail: str = ""
    count: int = 1
    """How many consecutive events of the same type it stands for (deltas, appends)."""
    until: float | None = None
    """The time of the last of them if `count` is more than 1."""


#: The two sides of a session. Everyone else only makes remarks.
SESSION_SIDES = frozenset({"client", "server"})
#: The other directions of a session that is seen on both sides of a bridge; `client` is what its client sends.
TO_CLIENT, TO_UPSTREAM, FROM_UPSTREAM = "bridge to client", "bridge to upstream", "upstream"
BRIDGE_SIDES = frozenset({TO_CLIENT, TO_UPSTREAM, FROM_UPSTREAM})


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened in one session, in order of time."""

    name: str
    """The session: `events: audio`, `bridge`."""
    moments: tuple[Moment, ...] = ()

    @property
    def is_session(self) -> bool:
        """Whether client and server take part. If not, the timeline lists the actions of a tool."""
        return not self.moments or any(moment.who in SESSION_SIDES for moment in self.moments)


@dataclass(frozen=True, slots=True)
class ReportMetric:
    """One measured value. The name ends in its unit: `events_first_audio_seconds`, `events_gaps_total`."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points to plot: x in seconds since the start of the timeline, or in `across`; y in `unit`."""

    name: str
    """What it shows, for people: `audio delta, behind the one before`."""
    unit: str
    """`ms`, `callers`, ..."""
    timeline: str
    """The timeline it belongs to."""
    points: tuple[tuple[float, float], ...] = ()
    across: str = "s"
    """The unit of x if it is not time: `callers`."""
    plot: str = ""
    """Series with the same timeline, unit and plot share a picture; empty for a picture of its own."""
    every: float = 0.0
    """The distance between points if it is regular: a missing point means that nothing was measured. 0 if irregular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of a table."""

    name: str
    part: str = ""
    """The part that the row covers: a phase; empty for the whole."""
    cells: tuple[float | str | None, ...] = ()
    """One per column: a number, a word, or None if nothing was measured."""


#: The table with a row for each case and a column for each bridge: reports of several bridges share one.
MATRIX = "conformance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Measurements that belong together: percentiles of durations, the trials of a search.

    If `metric` is not empty, the value of a whole row is also the metric `{metric}_{row}_{column}`, if that exists:
    renderings that show the table leave the metric out.
    """

    name: str
    """What it shows, for people."""
    heading: str
    """What the names of its rows are."""
    columns: tuple[str, ...]
    """Each ends in its unit, as the name of a metric does: `p99_seconds`."""
    rows: tuple[TableRow, ...] = ()
    metric: str = ""

    @property
    def metrics(self) -> frozenset[str]:
        """Names of the metrics that the table also shows."""
        if not self.metric:
            return frozenset()
        names = [row.name for row in self.rows if not row.part]
        return frozenset(f"{self.metric}_{name}_{column}" for name in names for column in self.columns)


#: Exit codes of every command.
EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_COULD_NOT_RUN, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run of one tool against one target."""

    tool: str
    version: str
    started: str
    """ISO 8601, UTC, with milliseconds."""
    seconds: float
    target: tuple[Evidence, ...] = ()
    """What was checked: base URL, model, key hint, ..."""
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
        """Count the findings with this severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def exit_code(self, *, strict: bool = False) -> int:
        """Return the exit code of the findings.

        0 if everything passed, 1 if a check failed (with `strict`, also for warnings), 3 if any or every check couldn't
        run.
        """
        severities = {finding.severity for finding in self.findings}
        if Severity.FAIL in severities or (strict and Severity.WARNING in severities):
            return EXIT_FAILED
        return EXIT_COULD_NOT_RUN if Severity.ERROR in severities or severities == {Severity.SKIPPED} else EXIT_OK
