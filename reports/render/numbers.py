"""Measured figures for people: a label without the unit, a value in the unit that reads best.

A metric's name ends in its unit (`events_first_audio_seconds`); that is all that is known about it here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reports.model import ReportMetric

#: From here on digits say nothing.
_HUGE = 1e15


@dataclass(frozen=True, slots=True)
class FormattedMetric:
    """A metric as it is shown."""

    label: str
    value: str


def format_metric(metric: ReportMetric) -> FormattedMetric:
    """Write a metric for people."""
    return FormattedMetric(metric_label(metric.name), format_value(metric.name, metric.value))


def metric_label(name: str) -> str:
    """Say what a metric measures, without its unit."""
    words = name.split("_")
    known = len(words) > 1 and words[-1] in _UNITS
    return " ".join(words[:-1] if known else words).strip() or name


def format_value(name: str, value: float) -> str:
    """Write a metric's value; `-` where it is no number."""
    if not math.isfinite(value):
        return "-"
    return _UNITS.get(name.rpartition("_")[2], format_number)(value)


def format_duration(seconds: float) -> str:
    """Write a duration in seconds: `0.4 ms`, `188 ms`, `1.24 s`, `12.3 s`, `4 min 5 s`; `-` for what is none."""
    if not math.isfinite(seconds):
        return "-"
    size = abs(seconds)
    for border, scale, form in _DURATIONS:
        if size < border:
            return form.format(seconds * scale)
    minutes, rest = divmod(round(seconds), 60)
    return f"{format_number(minutes)} min {rest} s"


def format_number(value: float) -> str:
    """Write a number with as many digits as are worth reading: `23`, `0.042`, `50,000`."""
    if value == int(value) and abs(value) < _HUGE:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < _HUGE else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough


def format_bytes(octets: float) -> str:
    """Write a number of bytes: `512 B`, `4.1 kB`, `60.8 MB`."""
    for border, scale, unit in _SIZES:
        if abs(octets) < border:
            return f"{format_number(float(f'{octets / scale:.3g}'))} {unit}"
    return f"{format_number(octets / 1e9)} GB"


def format_cell(column: str, value: float | str | None) -> str:
    """Write what stands in a column of a table; nothing where nothing was measured."""
    if value is None:
        return ""
    return value if isinstance(value, str) else format_value(column, value)


#: Smaller than this many bytes -> divisor and unit.
_SIZES = ((999.5, 1, "B"), (999.5e3, 1e3, "kB"), (999.5e6, 1e6, "MB"))
#: Shorter than this many seconds -> factor and form.
_DURATIONS = (
    (0.0005, 1000, "{:.2g} ms"),
    (0.00995, 1000, "{:.1f} ms"),
    (0.9995, 1000, "{:.0f} ms"),
    (9.995, 1, "{:.2f} s"),
    (59.95, 1, "{:.1f} s"),
)

#: What a name ends in -> how its value is written.
_UNITS: Mapping[str, Callable[[float], str]] = {
    "seconds": format_duration,
    "ms": lambda value: format_duration(value / 1000),
    "percent": lambda value: f"{format_number(value)} %",
    "ratio": lambda value: f"{format_number(value * 100)} %",
    "bytes": format_bytes,
    "days": lambda value: f"{format_number(value)} d",
    "total": format_number,
}
