"""Measured series as plots: SVG by pygal, stripped of its own styles, so that the page's colours and themes apply.

A plot is a function of its series and of the stretch of time that all plots of its session share. It is a picture; what
it says stands below it in words: how many points, lowest, median, highest.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from reports.figures import number
from reports.html_limits import Limits, Some, first
from reports.html_words import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import Series

Point = tuple[float, float]

#: In units of the picture, which is scaled to the page.
_WIDTH, _HEIGHT, _TEXT = 760, 240, 13
#: A unit of at most so many characters stands at the axis too.
_TERSE = 8
#: Beyond this, drawing is arithmetic without meaning; such points are left out like those that are no number.
_LARGEST = 1e12
#: Digits behind the point; scales are not made for numbers next to nothing.
_FINEST = 9
#: What pygal adds for its scripts and tooltips.
_UNWANTED = frozenset({"defs", "title", "desc"})
_SVG = "{http://www.w3.org/2000/svg}"
_DIGITS = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Plot:
    """A series, drawn. `picture` is empty where there is nothing to draw."""

    name: str
    timeline: str
    unit: str
    picture: Markup
    summary: str


def plots(series: Sequence[Series], limits: Limits) -> Some[Plot]:
    """Draw the series of a report; those of one timeline side by side in time."""
    some = first(series, limits.plots)
    times: dict[str, list[float]] = {}
    for one in some.shown:
        times.setdefault(one.timeline, []).extend(x for x, _ in _drawable(one.points))
    stretches = {name: (min(xs), max(xs)) for name, xs in times.items() if xs}
    return Some(tuple(plot(one, limits, stretches.get(one.timeline, (0, 1))) for one in some.shown), some.left)


def plot(series: Series, limits: Limits, times: tuple[float, float]) -> Plot:
    """Draw one series over a stretch of time, which holds all its points."""
    points, unit = _drawable(series.points), said(series.unit, limits.short)
    picture = Markup()
    if points:
        kept, middle = thinned(points, limits.points), median(y for _, y in points)
        picture = _drawn(kept, (unit, said(series.across, limits.short)), times, middle)
    return Plot(
        said(series.name, limits.short), said(series.timeline, limits.short), unit, picture, _summary(points, unit)
    )


def thinned(points: Sequence[Point], limit: int) -> list[Point]:
    """Keep at most `limit` points: of each stretch the lowest and the highest, so that no spike gets lost."""
    if len(points) <= limit:
        return list(points)
    stretches, kept = max(1, limit // 2), list[Point]()
    for n in range(stretches):
        stretch = points[n * len(points) // stretches : (n + 1) * len(points) // stretches]
        kept += sorted({min(stretch, key=_height), max(stretch, key=_height)})
    return kept


def _height(point: Point) -> float:
    return point[1]


def _drawable(points: Sequence[Point]) -> list[Point]:
    fit = [(round(x, _FINEST), round(y, _FINEST)) for x, y in points if _is_drawable(x) and _is_drawable(y)]
    return sorted(fit, key=lambda point: point[0])


def _is_drawable(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _LARGEST


def _summary(points: Sequence[Point], unit: str) -> str:
    if not points:
        return "No points."
    heights = [y for _, y in points]
    lowest, middle, highest = (number(float(f"{y:.4g}")) for y in (min(heights), median(heights), max(heights)))
    many = f"{len(points):,} points" if len(points) > 1 else "1 point"
    return f"{many}: lowest {lowest}, median {middle} (dashed), highest {highest} {unit}".rstrip()


def _drawn(points: Sequence[Point], units: tuple[str, str], times: tuple[float, float], middle: float) -> Markup:
    """Draw the points as a line, the median as a dashed one across, and zero where the line crosses it."""
    low, high = min(0.0, *(y for _, y in points)), max(0.0, *(y for _, y in points))
    begin, end = times
    high, end = high if high > low else low + 1, end if end > begin else begin + 1
    chart = _chart(units, (low, high), (begin, end))
    chart.add("median", [(begin, middle), (end, middle)], show_dots=False)
    chart.add("measured", list(points), show_dots=len(points) <= 60)  # noqa: PLR2004 - more dots than that are a smear
    if low < 0 < high:
        chart.add("zero", [(begin, 0), (end, 0)], show_dots=False)
    root = ET.fromstring(chart.render())  # noqa: S314 - pygal wrote it a moment ago
    _strip(root)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - a tree, written with escapes


def _chart(units: tuple[str, str], heights: Point, times: Point) -> Any:
    unit, across = units
    import pygal  # noqa: PLC0415 - here, so that what it does to the import system can be undone
    from pygal.style import Style  # noqa: PLC0415

    # It adds a finder of its own, of which Python 3.11 warns at every import that fails. What else came with it stays:
    # a backport of importlib.metadata puts its finder in the place of Python's.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("pygal")]
    return pygal.XY(
        width=_WIDTH,
        height=_HEIGHT,
        range=heights,
        xrange=times,
        css=(),
        js=(),
        dots_size=2.5,
        show_legend=False,
        margin=6,
        spacing=6,
        max_scale=8,
        style=Style(label_font_size=_TEXT, major_label_font_size=_TEXT, font_family="inherit"),
        x_value_formatter=lambda x: f"{number(x)} {across if len(across) <= _TERSE else ''}".rstrip(),
        value_formatter=lambda y: f"{number(y)} {unit if len(unit) <= _TERSE else ''}".rstrip(),
    )


def _strip(root: ET.Element) -> None:
    """Take away what is not picture: names, styles, scripts, tooltips; shorten numbers to a tenth of a unit."""
    for parent in list(root.iter()):
        parent.tag = parent.tag.removeprefix(_SVG)
        for child in list(parent):
            if child.tag.removeprefix(_SVG) in _UNWANTED or _is_text_over(child):
                parent.remove(child)
        for key, value in parent.attrib.items():
            if key != "class":
                parent.set(key, _DIGITS.sub(lambda found: f"{float(found[0]):.1f}", value))
    root.attrib.pop("id", None)
    root.attrib.update({"aria-hidden": "true", "focusable": "false"})


def _is_text_over(node: ET.Element) -> bool:
    return bool({"text-overlay", "tooltip-overlay", "titles"} & set(node.get("class", "").split()))
