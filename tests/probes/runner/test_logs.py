"""Log messages of libraries are hidden, or shown without secrets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from probes.runner.logs import redirect_logs
from probes.runner.redaction import Secrets
from reports.redaction import Secret

if TYPE_CHECKING:
    import pytest

KEY = "sk-proj-0123456789abcdefghijKLMN"


def complain_loudly() -> None:
    try:
        int(f"with {KEY}")
    except ValueError:
        logging.getLogger("some.library").exception("failed with %s", KEY)


def test_nothing_is_shown_as_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    with redirect_logs(Secrets(), show=False):
        complain_loudly()
    assert capsys.readouterr().err == ""


def test_everything_is_shown_when_asked_for_but_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    with redirect_logs(Secrets([Secret(KEY)]), show=True):
        complain_loudly()
        logging.getLogger("some.library").info("a word")
    shown = capsys.readouterr().err
    assert "failed with sk-…KLMN" in shown
    assert "'with sk-…KLMN'" in shown
    assert "INFO some.library: a word" in shown
    assert KEY not in shown


def test_a_rest_call_is_one_short_line(capsys: pytest.CaptureFixture[str]) -> None:
    with redirect_logs(Secrets(), show=True):
        args = ("GET", "http://h/v1/models", "HTTP/1.1", 200, "OK")
        logging.getLogger("httpx").info('HTTP Request: %s %s "%s %d %s"', *args)
    assert capsys.readouterr().err == "GET http://h/v1/models -> 200 OK\n"


def test_what_a_server_puts_into_its_status_line_does_not_move_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with redirect_logs(Secrets(), show=True):
        args = ("GET", "http://h/v1/models", "HTTP/1.1", 401, "\x1b[31mNo")
        logging.getLogger("httpx").info('HTTP Request: %s %s "%s %d %s"', *args)
        logging.getLogger("some.library").info("two\nlines\x07")
    assert capsys.readouterr().err == (
        "GET http://h/v1/models -> 401 \\x1b[31mNo\nINFO some.library: two\nlines\\x07\n"
    )


def test_afterwards_everything_is_as_before() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with redirect_logs(Secrets(), show=True):
        assert root.handlers != before[1]
    assert (root.level, root.handlers) == before
