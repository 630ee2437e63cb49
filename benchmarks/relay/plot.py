"""Draws the CPU time of a round trip as a bar chart, in one SVG file. It uses pygal, as the reports do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.relay.relays import RELAYS
from benchmarks.relay.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The loads that are drawn, one series of bars each.
_DRAWN = ("flat-out", "speech")
_WIDTH, _BAR, _FRAME = 760, 44, 120


def draw(cpu_us: Mapping[tuple[str, str], float], title: str) -> bytes:
    """Return the chart: one group of bars for each relay, one bar for each load that it was measured with."""
    import pygal  # noqa: PLC0415 - here, so that what it does to the import system can be undone
    from pygal.style import Style  # noqa: PLC0415

    # pygal adds an import finder, about which Python 3.11 warns at every failed import.
    sys.meta_path[:] = [one for one in sys.meta_path if not type(one).__module__.startswith("pygal")]
    relays = list(dict.fromkeys(relay for scenario, relay in cpu_us if scenario in _DRAWN))[::-1]
    chart = pygal.HorizontalBar(
        width=_WIDTH,
        height=_FRAME + _BAR * max(1, len(relays)),
        title=title,
        js=(),
        print_values=True,
        value_formatter=lambda value: "" if value is None else f"{value:.0f} us",
        x_title="CPU time of a round trip; shorter is better",
        legend_at_bottom=True,
        include_x_axis=True,
        style=Style(
            background="#ffffff",
            plot_background="#ffffff",
            colors=("#1f6feb", "#d29922"),
            font_family="sans-serif",
            title_font_size=14,
            label_font_size=12,
            legend_font_size=12,
            value_font_size=11,
        ),
    )
    chart.x_labels = [RELAYS[relay].title for relay in relays]
    for scenario in _DRAWN:
        chart.add(SCENARIOS[scenario].title, [cpu_us.get((scenario, relay)) for relay in relays])
    return bytes(chart.render())
