"""Compares two runs: what is new, gone, worse and better. Pure.

A problem is recognized by probe, code, check and file; its line may change. A missing problem counts as gone only if
its probe checked it again: a skipped check, or a probe that did not run, proves nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.compare.change_kinds import BETTER_CHANGES, WORSE_CHANGES, ChangeKind
from reports.compare.metrics import TOLERANCE, MetricChange, metric_changes
from reports.model import EXIT_INTERRUPTED, EXIT_USAGE, Finding, Report, Severity
from reports.render.wording import PROBLEM_SEVERITIES, verdict_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reports.store.reader import StoredReport

#: A finding about the run itself: it says that what was measured says little about the target.
_DOUBTFUL_CODES = frozenset({"LOAD-GENERATOR-LATE"})
_LOOPBACK_PORT = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):\d+")

#: How bad each severity is. Skipped is neither better nor worse than passed.
_RANK: Mapping[Severity, int] = {
    Severity.PASS: 0,
    Severity.INFO: 0,
    Severity.SKIPPED: 0,
    Severity.WARNING: 1,
    Severity.ERROR: 2,
    Severity.FAIL: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChange:
    """A problem that only one of the reports has, or that both have with another severity or count."""

    change: ChangeKind
    probe: str
    code: str
    check: str
    path: str
    """Its file; empty if it has none."""
    title: str
    before: Severity | None
    after: Severity | None
    """None if it is not there."""
    count_before: int
    count_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that differs. Both lists start with the worst."""

    before: StoredReport
    after: StoredReport
    findings: tuple[FindingChange, ...]
    metrics: tuple[MetricChange, ...]
    remarks: tuple[str, ...] = ()
    """Why the two runs may not be comparable."""

    @property
    def changes(self) -> tuple[ChangeKind, ...]:
        """The change of each problem and metric."""
        return (*(one.change for one in self.findings), *(one.change for one in self.metrics))

    @property
    def is_worse(self) -> bool:
        """Whether anything is new or worse."""
        return not WORSE_CHANGES.isdisjoint(self.changes)

    @property
    def verdict(self) -> str:
        """`worse` if anything is new or worse, else `better` if anything is gone or better, else `same`."""
        if self.is_worse:
            return "worse"
        return "same" if BETTER_CHANGES.isdisjoint(self.changes) else "better"

    def count(self, change: ChangeKind) -> int:
        """Count the problems and metrics with this change."""
        return self.changes.count(change)


_Key = tuple[str, str, str, str]
_ORDER = list(ChangeKind)


def compare(before: StoredReport, after: StoredReport, *, tolerance: float = TOLERANCE) -> Comparison:
    """Compare two runs. `tolerance` is how much a metric may change, as a share of its old value: 0.2 is 20 %."""
    old, new = (_by_key(_about_the_target(run.report.findings)) for run in (before, after))
    doubtful = {probe for run in (before, after) for probe in _probes_in_doubt(run.report)}
    changed = [
        _finding_change(key, old.get(key, []), new.get(key, []), after.report) for key in dict.fromkeys([*new, *old])
    ]
    moved = metric_changes(before.report, after.report, tolerance, [_metric_prefix(one) for one in sorted(doubtful)])
    return Comparison(
        before=before,
        after=after,
        findings=tuple(sorted(filter(None, changed), key=lambda one: _ORDER.index(one.change))),
        metrics=tuple(sorted(moved, key=lambda one: _ORDER.index(one.change))),
        remarks=tuple(_remarks(before, after)),
    )


def _by_key(findings: Iterable[Finding]) -> dict[_Key, list[Finding]]:
    grouped: defaultdict[_Key, list[Finding]] = defaultdict(list)
    for finding in findings:
        path = finding.place.path if finding.place else ""
        grouped[finding.probe, finding.code, finding.check, path].append(finding)
    return dict(grouped)


def _finding_change(key: _Key, old: list[Finding], new: list[Finding], after: Report) -> FindingChange | None:
    """Judge one problem; None if it did not change or there never was one."""
    worst_old, worst_new = _worst(old), _worst(new)
    was, now = ((worst.severity if worst else None) for worst in (worst_old, worst_new))
    change = _change_kind(was, now, len(old), len(new))
    if change is ChangeKind.GONE and not _was_checked_again(key, after):
        change = ChangeKind.UNSEEN
    latest = worst_new or worst_old
    if change is None or latest is None:
        return None
    probe, code, check, path = key
    return FindingChange(
        change=change,
        probe=probe,
        code=code,
        check=check,
        path=path,
        title=latest.title,
        before=was,
        after=now,
        count_before=len(old),
        count_after=len(new),
    )


def _worst(findings: Iterable[Finding]) -> Finding | None:
    return max(findings, key=lambda finding: _RANK[finding.severity], default=None)


def _change_kind(was: Severity | None, now: Severity | None, count_before: int, count_after: int) -> ChangeKind | None:
    rank_before, rank_after = (_RANK[one] if one in PROBLEM_SEVERITIES else 0 for one in (was, now))
    if not rank_before and not rank_after:
        return None
    if not rank_before:
        return ChangeKind.NEW if was is None else ChangeKind.WORSE
    if not rank_after:
        return ChangeKind.GONE if now is None else ChangeKind.BETTER
    before, after = (rank_before, count_before), (rank_after, count_after)
    if after == before:
        return None
    return ChangeKind.WORSE if after > before else ChangeKind.BETTER


def _was_checked_again(key: _Key, after: Report) -> bool:
    """Return whether the run checked it again: by check, or by probe for problems in files."""
    probe, _, check, path = key
    mine = [finding for finding in after.findings if finding.probe == probe]
    if path:
        return any(finding.severity is not Severity.SKIPPED for finding in mine)
    return any(finding.check == check and finding.severity is not Severity.SKIPPED for finding in mine)


def _about_the_target(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.code not in _DOUBTFUL_CODES]


def _probes_in_doubt(report: Report) -> set[str]:
    """Return the probes whose run measured itself."""
    return {finding.probe for finding in report.findings if finding.code in _DOUBTFUL_CODES}


def _metric_prefix(probe: str) -> str:
    """Return how the names of a load test's metrics start: in a suite, they carry the scenario."""
    return "load_" if probe == "load" else f"load_{probe.replace('-', '_')}_"


def _settings(report: Report) -> list[tuple[str, str]]:
    """Return what was checked, without the ports of an embedded simulator, which change with each run."""
    simulated = any(one.value.startswith("simulated") for one in report.target)
    return [(one.label, _LOOPBACK_PORT.sub(r"\1", one.value) if simulated else one.value) for one in report.target]


def _remarks(before: StoredReport, after: StoredReport) -> Iterable[str]:
    """Yield why the two runs may not be comparable."""
    if before.report.tool != after.report.tool:
        yield f"the tools differ: {before.report.tool} before, {after.report.tool} after"
    if _settings(before.report) != _settings(after.report):
        yield "the targets or their settings differ"
    for name, run in (("before", before), ("after", after)):
        if _probes_in_doubt(run.report):
            yield f"{name}: the load generator was late, so durations are not compared"
        if run.exit_code in (EXIT_USAGE, EXIT_INTERRUPTED):
            yield f"{name} is incomplete: {verdict_word(run.exit_code)}, exit code {run.exit_code}"
