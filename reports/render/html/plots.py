"""Series as plots: which ones share a picture, their summary in words, and marks for what happened meanwhile.

All plots of a timeline share the same time range, so that they line up. `svg.py` draws them. The caption below each
plot states the number of points, minimum, median and maximum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.render.html.limits import PageLimits, Truncated, take_first
from reports.render.html.svg import PlotMark, SvgPlot
from reports.render.html.wording import one_line
from reports.render.numbers import format_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reports.model import Moment, Series, Timeline
    from reports.render.html.svg import LinePoint, Point

#: Larger values can't be drawn and are left out, as are values that are not finite.
_MAX_VALUE = 1e12
#: Decimal places that are kept: pygal's scales fail for values close to 0.
_DECIMALS = 9
#: A point is missing if two points are this many times the regular distance apart.
_GAP_FACTOR = 1.5
#: More marks on one axis are unreadable.
_MAX_MARKS = 16


@dataclass(frozen=True, slots=True)
class PlotLine:
    """A line of a plot: its name, and its summary in words."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """One picture; empty if there is nothing to draw."""

    name: str
    timeline: str
    unit: str
    lines: tuple[PlotLine, ...]
    left_out: int
    """Lines that were left out."""
    picture: Markup


@dataclass(frozen=True, slots=True)
class PlotRange:
    """What all plots of one timeline share: the range of x, and marks."""

    begin: float = 0.0
    end: float = 1.0
    marks: tuple[PlotMark, ...] = ()


def plots(series: Sequence[Series], timelines: Sequence[Timeline], limits: PageLimits) -> Truncated[Plot]:
    """Draw the series of a report. Plots of one timeline share their time range."""
    shown = take_first(_group_by_plot(series), limits.plots)
    marks = {timeline.name: _marks(timeline, limits.short) for timeline in timelines if not timeline.is_session}
    ranges = _ranges([one for group in shown.shown for one in group], marks)
    figure = [plot(group, limits, ranges[group[0].timeline, group[0].across]) for group in shown.shown]
    if len({one.timeline for one in series}) == 1:  # with a single timeline its name adds nothing
        figure = [replace(one, timeline="") for one in figure]
    return Truncated(tuple(figure), shown.left_out)


def _group_by_plot(series: Iterable[Series]) -> list[tuple[Series, ...]]:
    """Group series into pictures, in the order of the first series of each."""
    groups: dict[object, list[Series]] = {}
    for at, one in enumerate(series):
        whose = (one.timeline, one.plot, one.unit, one.across) if one.plot else at
        groups.setdefault(whose, []).append(one)
    return [tuple(group) for group in groups.values()]


def _marks(timeline: Timeline, limit: int) -> tuple[PlotMark, ...]:
    """Mark what happened between the first and the last moment. If a kind repeats, the second mark shows its detail."""
    marks: list[PlotMark] = []
    before = ""
    for moment in timeline.moments[1:-1][:_MAX_MARKS]:
        label = _label(moment, before)
        before = moment.what
        if _is_drawable(moment.at):
            marks.append(PlotMark(round(moment.at, _DECIMALS), one_line(label, limit)))
    return tuple(marks)


def _label(moment: Moment, before: str) -> str:
    return moment.detail if moment.what == before and moment.detail else moment.what


def _ranges(series: Iterable[Series], marks: dict[str, tuple[PlotMark, ...]]) -> dict[tuple[str, str], PlotRange]:
    """Find the ranges that plots share: per timeline for time, per unit for anything else."""
    xs: dict[tuple[str, str], list[float]] = {}
    for one in series:
        xs.setdefault((one.timeline, one.across), []).extend(_extent(one.points))
    ranges = {}
    for (timeline, across), at in xs.items():
        mine = marks.get(timeline, ()) if across == "s" else ()
        points = [*at, *(mark.at for mark in mine)]
        ranges[timeline, across] = PlotRange(min(points), max(points), mine) if at else PlotRange()
    return ranges


def plot(series: Sequence[Series], limits: PageLimits, plot_range: PlotRange = PlotRange()) -> Plot:
    """Draw series of one unit within a range that contains all their points."""
    leads, shown = series[0], take_first(series, limits.lines)
    unit, alone = one_line(leads.unit, limits.short), len(shown.shown) == 1
    points = [_drawable(one.points) for one in shown.shown]
    picture = SvgPlot(
        lines=tuple(
            tuple(_line_points(line, one.every, limits.points)) for one, line in zip(shown.shown, points, strict=True)
        ),
        unit=unit,
        across=one_line(leads.across, limits.short),
        begin=plot_range.begin,
        end=plot_range.end,
        marks=plot_range.marks,
        middle=median(y for _, y in points[0]) if alone and points[0] else None,
    )
    lines = [
        PlotLine(one_line(one.name.removeprefix(f"{one.plot}, "), limits.short), _summary(ranges, unit, dashed=alone))
        for one, ranges in zip(shown.shown, points, strict=True)
    ]
    suffix = "" if leads.across == "s" else f", by {leads.across}"
    return Plot(
        name=one_line(f"{leads.plot or leads.name}{suffix}", limits.short),
        timeline=one_line(leads.timeline, limits.short),
        unit=unit,
        lines=tuple(lines),
        left_out=shown.left_out,
        picture=picture.render() if any(points) else Markup(),
    )


def _line_points(points: Sequence[Point], every: float, limit: int) -> Iterator[LinePoint]:
    """Downsample a line and break it where regular points are missing."""
    begins = iter([b[0] for a, b in pairwise(points) if every and b[0] - a[0] > every * _GAP_FACTOR])
    begin = next(begins, None)
    for x, y in downsample(points, limit):
        if begin is not None and x >= begin:
            yield x, None
            while begin is not None and begin <= x:
                begin = next(begins, None)
        yield x, y


def downsample(points: Sequence[Point], limit: int) -> list[Point]:
    """Keep at most `limit` points: the lowest and the highest of each interval, so that no spike is lost."""
    if len(points) <= limit:
        return list(points)
    ranges, selected = max(1, limit // 2), list["Point"]()
    for n in range(ranges):
        plot_range = points[n * len(points) // ranges : (n + 1) * len(points) // ranges]
        selected += sorted({min(plot_range, key=_height), max(plot_range, key=_height)})
    return selected


def _height(point: Point) -> float:
    return point[1]


def _drawable(points: Sequence[Point]) -> list[Point]:
    fit = [(round(x, _DECIMALS), round(y, _DECIMALS)) for x, y in points if _is_drawable(x) and _is_drawable(y)]
    return sorted(fit, key=lambda point: point[0])


def _extent(points: Sequence[Point]) -> tuple[float, ...]:
    """Give the first and the last x of the points that can be drawn, without the work of preparing them all."""
    xs = [x for x, y in points if _is_drawable(x) and _is_drawable(y)]
    return (round(min(xs), _DECIMALS), round(max(xs), _DECIMALS)) if xs else ()


def _is_drawable(value: float) -> bool:
    return -_MAX_VALUE < value < _MAX_VALUE


def _summary(points: Sequence[Point], unit: str, *, dashed: bool) -> str:
    if not points:
        return "No points."
    heights = [y for _, y in points]
    lowest, middle, highest = (format_number(float(f"{y:.4g}")) for y in (min(heights), median(heights), max(heights)))
    count_text = f"{len(points):,} points" if len(points) > 1 else "1 point"
    line_style = " (dashed)" if dashed else ""
    return f"{count_text}: lowest {lowest}, median {middle}{line_style}, highest {highest} {unit}".rstrip()
