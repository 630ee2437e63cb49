from __future__ import annotations

from dataclasses import replace

import pytest

from reports.model import Moment, Timeline
from reports.render.terminal.timeline import draw_timeline, fold_moments, moment_line
from reports.render.terminal_text import display_width


def moment(at: float, what: str, detail: str = "", who: str = "server") -> Moment:
    return Moment(at=at, who=who, what=what, detail=detail)


def test_a_stream_of_deltas_becomes_one_line_with_its_count_and_its_time() -> None:
    folded = fold_moments([moment(1.0, "a.delta", "I "), moment(1.1, "a.delta", "am "), moment(1.5, "a.delta", "here")])
    assert folded == [Moment(at=1.0, who="server", what="a.delta", detail="I am here", count=3, until=1.5)]


def test_streams_that_run_side_by_side_get_a_line_each() -> None:
    folded = fold_moments([moment(index / 10, name) for index, name in enumerate(["a.delta", "b.delta"] * 5)])
    assert [(one.what, one.count) for one in folded] == [("a.delta", 5), ("b.delta", 5)]


def test_another_event_between_them_starts_new_lines() -> None:
    folded = fold_moments([moment(0, "a.delta"), moment(1, "response.done"), moment(2, "a.delta")])
    assert [one.what for one in folded] == ["a.delta", "response.done", "a.delta"]


def test_the_same_event_of_the_other_side_is_another_stream() -> None:
    folded = fold_moments([moment(0, "x.append", who="client"), moment(1, "x.append", who="server")])
    assert [one.count for one in folded] == [1, 1]


def test_events_that_are_no_streams_are_never_folded() -> None:
    assert len(fold_moments([moment(0, "error"), moment(1, "error")])) == 2


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = Moment(
        at=1234.5678,
        who="server",
        what="conversation.item.input_audio_transcription.completed",
        detail="word " * 50,
        count=250,
        until=1300.0,
    )
    drawn = moment_line(long, width).plain
    assert len(drawn) <= max(width, 90)
    assert "conversation.item.input_audio_transcription.completed" in drawn
    assert "\n" not in moment_line(moment(0, "error", "two\nlines\x1b[31m"), width).plain


def test_a_line_shows_time_direction_event_and_detail() -> None:
    drawn = moment_line(moment(0.5, "response.done", "completed"), 80).plain
    assert drawn.split() == ["0.500", "s", "<-", "response.done", "completed"]
    assert "->" in moment_line(moment(0.5, "session.update", who="client"), 80).plain


def test_a_timeline_is_drawn_under_its_name_and_folded() -> None:
    moments = (moment(0.1, "session.created"), *(moment(0.2 + n / 10, "response.text.delta") for n in range(9)))
    page = [text.plain for text in draw_timeline(Timeline("events: text", moments), 80)]
    assert page == [
        "events: text",
        "   0.100 s  <- session.created",
        "   0.200 s  <- response.text.delta x9 in 800 ms",
    ]


def test_a_streams_content_is_separated_from_its_duration() -> None:
    sent = moment(0.1, "input_audio_buffer.append", "140 ms of audio", who="client")
    many = replace(sent, count=7, until=0.22)
    assert moment_line(many, 80, 26).plain.endswith(" x7 in 120 ms, 140 ms of audio")
    for width in range(40, 90):
        assert len(moment_line(many, width, 26).plain) <= max(width, 55)
        assert not moment_line(many, width, 26).plain.endswith(",")


def test_a_timeline_in_which_nothing_happened_says_so() -> None:
    assert [text.plain for text in draw_timeline(Timeline("bridge"))] == ["bridge", "  nothing"]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_wide_details_and_endless_names_stay_within_the_page(width: int) -> None:
    wide = moment(0, "session.created", "東京" * 50)
    assert display_width(moment_line(wide, width).plain) <= width
    assert display_width(moment_line(moment(0, "x" * 500), 80).plain) <= 80
