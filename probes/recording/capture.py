"""A kept session: a header line, one line a frame, and a last line that says how it ended. NDJSON, whole or nothing.

What is kept is what a verdict needs, no more: unless it was asked for, neither words nor sound. Reading a capture gives
back exactly what the run had in its hands, so that the same code judges both.
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
#: Larger ones are refused: a script talks for minutes, and a minute of events is about a megabyte.
MAX_FILE_BYTES: Final = 200 * 10**6
#: A line holds one event. The largest there is are audio that somebody chose to keep: 15 MiB in base64, and some.
MAX_LINE_BYTES: Final = MAX_MESSAGE_BYTES


class CaptureError(UsageError):
    """The file is no capture that can be read here; one plain line names the file, and the line where there is one."""


class CaptureHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What was captured, and how."""

    capture: str = CAPTURE_FORMAT
    schema_version: int = SCHEMA_VERSION
    tool: str
    """`sherpa-probe 1.2.3`"""
    started: str
    """ISO 8601 UTC with milliseconds; every `at` counts from here."""
    script: str
    kind: str
    """`conversation` or `transcription`"""
    dialect: str
    """The dialect that was asked for."""
    via: str
    """`service`, or the door of a bridge: `client`, `native`."""
    timeout: float
    """Seconds that every single answer was waited for."""
    connected_at: float | None = None
    redaction: str
    """What was taken out: `content and secrets`, or `secrets` alone."""


class CaptureEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One frame, or a remark of the probe's own. What was taken out of the event is told beside it."""

    at: float
    """Seconds since the run began."""
    who: str
    """`client`, `server`, `bridge` for a bridge's own message, `probe` for a remark."""
    event: dict[str, Any]
    """The event without its content; empty where the frame was none."""
    frame_bytes: int = 0
    audio_ms: float = 0.0
    silent: bool = False
    """There is audio in it, and nothing to be heard in that."""
    detail: str = ""
    unreadable: str = ""
    """Why the frame was no event."""
    differs: bool = False
    """The final text was not what the deltas added up to; without the words nobody could tell."""

    @property
    def type(self) -> str:
        """The event's type; empty where it has none."""
        found = self.event.get("type")
        return found if isinstance(found, str) else ""


class _Ending(msgspec.Struct, frozen=True, kw_only=True, tag_field="end"):
    at: float
    """Seconds since the run began."""


class FinishedEnding(_Ending, frozen=True, kw_only=True, tag="finished"):
    """The script came to its end."""


class StoppedEnding(_Ending, frozen=True, kw_only=True, tag="stopped"):
    """An answer failed, and the script cannot go on without it."""


class SilentEnding(_Ending, frozen=True, kw_only=True, tag="silent"):
    """Nothing came although something was owed."""

    owed: str
    """See `conversation.Awaited`."""
    seconds: float


class ClosedEnding(_Ending, frozen=True, kw_only=True, tag="closed"):
    """The link ended before the script did."""

    code: int | None
    reason: str
    by_peer: bool


class RefusedEnding(_Ending, frozen=True, kw_only=True, tag="refused"):
    """The session did not become ready, and was told why."""

    error: dict[str, Any]
    native: bool
    code: int | None = None
    """Of the close that followed, where one did."""


class LimitEnding(_Ending, frozen=True, kw_only=True, tag="too-much"):
    """A bound was reached: `bound` says which, in words."""

    bound: str


CaptureEnding: TypeAlias = FinishedEnding | StoppedEnding | SilentEnding | ClosedEnding | RefusedEnding | LimitEnding


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """A whole session."""

    header: CaptureHeader
    entries: list[CaptureEntry]
    ending: CaptureEnding


def format_capture(capture: Capture) -> str:
    """Write a capture as the text of its file."""
    lines = (capture.header, *capture.entries, capture.ending)
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines).decode()


def read_capture(path: Path) -> Capture:
    """Read a kept session. Raises CaptureError, in one plain line, for everything that is not one whole capture."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CaptureError(f"{path} is no file")
        if status.st_size > MAX_FILE_BYTES:
            raise CaptureError(f"{path} is larger than {MAX_FILE_BYTES // 10**6} MB: no capture of a script is")
        with path.open("rb") as file:
            return _read(path, file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CaptureError(f"{path} cannot be read: {reason[:1].lower()}{reason[1:]}") from None
    except ValueError as error:  # a path with a null character in it
        raise CaptureError(f"{str(path)!r} cannot be read: {error}") from None


def _read(path: Path, file: BinaryIO) -> Capture:
    lines = _lines(path, file)
    first = next(lines, None)
    if first is None:
        raise CaptureError(f"{path} is empty")
    header = _header(path, first)
    entries: list[CaptureEntry] = []
    for number, line in enumerate(lines, 2):
        if "end" in line:
            _nothing_behind(path, lines, number)
            return Capture(header=header, entries=entries, ending=_as(CaptureEnding, line, path, number))
        entries.append(_entry(line, path, number))
    raise CaptureError(f"{path} is cut off after line {len(entries) + 1}: the line that says how it ended is missing")


def _lines(path: Path, file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Give line by line, decoded. CaptureError for one that is no JSON object, or too long to be an event."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise CaptureError(f"{path}, line {number}: longer than any event is")
        try:
            line = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise CaptureError(_no_json(path, number)) from None
        if not isinstance(line, dict):
            raise CaptureError(f"{path}, line {number}: no JSON object")
        yield line


def _no_json(path: Path, number: int) -> str:
    return f"{path}, line {number}: not JSON" + (", so this is no capture" if number == 1 else "")


def _header(path: Path, line: dict[str, Any]) -> CaptureHeader:
    if line.get("capture") != CAPTURE_FORMAT:
        raise CaptureError(f"{path} is no capture of `sherpa-probe events`: its first line does not say so")
    version = line.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CaptureError(
            f"{path} was written in version {version!s:.20} of the format; this tool reads {SCHEMA_VERSION}"
        )
    header: CaptureHeader = _as(CaptureHeader, line, path, 1)
    return header


def _entry(line: dict[str, Any], path: Path, number: int) -> CaptureEntry:
    entry: CaptureEntry = _as(CaptureEntry, line, path, number)
    return entry


def _nothing_behind(path: Path, lines: Iterator[dict[str, Any]], number: int) -> None:
    if next(lines, None) is not None:
        raise CaptureError(f"{path}, line {number + 1}: stands behind the line that ends the capture")


def _as(kind: Any, line: dict[str, Any], path: Path, number: int) -> Any:
    try:
        return msgspec.convert(line, kind)
    except msgspec.ValidationError as error:
        raise CaptureError(f"{path}, line {number}: {error}") from None
