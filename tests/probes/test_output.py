"""Colour only where it is wanted, text that any terminal can show, and quiet where nobody reads any more."""

from __future__ import annotations

import io
import os

import pytest

from probes.output import complain, progress, wants_colour, write


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(environment: dict[str, str], colour: bool) -> None:
    assert wants_colour(Terminal(), environment) is colour
    assert wants_colour(io.StringIO(), environment) is False


def test_what_the_stream_can_not_write_becomes_a_question_mark() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    write(stream, "sk-…w3Qd\n")
    assert raw.getvalue() == b"sk-?w3Qd\n"


def test_a_reader_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        write(stream, "nobody reads this\n")
        write(stream, "nor this\n")
        assert stream.closed is False


def test_a_complaint_is_one_line_and_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    complain("sherpa-probe access", "no key\x1b[31m", "sherpa-probe access --help")
    assert capsys.readouterr() == ("", "sherpa-probe access: no key\\x1b[31m\n  sherpa-probe access --help\n")


def test_there_is_no_progress_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress({}) as doing:
        doing("key")
    assert capsys.readouterr() == ("", "")
