"""Log lines, as JSON or as text for the console. Every line has a category and a source, never content or a key.

It uses structlog with its own processors and without global configuration, so that two bridges in one process can log
to different streams. Levels: debug, info, warning, error.
"""

from __future__ import annotations

import sys
import traceback
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
import structlog

from bridge.telemetry.escape import escape, escape_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from reports.redaction import Secret

LEVELS = ("debug", "info", "warning", "error")

#: The most characters of a traceback in a log line.
_MAX_TRACEBACK = 6000
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
        out = sys.stderr if stream is None else stream
        secrets_to_hide = [secret for secret in secrets if len(secret.reveal()) >= _SHORTEST_SECRET]
        self._min_level = LEVELS.index(level)
        render = _json if log_format is LogFormat.JSON else _console
        processors: list[Callable[..., Any]] = [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _order_and_escape,
            render,
            _HideSecrets(secrets_to_hide),
        ]
        self._logger = structlog.wrap_logger(
            structlog.PrintLogger(out), processors=processors, wrapper_class=structlog.BoundLoggerBase
        ).bind(category="realtime", source="openai")

    def write(self, level: str, event: str, message: str, **fields: Any) -> None:
        """Write one line. `event` is a constant dotted name, `message` is for humans."""
        if LEVELS.index(level) < self._min_level:
            return
        try:
            self._logger._proxy_to_logger("msg", message, level=level, name=event, **fields)  # noqa: SLF001 - structlog's API for wrappers
        except (OSError, ValueError):  # the disk is full, or the stream closed
            return

    def write_error(self, event: str, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """Write an error line, with the traceback of `error`."""
        if error is not None:
            fields["traceback"] = _traceback(error)
        self.write("error", event, message, **fields)


def _traceback(error: BaseException) -> str:
    """Format the exception; its text is as untrusted as any other."""
    return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]


def _order_and_escape(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Order the fields: timestamp, level, message, event, then the rest. Escape untrusted text."""
    first: dict[str, Any] = {
        "timestamp": line.pop("timestamp"),
        "level": line.pop("level"),
        "message": line.pop("event"),
        "event": line.pop("name"),
    }
    trace = line.pop("traceback", None)
    rest: dict[str, Any] = escape_all(dict(line))
    trace_lines = [escape(one, 1000) for one in trace.splitlines()] if isinstance(trace, str) else []
    return first | rest | ({"traceback": trace_lines} if trace_lines else {})


def _json(_logger: object, _method: str, line: Mapping[str, Any]) -> str:
    return msgspec.json.encode(line).decode()


def _console(_logger: object, _method: str, line: Mapping[str, Any]) -> str:
    shown = dict(line)
    head = f"{shown.pop('timestamp')[11:23]} {shown.pop('level'):7} {shown.pop('message')}"
    trace_lines = shown.pop("traceback", [])
    for known in ("category", "source"):
        shown.pop(known, None)
    fields = "".join(f"  {name}={value}" for name, value in shown.items())
    return "\n".join((head + fields, *(f"    {one}" for one in trace_lines)))


class _HideSecrets:
    """Hides known secrets in the finished line."""

    def __init__(self, secrets: list[Secret]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: object, _method: str, line: str) -> str:
        for secret in self._secrets:
            line = secret.hide(line)
        return line
