"""Capture files: a recorded session as NDJSON, with a header line, one line per frame, and a line with its ending.

A capture holds what the verdict needs and no more: neither text nor audio unless requested. Reading it returns exactly
what the run had recorded, so the same code judges both. A file is read completely or not at all.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

SCHEMA_VERSION: Final = 1
CAPTURE_FORMAT: Final = "sherpa-probe events"
#: Largest file that is read: a script lasts minutes, and a minute of events is about a megabyte.
MAX_FILE_BYTES: Final = 200 * 10**6
#: Longest line. A line holds one event; the largest is a captured audio append of 15 MiB, in base64.
MAX_LINE_BYTES: Final = MAX_MESSAGE_BYTES


class CaptureError(UsageError):
    """The file is not a readable capture. The message is one line and names the file and, if known, the line number."""


class CaptureHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: what was captured, and how."""

    capture: str = CAPTURE_FORMAT
    schema_version: int = SCHEMA_VERSION
    tool: str
    """`sherpa-probe 1.2.3`"""
    started: str
    """ISO 8601 UTC with milliseconds; every `at` is relative to it."""
    script: str
    kind: str
    """`conversation` or `transcription`"""
    dialect: str
    """The requested dialect."""
    via: str
    """`service`, or the endpoint of a bridge: `client`, `native`."""
    timeout: float
    """Timeout of each wait, in seconds."""
    connected_at: float | None = None
    redaction: str
    """What was removed: `content and secrets`, or only `secrets`."""


class CaptureEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One frame, or a marker of the probe. The fields beside `event` describe the content that was removed from it."""

    at: float
    """Seconds since the run began."""
    who: str
    """`client`, `server`, `bridge` for a bridge's own message, `probe` for a marker."""
    event: dict[str, Any]
    """The event without its content; empty if the frame is not an event."""
    frame_bytes: int = 0
    audio_ms: float = 0.0
    silent: bool = False
    """Whether its audio is silence."""
    detail: str = ""
    unreadable: str = ""
    """Why the frame is not an event."""
    differs: bool = False
    """Whether the final text differs from its deltas, which can't be found out once the content is removed."""

    @property
    def type(self) -> str:
        """The type of the event; empty if it has none."""
        found = self.event.get("type")
        return found if isinstance(found, str) else ""


class _Ending(msgspec.Struct, frozen=True, kw_only=True, tag_field="end"):
    at: float
    """Seconds since the run began."""


class FinishedEnding(_Ending, frozen=True, kw_only=True, tag="finished"):
    """The script ran to its end; nothing went wrong on the way that would have stopped it."""


class StoppedEnding(_Ending, frozen=True, kw_only=True, tag="stopped"):
    """A response failed, so the script could not continue."""


class SilentEnding(_Ending, frozen=True, kw_only=True, tag="silent"):
    """The other side made no progress within the timeout."""

    owed: str
    """What was waited for: a value of `conversation.Awaited`."""
    seconds: float


class ClosedEnding(_Ending, frozen=True, kw_only=True, tag="closed"):
    """The link closed before the script finished."""

    code: int | None
    reason: str
    by_peer: bool
    idle_limit: float = 0.0
    """Seconds after which a second connection, on which nothing was sent, was cut in the same way; 0 if it wasn't."""


class RefusedEnding(_Ending, frozen=True, kw_only=True, tag="refused"):
    """The session could not become ready; `error` says why."""

    error: dict[str, Any]
    native: bool
    code: int | None = None
    """The code of the close that followed, if one did."""


class LimitEnding(_Ending, frozen=True, kw_only=True, tag="too-much"):
    """A limit was reached; `bound` describes it."""

    bound: str


CaptureEnding: TypeAlias = FinishedEnding | StoppedEnding | SilentEnding | ClosedEnding | RefusedEnding | LimitEnding


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded session as its file has it: header, frames in order, ending."""

    header: CaptureHeader
    entries: list[CaptureEntry]
    ending: CaptureEnding


def format_capture(capture: Capture) -> str:
    """Return the capture as the text of its file."""
    lines = (capture.header, *capture.entries, capture.ending)
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines).decode()


def read_capture(path: Path) -> Capture:
    """Read a capture file. Raises CaptureError if it is missing, unreadable, truncated or not a capture."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CaptureError(f"{path} isn't a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise CaptureError(f"{path} is larger than {MAX_FILE_BYTES // 10**6} MB, too large for a capture")
        with path.open("rb") as file:
            return _read(path, file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CaptureError(f"can't read {path}: {reason[:1].lower()}{reason[1:]}") from None
    except ValueError as error:  # a path with a null character in it
        raise CaptureError(f"can't read {str(path)!r}: {error}") from None


def _read(path: Path, file: BinaryIO) -> Capture:
    lines = _lines(path, file)
    first = next(lines, None)
    if first is None:
        raise CaptureError(f"{path} is empty")
    header = _header(path, first)
    entries: list[CaptureEntry] = []
    for number, line in enumerate(lines, 2):
        if "end" in line:
            _require_end(path, lines, number)
            return Capture(header=header, entries=entries, ending=_convert(CaptureEnding, line, path, number))
        entries.append(_entry(line, path, number))
    raise CaptureError(f"{path} is truncated after line {len(entries) + 1}: the line with the ending is missing")


def _lines(path: Path, file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the decoded lines. Raises CaptureError for a line that isn't a JSON object or is too long for an event."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise CaptureError(f"{path}, line {number}: too long for an event")
        try:
            line = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise CaptureError(_not_json(path, number)) from None
        if not isinstance(line, dict):
            raise CaptureError(f"{path}, line {number}: not a JSON object")
        yield line


def _not_json(path: Path, number: int) -> str:
    return f"{path}, line {number}: not JSON" + (", so the file isn't a capture" if number == 1 else "")


def _header(path: Path, line: dict[str, Any]) -> CaptureHeader:
    if line.get("capture") != CAPTURE_FORMAT:
        raise CaptureError(f"{path} isn't a capture of `sherpa-probe events`: its first line isn't a capture header")
    version = line.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CaptureError(f"{path} has format version {version!s:.20}; this tool reads version {SCHEMA_VERSION}")
    header: CaptureHeader = _convert(CaptureHeader, line, path, 1)
    return header


def _entry(line: dict[str, Any], path: Path, number: int) -> CaptureEntry:
    entry: CaptureEntry = _convert(CaptureEntry, line, path, number)
    return entry


def _require_end(path: Path, lines: Iterator[dict[str, Any]], number: int) -> None:
    if next(lines, None) is not None:
        raise CaptureError(f"{path}, line {number + 1}: unexpected line after the end of the capture")


def _convert(kind: Any, line: dict[str, Any], path: Path, number: int) -> Any:
    try:
        return msgspec.convert(line, kind)
    except msgspec.ValidationError as error:
        raise CaptureError(f"{path}, line {number}: {error}") from None
