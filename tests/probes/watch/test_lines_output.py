"""Lines are flushed one by one; a reader that closes the pipe ends the watch, and a full disk is reported."""

from __future__ import annotations

import os
from io import TextIOWrapper

import pytest

from probes.watch.lines import OutputClosedError, line_writer
from reports.console import OutputError


def test_a_line_is_out_before_the_next_is_written() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        line_writer(stream)("one")
        assert os.read(read, 100) == b"one\n"
    os.close(read)


def test_a_closed_pipe_is_reported_and_python_s_own_last_flush_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream, pytest.raises(OutputClosedError):
        line_writer(stream)("one")


def test_a_full_disk_is_reported() -> None:
    with open("/dev/full", "w", encoding="utf-8") as stream, pytest.raises(OutputError, match="no space left"):  # noqa: PTH123 - a device
        line_writer(stream)("one")


def test_a_closed_stdout_is_reported() -> None:
    with pytest.raises(OutputError, match="stdout is closed"):
        line_writer(None)("one")


def test_what_the_encoding_lacks_is_written_as_a_question_mark() -> None:
    read, write = os.pipe()
    with TextIOWrapper(os.fdopen(write, "wb"), encoding="ascii") as stream:
        line_writer(stream)("sk-…1 ok")
    assert os.read(read, 100) == b"sk-?1 ok\n"
    os.close(read)
