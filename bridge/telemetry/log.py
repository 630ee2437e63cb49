"""Log lines: JSON for machines, a line for people; always with category and source, never with content or a key.

structlog with its own processors and no global configuration: two bridges in one process may log to different places.
Levels: debug, info, warning, error.
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

#: What a traceback may take in one line of the log.
_MAX_TRACEBACK = 6000
#: Shorter secrets are ordinary words (`test`); replacing them would garble every line.
_SHORTEST_SECRET = 8


class LogFormat(StrEnum):
    """How lines look."""

    JSON = "json"
    CONSOLE = "console"


class Log:
    """Where lines go. Writing never raises: a log that is full must not end a conversation."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        log_format: LogFormat = LogFormat.JSON,
        level: str = "info",
        secrets: Iterable[Secret] = (),
    ) -> None:
        """`secrets` are hidden wherever they stand, should an upstream's message repeat one."""
        out = sys.stderr if stream is None else stream
        hidden = [secret for secret in secrets if len(secret.reveal()) >= _SHORTEST_SECRET]
        self._least = LEVELS.index(level)
        render = _json if log_format is LogFormat.JSON else _console
        processors: list[Callable[..., Any]] = [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _made_safe,
            render,
            _Hide(hidden),
        ]
        self._logger = structlog.wrap_logger(
            structlog.PrintLogger(out), processors=processors, wrapper_class=structlog.BoundLoggerBase
        ).bind(category="realtime", source="openai")

    def write(self, level: str, event: str, message: str, **fields: Any) -> None:
        """Write one line. `event` is dotted and constant, `message` is for people."""
        if LEVELS.index(level) < self._least:
            return
        try:
            self._logger._proxy_to_logger("msg", message, level=level, name=event, **fields)  # noqa: SLF001 - structlog's own door for wrappers
        except (OSError, ValueError):  # the disk is full, or the stream closed
            return

    def write_error(self, event: str, message: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """Write an error line, with the traceback of what was raised."""
        if error is not None:
            fields["traceback"] = _traceback(error)
        self.write("error", event, message, **fields)


def _traceback(error: BaseException) -> str:
    """Name the places and the exception; its text is a stranger's as any other."""
    return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]


def _made_safe(_logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Order the line: when, how bad, what; then who; then the rest. Strangers' texts are escaped."""
    first: dict[str, Any] = {
        "timestamp": line.pop("timestamp"),
        "level": line.pop("level"),
        "message": line.pop("event"),
        "event": line.pop("name"),
    }
    told = line.pop("traceback", None)
    rest: dict[str, Any] = escape_all(dict(line))
    places = [escape(one, 1000) for one in told.splitlines()] if isinstance(told, str) else []
    return first | rest | ({"traceback": places} if places else {})


def _json(_logger: object, _method: str, line: Mapping[str, Any]) -> str:
    return msgspec.json.encode(line).decode()


def _console(_logger: object, _method: str, line: Mapping[str, Any]) -> str:
    shown = dict(line)
    head = f"{shown.pop('timestamp')[11:23]} {shown.pop('level'):7} {shown.pop('message')}"
    told = shown.pop("traceback", [])
    for known in ("category", "source"):
        shown.pop(known, None)
    fields = "".join(f"  {name}={value}" for name, value in shown.items())
    return "\n".join((head + fields, *(f"    {one}" for one in told)))


class _Hide:
    """Replaces known secrets in the finished line."""

    def __init__(self, secrets: list[Secret]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: object, _method: str, line: str) -> str:
        for secret in self._secrets:
            line = secret.hide(line)
        return line
