"""Log lines, as JSON or as text for the console. Every line has a category and a source, never content or a key.

There is no global configuration, so two bridges in one process can log to different streams. Levels: debug, info,
warning, error. How lines reach the stream, and which are dropped if it doesn't take them, is in `log_writers.py`.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from bridge.telemetry.escape import escape, escape_all
from bridge.telemetry.log_writers import BackgroundWriter, ReadyWriter, StreamWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.telemetry.log_writers import LogWriter
    from reports.redaction import Secret

LEVELS = ("debug", "info", "warning", "error")

_RANKS = {level: rank for rank, level in enumerate(LEVELS)}
#: The most characters of a traceback in a log line.
_MAX_TRACEBACK = 6000
_MAX_TRACEBACK_LINE = 1000
#: Shorter secrets are not hidden: they are ordinary words (`test`), and replacing them would garble every line.
_SHORTEST_SECRET = 8


class LogFormat(StrEnum):
    """The format of log lines."""

    JSON = "json"
    CONSOLE = "console"


class Log:
    """Writes log lines to a stream. Writing never raises: a full disk must not end a conversation."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        log_format: LogFormat = LogFormat.JSON,
        level: str = "info",
        secrets: Iterable[Secret] = (),
    ) -> None:
        """Log to `stream` (default: standard error). `secrets` are hidden everywhere, even in an upstream's message."""
        self._stream = stream or sys.stderr or sys.stdout
        self._writer: LogWriter = StreamWriter(self._stream)
        self._secrets = [secret for secret in secrets if len(secret.reveal()) >= _SHORTEST_SECRET]
        self._min_rank = _RANKS[level]
        self._render = _json if log_format is LogFormat.JSON else _console

    def hide_also(self, secrets: Iterable[Secret]) -> None:
        """Hide these secrets, too, from now on."""
        known = {secret.reveal() for secret in self._secrets}
        fresh = [one for one in secrets if len(one.reveal()) >= _SHORTEST_SECRET and one.reveal() not in known]
        self._secrets = [*self._secrets, *fresh]

    def write(self, level: str, event: str, message: str, **fields: Any) -> None:
        """Write one line. `event` is a constant dotted name, `message` is for humans."""
        if _RANKS[level] < self._min_rank or self._stream is None:
            return
        try:
            text = self._rendered(level, event, message, fields)
        except ValueError:  # a name that has no UTF-8
            return
        self._writer.write(text)

    @property
    def dropped(self) -> int:
        """Lines that were dropped so far because the stream didn't take them."""
        return self._writer.dropped

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Write with a thread for as long as the block lasts, so that no line waits for the stream.

        At the end, waits a second at most for the last lines. Enter it after a fork. A stream that is no file, such as
        `StringIO`, is written to directly.
        """
        descriptor = self._descriptor()
        if descriptor is None:
            yield
            return
        writer, before = BackgroundWriter(descriptor, self._tell_dropped), self._writer
        writer.start()
        self._writer = writer
        try:
            yield
        finally:
            if writer.close():  # else nobody reads the stream, and to write to it directly would wait for ever
                self._writer = before

    def never_wait(self) -> None:
        """Drop each line that the stream doesn't take at once: for the parent of workers, which can't have a thread."""
        descriptor = self._descriptor()
        if descriptor is not None:
            self._writer = ReadyWriter(descriptor, self._tell_dropped)

    def _descriptor(self) -> int | None:
        try:
            return None if self._stream is None else self._stream.fileno()
        except (OSError, ValueError):
            return None

    def _tell_dropped(self, count: int) -> str:
        message = "Log lines were dropped: the log could not be written fast enough, or not at all"
        return self._rendered("warning", "log.dropped", message, {"count": count})

    def _rendered(self, level: str, event: str, message: str, fields: dict[str, Any]) -> str:
        line: dict[str, Any] = {
            "timestamp": f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
            "level": level,
            "message": message,
            "event": event,
            "category": "realtime",
            "source": "openai",
        }
        trace = fields.pop("traceback", "")
        for name, value in fields.items():
            line[name] = escape_all(value)
        if trace:
            line["traceback"] = [escape(one, _MAX_TRACEBACK_LINE) for one in trace.splitlines()]
        text = self._render(line)
        for secret in self._secrets:
            text = secret.hide(text)
        return f"{text}\n"

    def write_error(self, event: str, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """Write an error line, with the traceback of `error`."""
        if error is not None:
            fields["traceback"] = format_traceback(error)
        self.write("error", event, message, **fields)


def format_traceback(error: BaseException) -> str:
    """Format the exception; its text is as untrusted as any other."""
    return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]


def _json(line: Mapping[str, Any]) -> str:
    return msgspec.json.encode(line).decode()


def _console(line: Mapping[str, Any]) -> str:
    shown = dict(line)
    head = f"{shown.pop('timestamp')[11:23]} {shown.pop('level'):7} {shown.pop('message')}"
    trace_lines = shown.pop("traceback", [])
    for known in ("category", "source"):
        shown.pop(known, None)
    fields = "".join(f"  {name}={value}" for name, value in shown.items())
    return "\n".join((head + fields, *(f"    {one}" for one in trace_lines)))
