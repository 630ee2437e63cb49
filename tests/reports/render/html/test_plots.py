"""Plots: spikes survive downsampling, non-finite values are left out, and the SVG contains only the picture."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from importlib import metadata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.model import Moment, Series, Timeline
from reports.render.html.limits import LEVELS
from reports.render.html.plots import Plot, PlotRange, downsample, plot, plots

WIDE = LEVELS[0]


def series(*points: tuple[float, float], unit: str = "ms", timeline: str = "t") -> Series:
    return Series(name="gap", unit=unit, timeline=timeline, points=points)


def drawn(*points: tuple[float, float], unit: str = "ms") -> Plot:
    return plot((series(*points, unit=unit),), WIDE, PlotRange(0, 4))


def tree(found: Plot) -> ET.Element:
    return ET.fromstring(found.picture)  # noqa: S314 - our own picture


def lines(found: Plot) -> list[str]:
    root = tree(found)
    return [
        path.get("d", "")
        for group in root.iter("g")
        if "series" in group.get("class", "").split()
        for path in group.iter("path")
    ]


def roles(found: Plot) -> list[str]:
    """Return the roles of the drawn elements in order; a line and its dots count once."""
    classes = [group.get("class", "").split() for group in tree(found).iter("g")]
    return list(dict.fromkeys(words[1] for words in classes if words[:1] == ["series"]))


def words(found: Plot) -> list[str]:
    return [text.text or "" for text in tree(found).iter("text") if "words" in text.get("class", "")]


def load(*moments: tuple[float, str, str], end: float = 10.0) -> Timeline:
    whole = (Moment(at=0, who="load", what="begin"), *(Moment(at=at, who="load", what=what, detail=detail)
             for at, what, detail in moments), Moment(at=end, who="load", what="end"))  # fmt: skip
    return Timeline("load", whole)


def test_a_plot_is_a_line_its_median_and_a_summary_in_words() -> None:
    found = drawn((0, 10), (1, 30), (2, 20), (4, 90))
    assert found.lines[0].summary == "4 points: lowest 10, median 25 (dashed), highest 90 ms"
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
    late, early = plots([series((5, 1), (6, 2)), series((1, 1), (2, 2))], (), WIDE).shown
    labels = [{text.text for text in tree(one).iter("text")} for one in (late, early)]
    assert "6 s" in labels[0] & labels[1]


def together(*names: str, unit: str = "ms") -> list[Series]:
    return [
        Series(name=f"audio, {name}", unit=unit, timeline="load", points=((0, n), (10, n + 5)), plot="audio")
        for n, name in enumerate(names)
    ]


def test_series_that_name_the_same_plot_share_a_picture() -> None:
    (found,) = plots(together("p50", "p99"), (), WIDE).shown
    assert found.name == "audio"
    assert [line.name for line in found.lines] == ["p50", "p99"]
    assert found.lines[1].summary == "2 points: lowest 1, median 3.5, highest 6 ms"
    assert roles(found) == ["line-1", "line-2"]


def test_what_is_counted_in_another_unit_has_a_picture_of_its_own() -> None:
    assert len(plots([*together("p50"), *together("cpu", unit="%")], (), WIDE).shown) == 2
    assert len(plots([series((1, 1)), series((1, 1))], (), WIDE).shown) == 2


def test_lines_beyond_what_can_be_distinguished_are_counted() -> None:
    (found,) = plots(together(*"abcdefgh"), (), WIDE).shown
    assert (len(found.lines), found.left_out) == (WIDE.lines, 8 - WIDE.lines)


def test_what_was_done_to_a_run_stands_on_the_time_axis_of_its_plots() -> None:
    run = load((2.5, "storm", "all sockets cut"), (7, "deploy", "drained"), (9, "deploy", "is up again"))
    (found,) = plots(together("p50"), [run], WIDE).shown
    assert words(found) == ["storm", "deploy", "is up again"]
    assert roles(found) == ["mark", "median", "line-1"]
    xs = [float(line.partition(" ")[0].lstrip("M")) for line in lines(found)[:3]]
    assert xs == sorted(xs)
    assert (xs[1] - xs[0]) / (xs[2] - xs[1]) == pytest.approx(4.5 / 2, rel=0.02)


def test_words_of_marks_that_stand_close_together_do_not_touch() -> None:
    run = load((5.0, "first of them", ""), (5.1, "second of them", ""), (9.9, "at the very end of it", ""))
    (found,) = plots(together("p50"), [run], WIDE).shown
    first, second, third = (t for t in tree(found).iter("text") if "words" in t.get("class", ""))
    assert first.get("y") != second.get("y")
    assert "left" in (third.get("class") or ""), "there is no room to the right of it"
    highest = min(float(line.split()[1]) for line in lines(found))
    assert all(float(text.get("y", 0)) < highest for text in (first, second, third)), "they stand above the lines"


def test_sessions_and_plots_over_something_else_have_no_marks() -> None:
    session = Timeline("load", (*load((2, "storm", "")).moments, Moment(at=3, who="client", what="session.update")))
    (found,) = plots(together("p50"), [session], WIDE).shown
    assert words(found) == []
    across = [replace(one, across="callers") for one in together("p50")]
    (found,) = plots(across, [load((2, "storm", ""))], WIDE).shown
    assert (words(found), found.name) == ([], "audio, by callers")


def test_a_line_is_broken_where_a_point_is_missing_that_should_be_there() -> None:
    points = tuple((float(at), 1.0 + at) for at in (*range(5), *range(9, 14)))
    (whole,) = plots([Series(name="a", unit="ms", timeline="t", points=points)], (), WIDE).shown
    (broken,) = plots([Series(name="a", unit="ms", timeline="t", points=points, every=1.0)], (), WIDE).shown
    assert [line.count("M") for line in (lines(whole)[1], "".join(lines(broken)[1:]))] == [1, 2]


def test_a_line_that_was_thinned_out_is_broken_only_where_it_was_before() -> None:
    points = tuple((float(at), float(at % 7)) for at in (*range(3000), *range(4000, 7000)))
    (found,) = plots([Series(name="a", unit="ms", timeline="t", points=points, every=1.0)], (), WIDE).shown
    assert "".join(lines(found)[1:]).count("M") == 2


def test_what_is_no_number_is_left_out() -> None:
    assert drawn((0, math.nan), (math.inf, 1), (1, 1e300), (1, 7)).lines[0].summary.startswith("1 point: lowest 7")


def test_a_series_without_points_is_a_sentence() -> None:
    found = drawn()
    assert (found.picture, found.lines[0].summary) == ("", "No points.")


def test_numbers_next_to_nothing_are_nothing() -> None:
    assert drawn((0, 5e-324), (5e-324, 0)).lines[0].summary == "2 points: lowest 0, median 0 (dashed), highest 0 ms"


def test_a_unit_is_text() -> None:
    assert "<b>" not in drawn((0, 1), (1, 2), unit="<b>").picture


def test_a_single_spike_among_thousands_is_kept() -> None:
    points = [(float(n), 900.0 if n == 7777 else n % 3 / 3) for n in range(10_000)]
    kept = downsample(points, 100)
    assert (7777.0, 900.0) in kept
    assert len(kept) <= 100


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(-1e3, 1e3)), max_size=60), st.integers(2, 20))
def test_downsampling_keeps_order_lowest_and_highest(points: list[tuple[float, float]], limit: int) -> None:
    points.sort()
    kept = downsample(points, limit)
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
    (found,) = plots([series(*points)], (), WIDE).shown
    if found.picture:
        tree(found)
    assert "nan" not in found.picture
