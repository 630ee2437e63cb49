"""Libraries log lines of the bridge's shape: redacted, escaped, and not without end."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from bridge.telemetry.foreign_logs import ForeignLogHandler, foreign_logs_to
from bridge.telemetry.log import Log
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = Secret("a-token-for-the-tests-0123456789")
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def text() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def library(text: io.StringIO, clock: Clock) -> Iterator[logging.Logger]:
    """A logger whose records reach the handler."""
    handler, logger = ForeignLogHandler(Log(text, secrets=[SECRET]), clock), logging.getLogger("some.library")
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def lines(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def test_a_record_becomes_a_line_of_the_usual_shape(library: logging.Logger, text: io.StringIO) -> None:
    library.warning("slow by %d ms\nagain", 20)
    [line] = lines(text)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "warning",
        "message": "slow by 20 ms\\nagain",
        "event": "library.log",
        "category": "realtime",
        "source": "openai",
        "logger": "some.library",
    }


def test_an_exception_comes_with_its_traceback_in_the_same_line(library: logging.Logger, text: io.StringIO) -> None:
    library.error("accept failed", exc_info=OSError(24, "Too many open files"))
    [line] = lines(text)
    assert line["level"] == "error"
    assert line["traceback"][-1] == "OSError: [Errno 24] Too many open files"


def test_no_credential_is_shown(library: logging.Logger, text: io.StringIO) -> None:
    error = ValueError(f"{KEY} and {SECRET.reveal()}")
    library.error("failed with %s and %s", KEY, SECRET.reveal(), exc_info=error)
    assert KEY not in text.getvalue()
    assert SECRET.reveal() not in text.getvalue()
    assert len(lines(text)) == 1


def test_a_logger_that_repeats_itself_is_counted(library: logging.Logger, text: io.StringIO, clock: Clock) -> None:
    for number in range(101):
        clock.now = number * 0.1
        library.error("accept failed")
    assert [line.get("count") for line in lines(text)] == [None, 99]


def test_a_message_that_does_not_fit_its_arguments_raises_nothing(text: io.StringIO) -> None:
    record = logging.LogRecord("some.library", logging.WARNING, "file", 1, "%d of %d", ("x",), None)
    ForeignLogHandler(Log(text)).handle(record)  # directly, for pytest's own handler does raise
    assert lines(text)[0]["message"] == "%d of %d"


def test_what_libraries_tell_their_authors_is_not_logged(library: logging.Logger, text: io.StringIO) -> None:
    library.setLevel(logging.DEBUG)
    library.info("a client said something")
    assert not text.getvalue()


def test_every_library_is_heard_while_the_block_lasts(text: io.StringIO) -> None:
    with foreign_logs_to(Log(text)):
        logging.getLogger("another.library").warning("within")
    logging.getLogger("another.library").warning("after")
    assert [line["message"] for line in lines(text)] == ["within"]
