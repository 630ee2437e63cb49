"""Colour only where it is wanted, text for any terminal, and silence after a closed pipe."""

from __future__ import annotations

import errno
import io
import os
import termios

import pytest

from reports.console import OutputError, print_error, terminal_width, wants_colour, write_text


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
    write_text(stream, "sk-…w3Qd\n")
    assert raw.getvalue() == b"sk-?w3Qd\n"


def test_a_reader_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        write_text(stream, "nobody reads this\n")
        write_text(stream, "nor this\n")
        assert stream.closed is False


def test_an_error_is_one_line_and_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("sherpa-probe access", "no key\x1b[31m", "sherpa-probe access --help")
    assert capsys.readouterr() == ("", "sherpa-probe access: no key\\x1b[31m\n  sherpa-probe access --help\n")


def test_an_error_is_wrapped_to_the_page_and_breaks_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    address = "https://a-very-long-name.example.com/with/a/path/v1"
    print_error("sherpa-probe access", f"--base-url: nobody {'really ' * 20}knows {address}", "", {"COLUMNS": "40"})
    lines = capsys.readouterr().err.splitlines()
    assert f"  {address}" in lines
    assert max(len(line) for line in lines if address not in line) <= 40


def test_each_line_of_a_message_starts_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("sherpa-probe config", "[probe]: unknown setting 'a'\n[probe]: unknown setting 'b'", "")
    assert capsys.readouterr().err.splitlines() == [
        "sherpa-probe config: [probe]: unknown setting 'a'",
        "  [probe]: unknown setting 'b'",
    ]


@pytest.mark.parametrize(
    ("environment", "width"), [({}, 80), ({"COLUMNS": "60"}, 60), ({"COLUMNS": "9"}, 40), ({"COLUMNS": "wide"}, 80)]
)
def test_a_page_is_as_wide_as_its_terminal_and_80_where_nobody_knows(environment: dict[str, str], width: int) -> None:
    assert terminal_width(io.StringIO(), environment) == terminal_width(None, environment) == width


def test_a_real_terminal_is_asked_for_its_width() -> None:
    keeper, terminal = os.openpty()
    try:
        termios.tcsetwinsize(terminal, (24, 57))
        with os.fdopen(terminal, "w") as stream:
            assert terminal_width(stream, {}) == 57
    finally:
        os.close(keeper)


def test_a_stream_that_is_closed_or_full_is_reported() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match="stdout is closed"):
        write_text(None, "x")
    with pytest.raises(OutputError, match="no space left on device"):
        write_text(Full(), "x")
