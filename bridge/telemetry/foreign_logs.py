"""What libraries log through the standard library's `logging`: lines of the bridge's own log, of the same shape.

Without a handler, Python prints warnings to stderr as plain text with a traceback, and waits for whoever reads it. trio
does so ten times a second while the process has no file descriptor left.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bridge.telemetry.escape import escape
from bridge.telemetry.log import format_traceback
from bridge.telemetry.log_limits import LogLimiter
from reports.redaction import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bridge.telemetry.log import Log

#: Lower levels than warnings are for a library's authors, and may hold what a client said.
_MIN_LEVEL = logging.WARNING


class ForeignLogHandler(logging.Handler):
    """Writes each record as a line `library.log`, one per logger and 10 seconds at most."""

    def __init__(self, log: Log, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is a monotonic clock in seconds."""
        super().__init__(_MIN_LEVEL)
        self._log, self._now = log, now
        self._limiter = LogLimiter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; everything that looks like a credential is hidden. Never raises."""
        left_out = self._limiter.offer("library.log", {}, self._now(), kind=record.name)
        if left_out is None:
            return
        level = "error" if record.levelno >= logging.ERROR else "warning"
        fields: dict[str, Any] = {"logger": record.name, **left_out.as_fields()}
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = hide_credentials(format_traceback(record.exc_info[1]))
        self._log.write(level, "library.log", escape(hide_credentials(_message(record))), **fields)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - the library's format doesn't fit its arguments, whose text may raise anything
        return str(record.msg)


@contextmanager
def foreign_logs_to(log: Log) -> Iterator[None]:
    """Write what libraries log to `log` for as long as the block lasts, and nowhere else unless they have handlers."""
    root, handler = logging.getLogger(), ForeignLogHandler(log)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
