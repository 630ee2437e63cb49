"""Two runs side by side: what is new, gone, worse and better. Pure: reports in, a comparison out.

A problem is known again by probe, code, check and file; its line may move. A problem that is no longer found counts as
gone only where its probe looked at it again: a check that was skipped, or a probe that did not run, proves nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.model import EXIT_INTERRUPTED, EXIT_USAGE, Finding, Report, Severity
from reports.render.wording import PROBLEMS, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reports.store.reader import Kept

#: How far a figure may move and still be the same.
TOLERANCE = 0.2

#: How bad each is. What was not looked at is neither better nor worse than what passed.
_RANK: Mapping[Severity, int] = {
    Severity.PASS: 0,
    Severity.INFO: 0,
    Severity.SKIPPED: 0,
    Severity.WARNING: 1,
    Severity.ERROR: 2,
    Severity.FAIL: 3,
}


class Change(StrEnum):
    """What became of a problem or a figure."""

    NEW = "new"
    WORSE = "worse"
    BETTER = "better"
    GONE = "gone"
    UNSEEN = "unseen"
    """It was there, and nobody looked again."""
    MOVED = "moved"
    """A figure of which nobody knows which way is better."""


#: What makes the second run the worse one, and what the better one.
BAD, GOOD = frozenset({Change.NEW, Change.WORSE}), frozenset({Change.GONE, Change.BETTER})


class Direction(StrEnum):
    """Which way is better."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Way:
    """How figures with such a name are judged."""

    direction: Direction
    floor: float = 0.0
    """Smaller moves than this are noise, in the figure's unit."""


