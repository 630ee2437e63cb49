"""What libraries log while a probe runs: nothing is shown, and with `-v` everything, looked over for secrets.

Without this, Python itself would print warnings of a library to stderr, traceback and all.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reports.render.terminal_text import escape_invisible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.runner.redaction import Secrets


#: What httpx hands over with its line: method, URL, HTTP version, status, reason.
_OF_A_CALL = 5


class _Hiding(logging.Formatter):
    """Write a line (and the traceback with it) without the secrets that are known by then."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        lines = self._secrets.redact(_call(record) or super().format(record)).splitlines()
        return "\n".join(
            map(escape_invisible, lines)
        )  # a server words its own status line: nothing of it moves the terminal


def _call(record: logging.LogRecord) -> str:
    """Write a REST call in as few words as it needs; empty for any other line."""
    if record.name != "httpx" or not isinstance(record.args, tuple) or len(record.args) != _OF_A_CALL:
        return ""
    method, url, _, status, reason = record.args
    return f"{method} {url} -> {status} {reason}".rstrip()


@contextmanager
def redirect_logs(secrets: Secrets, *, show: bool) -> Iterator[None]:
    """Take all log lines for the length of the block: to stderr when they are to be shown, else nowhere."""
    root = logging.getLogger()
    handler: logging.Handler = logging.StreamHandler() if show and sys.stderr else logging.NullHandler()
    handler.setFormatter(_Hiding(secrets))
    before = root.level
    root.addHandler(handler)
    if show:
        root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
