"""Compares two runs: what is new, gone, worse and better. Pure.

A problem is recognized by probe, code, check and file; its line may change. A missing problem counts as gone only if
its probe checked it again: a skipped check, or a probe that did not run, proves nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.model import EXIT_INTERRUPTED, EXIT_USAGE, Finding, Report, Severity
from reports.render.wording import PROBLEM_SEVERITIES, verdict_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reports.store.reader import StoredReport

#: How much a metric may change and still count as the same, as a share.
TOLERANCE = 0.2

#: How bad each severity is. Skipped is neither better nor worse than passed.
_RANK: Mapping[Severity, int] = {
    Severity.PASS: 0,
    Severity.INFO: 0,
    Severity.SKIPPED: 0,
    Severity.WARNING: 1,
    Severity.ERROR: 2,
    Severity.FAIL: 3,
}


class ChangeKind(StrEnum):
    """How a problem or a metric changed."""

    NEW = "new"
    WORSE = "worse"
    BETTER = "better"
    GONE = "gone"
    UNSEEN = "unseen"
    """It was there before and was not checked again."""
    MOVED = "moved"
    """A metric for which neither direction is better."""


#: Changes that make the second run worse, or better.
WORSE_CHANGES, BETTER_CHANGES = (
    frozenset({ChangeKind.NEW, ChangeKind.WORSE}),
    frozenset({ChangeKind.GONE, ChangeKind.BETTER}),
)


class Direction(StrEnum):
    """Which values of a metric are better; NEITHER is shown without a verdict."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class MetricRule:
    """How to judge a metric."""

    direction: Direction
    floor: float = 0.0
    """Smaller changes are noise, in the metric's unit."""


#: A word or several consecutive words of a metric's name -> how to judge it. The first match counts.
METRIC_RULES: tuple[tuple[str, MetricRule], ...] = (
    ("success", MetricRule(Direction.HIGHER)),
    ("per_second", MetricRule(Direction.HIGHER)),
    ("lost", MetricRule(Direction.LOWER)),
    ("dropped", MetricRule(Direction.LOWER)),
    ("repeated", MetricRule(Direction.LOWER)),
    ("reordered", MetricRule(Direction.LOWER)),
    ("gap", MetricRule(Direction.LOWER)),
    ("gaps", MetricRule(Direction.LOWER)),
    ("late", MetricRule(Direction.LOWER)),
    ("upstream_errors", MetricRule(Direction.NEITHER)),
    ("errors", MetricRule(Direction.LOWER)),
    ("failed", MetricRule(Direction.LOWER)),
    ("failures", MetricRule(Direction.LOWER)),
    ("violations", MetricRule(Direction.LOWER)),
    ("reconnects", MetricRule(Direction.LOWER)),
    ("retries", MetricRule(Direction.LOWER)),
    ("left_days", MetricRule(Direction.HIGHER)),
    ("unanswered", MetricRule(Direction.LOWER)),
    ("unfinished", MetricRule(Direction.NEITHER)),
    ("stranded", MetricRule(Direction.LOWER)),
    ("endings_without_error", MetricRule(Direction.LOWER)),
    ("sessions_left", MetricRule(Direction.LOWER)),
    ("grown_bytes", MetricRule(Direction.LOWER, floor=1e6)),
    ("unclean", MetricRule(Direction.LOWER)),
    ("stale", MetricRule(Direction.LOWER)),
    ("dials", MetricRule(Direction.LOWER)),
    ("turns", MetricRule(Direction.HIGHER)),
    ("capacity_callers", MetricRule(Direction.HIGHER)),
    # Amounts and times of speech, not durations.
    ("spoken", MetricRule(Direction.NEITHER)),
    ("sent", MetricRule(Direction.NEITHER)),
    ("heard", MetricRule(Direction.NEITHER)),
    ("timestamp", MetricRule(Direction.NEITHER)),
    ("seconds", MetricRule(Direction.LOWER, floor=0.01)),
    ("ms", MetricRule(Direction.LOWER, floor=10)),
)


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
class MetricChange:
    """A metric that changed by more than the tolerance."""

    change: ChangeKind
    name: str
    before: float | None
    after: float | None
    """None if it was not measured."""


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
    old, new = _by_key(before.report.findings), _by_key(after.report.findings)
    changed = [
        _finding_change(key, old.get(key, []), new.get(key, []), after.report) for key in dict.fromkeys([*new, *old])
    ]
    moved = _metric_changes(before.report, after.report, tolerance)
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


def _metric_changes(before: Report, after: Report, tolerance: float) -> list[MetricChange]:
    old, new = ({metric.name: metric.value for metric in run.metrics} for run in (before, after))
    changes = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            if was is not None:
                changes.append(MetricChange(change=ChangeKind.UNSEEN, name=name, before=was, after=None))
            continue
        change = compare_metric(name, was, now, tolerance)
        if change is not None:
            changes.append(MetricChange(change=change, name=name, before=was, after=now))
    return changes


def compare_metric(name: str, was: float, now: float, tolerance: float) -> ChangeKind | None:
    """Judge one metric; None if it changed within the tolerance or is not a number."""
    rule = metric_rule(name)
    move = now - was
    if not math.isfinite(move) or abs(move) <= max(rule.floor, tolerance * abs(was)):
        return None
    if rule.direction is Direction.NEITHER:
        return ChangeKind.MOVED
    return ChangeKind.BETTER if (move < 0) == (rule.direction is Direction.LOWER) else ChangeKind.WORSE


def metric_rule(name: str) -> MetricRule:
    """Return how to judge a metric, by its name."""
    bounded = f"_{name}_"
    return next((rule for word, rule in METRIC_RULES if f"_{word}_" in bounded), MetricRule(Direction.NEITHER))


def _remarks(before: StoredReport, after: StoredReport) -> Iterable[str]:
    """Yield why the two runs may not be comparable."""
    if before.report.tool != after.report.tool:
        yield f"the tools differ: {before.report.tool} before, {after.report.tool} after"
    if before.report.target != after.report.target:
        yield "the targets or their settings differ"
    for name, run in (("before", before), ("after", after)):
        if run.exit_code in (EXIT_USAGE, EXIT_INTERRUPTED):
            yield f"{name} is incomplete: {verdict_word(run.exit_code)}, exit code {run.exit_code}"