#: A word of the name, or some in a row -> how it is judged; the first that fits counts.
WAYS: tuple[tuple[str, Way], ...] = (
    ("success", Way(Direction.HIGHER)),
    ("per_second", Way(Direction.HIGHER)),
    ("lost", Way(Direction.LOWER)),
    ("dropped", Way(Direction.LOWER)),
    ("repeated", Way(Direction.LOWER)),
    ("reordered", Way(Direction.LOWER)),
    ("gap", Way(Direction.LOWER)),
    ("gaps", Way(Direction.LOWER)),
    ("late", Way(Direction.LOWER)),
    ("errors", Way(Direction.LOWER)),
    ("failed", Way(Direction.LOWER)),
    ("failures", Way(Direction.LOWER)),
    ("violations", Way(Direction.LOWER)),
    ("reconnects", Way(Direction.LOWER)),
    ("retries", Way(Direction.LOWER)),
    ("left_days", Way(Direction.HIGHER)),
    ("unanswered", Way(Direction.LOWER)),
    ("unfinished", Way(Direction.NEITHER)),
    ("stranded", Way(Direction.LOWER)),
    ("endings_without_error", Way(Direction.LOWER)),
    ("sessions_left", Way(Direction.LOWER)),
    ("grown_bytes", Way(Direction.LOWER, floor=1e6)),
    ("unclean", Way(Direction.LOWER)),
    ("stale", Way(Direction.LOWER)),
    ("dials", Way(Direction.LOWER)),
    ("turns", Way(Direction.HIGHER)),
    ("capacity_callers", Way(Direction.HIGHER)),
    # How much was said, and when: not how long something took.
    ("spoken", Way(Direction.NEITHER)),
    ("sent", Way(Direction.NEITHER)),
    ("heard", Way(Direction.NEITHER)),
    ("timestamp", Way(Direction.NEITHER)),
    ("seconds", Way(Direction.LOWER, floor=0.01)),
    ("ms", Way(Direction.LOWER, floor=10)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A problem that is not what it was."""

    change: Change
    probe: str
    code: str
    check: str
    path: str
    """The file it is in; empty where it is in none."""
    title: str
    before: Severity | None
    after: Severity | None
    """None where it is not there."""
    count_before: int
    count_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A figure beyond the tolerance."""

    change: Change
    name: str
    before: float | None
    after: float | None
    """None where it was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that differs. Both lists have the worst first."""

    before: Kept
    after: Kept
    findings: tuple[Changed, ...]
    figures: tuple[Moved, ...]
    remarks: tuple[str, ...] = ()
    """Why the two may not be comparable."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What became of each problem and figure that changed."""
        return (*(one.change for one in self.findings), *(one.change for one in self.figures))

    @property
    def is_worse(self) -> bool:
        """Whether anything is new or worse."""
        return not BAD.isdisjoint(self.changes)

    @property
    def verdict(self) -> str:
        """`worse` if anything is, else `better` if anything is, else `same`."""
        if self.is_worse:
            return "worse"
        return "same" if GOOD.isdisjoint(self.changes) else "better"

    def count(self, change: Change) -> int:
        """How many problems and figures changed so."""
        return self.changes.count(change)


_Key = tuple[str, str, str, str]
_ORDER = list(Change)


def compare(before: Kept, after: Kept, *, tolerance: float = TOLERANCE) -> Comparison:
    """Compare two runs. `tolerance` is how far a figure may move, as a part of what it was: 0.2 is 20 %."""
    old, new = _by_key(before.report.findings), _by_key(after.report.findings)
    changed = [_changed(key, old.get(key, []), new.get(key, []), after.report) for key in dict.fromkeys([*new, *old])]
    moved = _moved(before.report, after.report, tolerance)
    return Comparison(
        before=before,
        after=after,
        findings=tuple(sorted(filter(None, changed), key=lambda one: _ORDER.index(one.change))),
        figures=tuple(sorted(moved, key=lambda one: _ORDER.index(one.change))),
        remarks=tuple(_remarks(before, after)),
    )


def _by_key(findings: Iterable[Finding]) -> dict[_Key, list[Finding]]:
    found: defaultdict[_Key, list[Finding]] = defaultdict(list)
    for finding in findings:
        path = finding.place.path if finding.place else ""
        found[finding.probe, finding.code, finding.check, path].append(finding)
    return dict(found)


def _changed(key: _Key, old: list[Finding], new: list[Finding], after: Report) -> Changed | None:
    """Judge one problem; None where nothing changed or there never was one."""
    worst_old, worst_new = _worst(old), _worst(new)
    was, now = ((worst.severity if worst else None) for worst in (worst_old, worst_new))
    change = _change(was, now, len(old), len(new))
    if change is Change.GONE and not _looked_again(key, after):
        change = Change.UNSEEN
    shown = worst_new or worst_old
    if change is None or shown is None:
        return None
    probe, code, check, path = key
    return Changed(
        change=change,
        probe=probe,
        code=code,
        check=check,
        path=path,
        title=shown.title,
        before=was,
        after=now,
        count_before=len(old),
        count_after=len(new),
    )


def _worst(findings: Iterable[Finding]) -> Finding | None:
    return max(findings, key=lambda finding: _RANK[finding.severity], default=None)


def _change(was: Severity | None, now: Severity | None, count_before: int, count_after: int) -> Change | None:
    rank_before, rank_after = (_RANK[one] if one in PROBLEMS else 0 for one in (was, now))
    if not rank_before and not rank_after:
        return None
    if not rank_before:
        return Change.NEW if was is None else Change.WORSE
    if not rank_after:
        return Change.GONE if now is None else Change.BETTER
    before, after = (rank_before, count_before), (rank_after, count_after)
    if after == before:
        return None
    return Change.WORSE if after > before else Change.BETTER


def _looked_again(key: _Key, after: Report) -> bool:
    """Say whether the run looked where the problem was: its check for most, its probe for what is in files."""
    probe, _, check, path = key
    mine = [finding for finding in after.findings if finding.probe == probe]
    if path:
        return any(finding.severity is not Severity.SKIPPED for finding in mine)
    return any(finding.check == check and finding.severity is not Severity.SKIPPED for finding in mine)


def _moved(before: Report, after: Report, tolerance: float) -> list[Moved]:
    old, new = ({metric.name: metric.value for metric in run.metrics} for run in (before, after))
    found = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            if was is not None:
                found.append(Moved(change=Change.UNSEEN, name=name, before=was, after=None))
            continue
        change = judged(name, was, now, tolerance)
        if change is not None:
            found.append(Moved(change=change, name=name, before=was, after=now))
    return found


def judged(name: str, was: float, now: float, tolerance: float) -> Change | None:
    """Judge one figure; None where it moved no further than it may, or is no number."""
    way = way_of(name)
    move = now - was
    if not math.isfinite(move) or abs(move) <= max(way.floor, tolerance * abs(was)):
        return None
    if way.direction is Direction.NEITHER:
        return Change.MOVED
    return Change.BETTER if (move < 0) == (way.direction is Direction.LOWER) else Change.WORSE


def way_of(name: str) -> Way:
    """Look up how a figure is judged by its name."""
    bounded = f"_{name}_"
    return next((way for word, way in WAYS if f"_{word}_" in bounded), Way(Direction.NEITHER))


def _remarks(before: Kept, after: Kept) -> Iterable[str]:
    """Say why the two may not be comparable."""
    if before.report.tool != after.report.tool:
        yield f"before is a run of {before.report.tool}, after one of {after.report.tool}"
    if before.report.target != after.report.target:
        yield "they looked at different targets, or with different settings"
    for name, run in (("before", before), ("after", after)):
        if run.exit_code in (EXIT_USAGE, EXIT_INTERRUPTED):
            yield f"{name} is not a whole run: {verdict(run.exit_code)}, exit code {run.exit_code}"
