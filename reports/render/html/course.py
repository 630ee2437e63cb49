"""What was done to a run, and when: timelines in which no client and no server speaks, as lists of the HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.render.html.limits import Limits, Some, first
from reports.render.html.wording import said
from reports.render.numbers import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import Moment, Timeline

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, or happened."""

    at: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Course:
    """One run."""

    name: str
    steps: Some[Step]


def courses(timelines: Sequence[Timeline], limits: Limits) -> Some[Course]:
    """Lay out those timelines of a report that are no sessions."""
    some = first([timeline for timeline in timelines if not timeline.is_session], limits.timelines)
    return Some(tuple(_course(timeline, limits) for timeline in some.shown), some.left)


def _course(timeline: Timeline, limits: Limits) -> Course:
    some = first(timeline.moments, limits.moments)
    steps = tuple(_step(moment, limits.short) for moment in some.shown)
    return Course(said(timeline.name, limits.short) or "run", Some(steps, some.left))


def _step(moment: Moment, limit: int) -> Step:
    at = f"{moment.at:.1f} s" if abs(moment.at) < _MINUTE else duration(moment.at)
    return Step(at, said(moment.what, limit) or "-", said(moment.detail, limit))
