"""Measured figures as the HTML page shows them: those of a probe together, each with the name that scripts know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.render.html.limits import Limits, Some, first
from reports.render.html.wording import said
from reports.render.numbers import label, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import Metric


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric: its label, its value with unit, and the name by which scripts know it."""

    label: str
    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The metrics of one probe; its name is the first word of theirs."""

    name: str
    figures: tuple[Figure, ...]


#: Whose, what, in which unit: a name with fewer seams does not say whose it is.
_SEAMS = 2


def figures(metrics: Sequence[Metric], limits: Limits) -> Some[Figures]:
    """Lay out the metrics of a report, those of a probe together."""
    some, groups = first(metrics, limits.figures), dict[str, list[Figure]]()
    for metric in some.shown:
        whose, _, name = metric.name.partition("_") if metric.name.count("_") >= _SEAMS else ("", "", metric.name)
        groups.setdefault(whose, []).append(_figure(metric, name, limits.short))
    return Some(tuple(Figures(said(name, limits.short), tuple(all_)) for name, all_ in groups.items()), some.left)


def _figure(metric: Metric, name: str, limit: int) -> Figure:
    words = said(label(name), limit) or "-"
    return Figure(
        words[:1].upper() + words[1:], said(shown(metric.name, metric.value), limit), said(metric.name, limit)
    )
