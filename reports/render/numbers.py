"""Formats measurements for people: a label without the unit, a value with the unit that reads best.

The unit is the last word of a metric's name (`events_first_audio_seconds`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reports.model import ReportMetric

#: Larger numbers are not written out digit by digit.
_HUGE = 1e15


@dataclass(frozen=True, slots=True)
class FormattedMetric:
    """A metric as it is shown."""

    label: str
    value: str


def format_metric(metric: ReportMetric) -> FormattedMetric:
    """Split a metric into a label without the unit and a value with the unit that reads best."""
    return FormattedMetric(metric_label(metric.name), format_value(metric.name, metric.value))


def metric_label(name: str) -> str:
    """Return what a metric measures, without its unit."""
    parts = name.split("_")
    has_unit = len(parts) > 1 and parts[-1] in _UNITS
    return " ".join(parts[:-1] if has_unit else parts).strip() or name


def format_value(name: str, value: float) -> str:
    """Format a metric's value; `-` if it is not a finite number."""
    if not math.isfinite(value):
        return "-"
    return _UNITS.get(name.rpartition("_")[2], format_number)(value)


def format_duration(seconds: float) -> str:
    """Format seconds: `0.4 ms`, `188 ms`, `1.24 s`, `12.3 s`, `4 min 5 s`; `-` if they are not a finite number."""
    if not math.isfinite(seconds):
        return "-"
    size = abs(seconds)
    for border, scale, form in _DURATIONS:
        if size < border:
            return form.format(seconds * scale)
    minutes, rest = divmod(round(seconds), 60)
    return f"{format_number(minutes)} min {rest} s"


def format_number(value: float) -> str:
    """Format a number with three significant digits, or as an integer: `23`, `0.042`, `50,000`."""
    if value == int(value) and abs(value) < _HUGE:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1000 <= abs(value) < _HUGE else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough


def format_bytes(octets: float) -> str:
    """Format bytes: `512 B`, `4.1 kB`, `60.8 MB`."""
    for border, scale, unit in _SIZES:
        if abs(octets) < border:
            return f"{format_number(float(f'{octets / scale:.3g}'))} {unit}"
    return f"{format_number(octets / 1e9)} GB"


def format_cell(column: str, value: float | str | None) -> str:
    """Format a table cell; empty if nothing was measured."""
    if value is None:
        return ""
    return value if isinstance(value, str) else format_value(column, value)


#: Upper limit in bytes -> divisor and unit.
_SIZES = ((999.5, 1, "B"), (999.5e3, 1e3, "kB"), (999.5e6, 1e6, "MB"))
#: Upper limit in seconds -> factor and format.
_DURATIONS = (
    (0.0005, 1000, "{:.2g} ms"),
    (0.00995, 1000, "{:.1f} ms"),
    (0.9995, 1000, "{:.0f} ms"),
    (9.995, 1, "{:.2f} s"),
    (59.95, 1, "{:.1f} s"),
)

#: Last word of a metric's name -> how to format its value.
_UNITS: Mapping[str, Callable[[float], str]] = {
    "seconds": format_duration,
    "ms": lambda value: format_duration(value / 1000),
    "percent": lambda value: f"{format_number(value)} %",
    "ratio": lambda value: f"{format_number(value * 100)} %",
    "bytes": format_bytes,
    "days": lambda value: f"{format_number(value)} d",
    "usd": lambda value: f"${format_number(value)}",
    "total": format_number,
}
