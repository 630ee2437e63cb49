"""Handles the log messages of libraries while a probe runs: hidden by default, redacted and on stderr with `-v`.

Without a handler, Python itself prints warnings of libraries to stderr, with tracebacks.
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


#: The arguments of httpx's log message: method, URL, HTTP version, status, reason.
_HTTPX_ARGUMENTS = 5


class _RedactingFormatter(logging.Formatter):
    """Formats a record and its traceback, and removes the secrets that are known by then."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        lines = self._secrets.redact(_http_call(record) or super().format(record)).splitlines()
        return "\n".join(
            map(escape_invisible, lines)
        )  # a server chooses its own reason phrase: it must not control the terminal


def _http_call(record: logging.LogRecord) -> str:
    """Format httpx's message about a call briefly; empty for any other record."""
    if record.name != "httpx" or not isinstance(record.args, tuple) or len(record.args) != _HTTPX_ARGUMENTS:
        return ""
    method, url, _, status, reason = record.args
    return f"{method} {url} -> {status} {reason}".rstrip()


@contextmanager
def redirect_logs(secrets: Secrets, *, show: bool) -> Iterator[None]:
    """Handle all log messages in the block: redacted to stderr if `show`, else not at all."""
    root = logging.getLogger()
    handler: logging.Handler = logging.StreamHandler() if show and sys.stderr else logging.NullHandler()
    handler.setFormatter(_RedactingFormatter(secrets))
    before = root.level
    root.addHandler(handler)
    if show:
        root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
