"""Plots: spikes survive thinning, what is no number is left out, nothing but a picture comes out."""

from __future__ import annotations

import math
import sys
from importlib import metadata
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from reports.html_limits import LEVELS
from reports.html_plots import Plot, plot, plots, thinned
from reports.model import Series

WIDE = LEVELS[0]


def series(*points: tuple[float, float], unit: str = "ms", timeline: str = "t") -> Series:
    return Series(name="gap", unit=unit, timeline=timeline, points=points)


def drawn(*points: tuple[float, float], unit: str = "ms") -> Plot:
    return plot(series(*points, unit=unit), WIDE, (0, 4))


def tree(found: Plot) -> ET.Element:
    return ET.fromstring(found.picture)  # noqa: S314 - our own picture


def lines(found: Plot) -> list[str]:
    root = tree(found)
    return [
        path.get("d", "")
        for group in root.iter("g")
        if "serie" in group.get("class", "")
        for path in group.iter("path")
    ]


def test_a_plot_is_a_line_its_median_and_a_summary_in_words() -> None:
    found = drawn((0, 10), (1, 30), (2, 20), (4, 90))
    assert found.summary == "4 points: lowest 10, median 25 (dashed), highest 90 ms"
    median, measured = lines(found)
    assert median.count(" L") == 1
    assert len(measured.split(" L")[1].split()) == 2 * 3


def test_zero_is_drawn_where_the_line_crosses_it() -> None:
    assert len(lines(drawn((0, -5), (1, 5)))) == 3
    assert len(lines(drawn((0, 0), (1, 5)))) == 2


def test_a_picture_holds_no_names_styles_or_scripts() -> None:
    root = tree(drawn((0, 1), (1, 2), (2, -3)))
    assert {node.tag for node in root.iter()} == {"svg", "g", "rect", "path", "text", "circle"}
    assert not [node for node in root.iter() if {"id", "style"} & set(node.keys())]


def test_plots_of_a_session_share_its_stretch_of_time() -> None:
    late, early = plots([series((5, 1), (6, 2)), series((1, 1), (2, 2))], WIDE).shown
    labels = [{text.text for text in tree(one).iter("text")} for one in (late, early)]
    assert "6 s" in labels[0] & labels[1]


def test_what_is_no_number_is_left_out() -> None:
    assert drawn((0, math.nan), (math.inf, 1), (1, 1e300), (1, 7)).summary.startswith("1 point: lowest 7")


def test_a_series_without_points_is_a_sentence() -> None:
    found = drawn()
    assert (found.picture, found.summary) == ("", "No points.")


def test_numbers_next_to_nothing_are_nothing() -> None:
    assert drawn((0, 5e-324), (5e-324, 0)).summary == "2 points: lowest 0, median 0 (dashed), highest 0 ms"


def test_a_unit_is_text() -> None:
    assert "<b>" not in drawn((0, 1), (1, 2), unit="<b>").picture


def test_a_single_spike_among_thousands_is_kept() -> None:
    points = [(float(n), 900.0 if n == 7777 else n % 3 / 3) for n in range(10_000)]
    kept = thinned(points, 100)
    assert (7777.0, 900.0) in kept
    assert len(kept) <= 100


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(-1e3, 1e3)), max_size=60), st.integers(2, 20))
def test_thinning_keeps_order_lowest_and_highest(points: list[tuple[float, float]], limit: int) -> None:
    points.sort()
    kept = thinned(points, limit)
    assert len(kept) <= limit or len(kept) == len(points)
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    if points:
        assert {min(y for _, y in points), max(y for _, y in points)} <= {y for _, y in kept}


def test_drawing_leaves_the_import_system_as_it_was() -> None:
    drawn((0, 1), (1, 2))
    assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("pygal")]
    assert metadata.version("pygal")  # whatever came with it, what is installed can still be found


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=6))
def test_any_points_can_be_drawn(points: list[tuple[float, float]]) -> None:
    (found,) = plots([series(*points)], WIDE).shown
    if found.picture:
        tree(found)
    assert "nan" not in found.picture
