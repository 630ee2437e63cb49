"""Draws one plot as SVG with pygal, without pygal's own styles, so that the page's colours and themes apply.

It knows points, units and marks, but neither series nor reports. Every element gets a class by its role (`line-1`,
`median`, `zero`, `mark`), which the style sheet uses.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from reports.render.numbers import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]
#: A point, or a gap in the line.
LinePoint = tuple[float, float | None]

#: In SVG units; the picture is scaled to the page.
_WIDTH, _HEIGHT, _TEXT = 760, 240, 13
#: Units up to this length are shown at the axes: the first number for y, the second for x.
_MAX_Y_UNIT, _MAX_X_UNIT = 8, 2
#: Lines with more points are drawn without dots.
_MAX_DOTS = 60
#: Labels of marks: width of a character, height of a line, and the space that is kept free on the right.
_CHARACTER_WIDTH, _LINE_HEIGHT, _LABEL_SPACE = 6.6, 14, 60
#: Longer labels are cut; the list of actions has them in full.
_MAX_LABEL = 24
_MARGIN = 6
#: What pygal adds for its scripts and tooltips.
_REMOVED_TAGS = frozenset({"defs", "title", "desc"})
_SVG = "{http://www.w3.org/2000/svg}"
_DIGITS = re.compile(r"-?\d+\.\d+")
_SERIES = re.compile(r"\bserie-(\d+)\b")


@dataclass(frozen=True, slots=True)
class PlotMark:
    """Something that happened: a vertical line with a label above it."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SvgPlot:
    """What to draw. All points and marks lie between `begin` and `end`."""

    lines: tuple[tuple[LinePoint, ...], ...]
    unit: str
    across: str
    begin: float
    end: float
    marks: tuple[PlotMark, ...] = ()
    middle: float | None = None
    """Height of a dashed line: the median, if there is only one line."""

    def render(self) -> Markup:
        """Return the plot as an `<svg>` element for the page, whose CSS colours it by the classes of its parts."""
        rows = self._rows()
        chart, roles = self._chart(_MARGIN + _LINE_HEIGHT * (1 + max(rows, default=-1))), list[str]()

        def add(role: str, points: Sequence[LinePoint], *, dots: bool = False) -> None:
            chart.add(role, points, show_dots=dots, allow_interruptions=True)
            roles.append(role)

        begin, end = self._times
        low, high = self._heights
        for mark in self.marks:
            add("mark", [(mark.at, low), (mark.at, high)])
        if self.middle is not None:
            add("median", [(begin, self.middle), (end, self.middle)])
        for nth, line in enumerate(self.lines, 1):
            add(f"line-{nth}", list(line), dots=len(line) <= _MAX_DOTS)
        if low < 0 < high:
            add("zero", [(begin, 0.0), (end, 0.0)])
        root = ET.fromstring(chart.render())  # noqa: S314 - pygal wrote it a moment ago
        _strip(root)
        self._name_roles(root, roles, rows)
        return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - a tree, written with escapes

    @property
    def _times(self) -> Point:
        return self.begin, self.end if self.end > self.begin else self.begin + 1

    @property
    def _heights(self) -> Point:
        heights = [y for line in self.lines for _, y in line if y is not None]
        low, high = min(0.0, *heights), max(0.0, *heights)
        return low, high if high > low else low + 1

    def _rows(self) -> list[int]:
        """Assign each label a row above the plot, so that labels don't overlap."""
        begin, end = self._times
        ends: list[float] = []
        rows = []
        for mark in self.marks:
            start = (mark.at - begin) / (end - begin) * (_WIDTH - _LABEL_SPACE)
            row = next((row for row, until in enumerate(ends) if until <= start), len(ends))
            ends[row : row + 1] = [start + _CHARACTER_WIDTH * (len(_label_text(mark)) + 1)]
            rows.append(row)
        return rows

    def _chart(self, above: int) -> Any:
        import pygal  # noqa: PLC0415 - here, so that what it does to the import system can be undone
        from pygal.style import Style  # noqa: PLC0415

        # pygal adds an import finder, about which Python 3.11 warns at every failed import. Other finders that came
        # with it stay: a backport of importlib.metadata replaces Python's own.
        sys.meta_path[:] = [one for one in sys.meta_path if not type(one).__module__.startswith("pygal")]
        across = f" {self.across}" if len(self.across) <= _MAX_X_UNIT else ""
        unit = f" {self.unit}" if len(self.unit) <= _MAX_Y_UNIT else ""
        return pygal.XY(
            width=_WIDTH,
            height=_HEIGHT + above - _MARGIN,
            range=self._heights,
            xrange=self._times,
            css=(),
            js=(),
            dots_size=2.5,
            show_legend=False,
            margin=_MARGIN,
            margin_top=above,
            spacing=6,
            max_scale=8,
            style=Style(label_font_size=_TEXT, major_label_font_size=_TEXT, font_family="inherit"),
            x_value_formatter=lambda x: f"{format_number(x)}{across}".rstrip(),
            value_formatter=lambda y: f"{format_number(y)}{unit}".rstrip(),
        )

    def _name_roles(self, root: ET.Element, roles: list[str], rows: list[int]) -> None:
        """Set the class of each element by its role, and add the labels of the marks."""
        for group in root.iter("g"):
            match = _SERIES.search(group.get("class", ""))
            if match is None:
                continue
            which = int(match[1])
            group.set("class", f"series {roles[which]}")
            path = next(group.iter("path"), None)
            if which < len(self.marks) and path is not None:
                _write(group, path, _label_text(self.marks[which]), rows[which])


def _label_text(mark: PlotMark) -> str:
    return mark.label if len(mark.label) <= _MAX_LABEL else f"{mark.label[: _MAX_LABEL - 1]}…"


def _write(group: ET.Element, path: ET.Element, label: str, row: int) -> None:
    """Put a label above the line of a mark, to its left if there is no room on its right."""
    match = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path.get("d", ""))]
    x, y = match[0], min(match[1::2])
    room = _WIDTH - _LABEL_SPACE - x
    fits = _CHARACTER_WIDTH * len(label) <= room
    text = ET.SubElement(group, "text", {"x": f"{x:.1f}", "y": f"{y - 4 - row * _LINE_HEIGHT:.1f}"})
    text.set("class", "words" if fits else "words left")
    text.text = label


def _strip(root: ET.Element) -> None:
    """Remove everything but the picture (names, styles, scripts, tooltips), and round coordinates."""
    for parent in list(root.iter()):
        parent.tag = parent.tag.removeprefix(_SVG)
        for child in list(parent):
            if child.tag.removeprefix(_SVG) in _REMOVED_TAGS or _is_overlay(child):
                parent.remove(child)
        for key, value in parent.attrib.items():
            if key != "class":
                parent.set(key, _DIGITS.sub(lambda match: f"{float(match[0]):.1f}", value))
    root.attrib.pop("id", None)
    root.attrib.update({"aria-hidden": "true", "focusable": "false"})


def _is_overlay(node: ET.Element) -> bool:
    return bool({"text-overlay", "tooltip-overlay", "titles"} & set(node.get("class", "").split()))
