"""The timelines of actions: lists of what was done to a run, without client and server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.render.html.limits import PageLimits, Truncated, take_first
from reports.render.html.wording import one_line
from reports.render.numbers import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import Moment, Timeline

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class ActionRow:
    """One action, or something else that happened."""

    at: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class ActionTimeline:
    """What was done to one run, in order, as a table of the page."""

    name: str
    rows: Truncated[ActionRow]


def action_timelines(timelines: Sequence[Timeline], limits: PageLimits) -> Truncated[ActionTimeline]:
    """Lay out the timelines that are not sessions."""
    shown = take_first([timeline for timeline in timelines if not timeline.is_session], limits.timelines)
    return Truncated(tuple(_action_timeline(timeline, limits) for timeline in shown.shown), shown.left_out)


def _action_timeline(timeline: Timeline, limits: PageLimits) -> ActionTimeline:
    shown = take_first(timeline.moments, limits.moments)
    steps = tuple(_step(moment, limits.short) for moment in shown.shown)
    return ActionTimeline(one_line(timeline.name, limits.short) or "run", Truncated(steps, shown.left_out))


def _step(moment: Moment, limit: int) -> ActionRow:
    at = f"{moment.at:.1f} s" if abs(moment.at) < _MINUTE else format_duration(moment.at)
    return ActionRow(at, one_line(moment.what, limit) or "-", one_line(moment.detail, limit))
