"""Sequence diagrams: arrows, streams, silence, and a cut in the middle if they are too long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.model import FROM_UPSTREAM, TO_CLIENT, TO_UPSTREAM, Moment, Timeline
from reports.render.html.limits import LEVELS
from reports.render.html.timelines import SequenceDiagram, sequence_diagrams

WIDE = LEVELS[0]


def moment(at: float, what: str, who: str = "server", **more: object) -> Moment:
    return Moment(at=at, who=who, what=what, **more)  # type: ignore[arg-type] # any field


def drawn(*moments: Moment, rows: int = 400) -> SequenceDiagram:
    (diagram,) = sequence_diagrams([Timeline("events: text", moments)], replace(WIDE, moments=rows)).shown
    return diagram


def test_an_arrow_starts_at_its_sender_and_the_tool_s_own_entries_are_remarks() -> None:
    diagram = drawn(moment(0, "a", "client"), moment(0.5, "b"), moment(0.6, "hm", "sherpa-probe"))
    assert diagram.events == 2
    assert [(row.kind, row.at, row.what) for row in diagram.first_rows] == [
        ("client", "0.000", "a"),
        ("server", "0.500", "b"),
        ("remark", "0.600", "hm"),
    ]


def test_a_stream_is_one_arrow_with_its_count_and_its_time() -> None:
    diagram = drawn(*(moment(n * 0.1, "audio.delta") for n in range(20)))
    (row,) = diagram.first_rows
    assert row.stream == "×20 in 1.90 s"  # noqa: RUF001 - the sign for times
    assert (diagram.events, diagram.duration) == (20, "1.90 s")


def test_a_second_of_silence_is_a_row_and_a_stream_s_own_time_is_none() -> None:
    diagram = drawn(moment(0, "x.delta"), moment(3, "x.delta"), moment(3.5, "a"), moment(4.5, "b"), moment(9, "c"))
    assert [row.what for row in diagram.first_rows] == [
        "x.delta",
        "a",
        "1.00 s without an event",
        "b",
        "4.50 s without an event",
        "c",
    ]


@pytest.mark.parametrize(("what", "wrong"), [("error", True), ("response.failed", True), ("response.done", False)])
def test_events_that_report_a_failure_stand_out(what: str, wrong: bool) -> None:
    assert drawn(moment(0, what)).first_rows[0].is_error is wrong


def test_of_too_many_rows_the_beginning_and_the_end_are_shown() -> None:
    diagram = drawn(*(moment(n * 0.01, f"e{n}") for n in range(1000)), rows=10)
    assert [row.what for row in diagram.first_rows] == ["e0", "e1", "e2", "e3", "e4", "e5"]
    assert [row.what for row in diagram.last_rows] == ["e996", "e997", "e998", "e999"]
    assert diagram.left_out == 990
    assert diagram.events == 1000


def test_a_session_without_moments_is_a_diagram_without_rows() -> None:
    assert drawn().first_rows == ()


def test_a_bridge_in_the_middle_has_arrows_on_both_of_its_sides() -> None:
    senders = ("client", TO_UPSTREAM, FROM_UPSTREAM, TO_CLIENT, "suite")
    moments = tuple(Moment(at=number, who=who, what=f"event {number}") for number, who in enumerate(senders))
    (diagram,) = sequence_diagrams([Timeline("A-01", moments)], LEVELS[0]).shown
    rows = [row for row in diagram.first_rows if row.kind != "pause"]
    assert diagram.ends == ("client", "bridge", "upstream")
    assert diagram.events == 4
    assert [(row.kind, row.half, row.direction) for row in rows] == [
        ("client", "left", "client to bridge"),
        ("client", "right", "bridge to upstream"),
        ("server", "right", "upstream to bridge"),
        ("server", "left", "bridge to client"),
        ("remark", "", ""),
    ]
