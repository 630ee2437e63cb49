"""The format of captures and recordings: NDJSON with a header line, one line per frame, and a line with the ending.

`sherpa-probe events --capture` writes captures: a script that the probe played. `sherpa-probe record` writes
recordings: a connection of somebody else's, for which the header names no script. Both hold neither text nor audio
unless requested. Reading one returns exactly what was recorded, so the same code judges both. A file is read completely
or not at all.

Lines are given and taken here; `probes.recording.capture` reads files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from bridge.protocol.events.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA_VERSION: Final = 1
CAPTURE_FORMAT: Final = "sherpa-probe events"
RECORDING_FORMAT: Final = "sherpa-probe record"
#: What was removed, in the header.
CONTENT_REDACTED, SECRETS_REDACTED = "content and secrets", "secrets"
#: The endpoint that a recording was made at, in the header: the service, or a bridge's client endpoint.
VIA_SERVICE, VIA_CLIENT = "service", "client"
#: Longest line. A line holds one event; the largest is a captured audio append of 15 MiB, in base64.
MAX_LINE_BYTES: Final = MAX_MESSAGE_BYTES


class CaptureFormatError(ValueError):
    """It is not a readable capture. The message is one line and names the file and, if known, the line number."""


class CaptureHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: what was captured, and how."""

    capture: str = CAPTURE_FORMAT
    schema_version: int = SCHEMA_VERSION
    tool: str
    """`sherpa-probe 1.2.3`"""
    started: str
    """ISO 8601 UTC with milliseconds; every `at` is relative to it."""
    script: str = ""
    """The script that was played; empty for a recording."""
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
    binary: bool = False
    """Whether it was a binary frame of audio; the event then holds nothing but `audio`."""

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

    @property
    def is_recording(self) -> bool:
        """Whether it is a connection of somebody else's, not a script that the probe played."""
        return not self.header.script


def format_line(line: CaptureHeader | CaptureEntry | CaptureEnding) -> bytes:
    """Return one line of a file, with its line end."""
    return msgspec.json.encode(line) + b"\n"


def format_capture(capture: Capture) -> str:
    """Return the capture as the text of its file."""
    return b"".join(map(format_line, (capture.header, *capture.entries, capture.ending))).decode()


def parse_capture(name: str, raw_lines: Iterable[bytes]) -> Capture:
    """Parse the lines of a file; `name` is how errors call it. Raises CaptureFormatError if it is no whole capture."""
    lines = _lines(name, raw_lines)
    first = next(lines, None)
    if first is None:
        raise CaptureFormatError(f"{name} is empty")
    header = _header(name, first)
    entries: list[CaptureEntry] = []
    for number, line in enumerate(lines, 2):
        if "end" in line:
            _require_end(name, lines, number)
            return Capture(header=header, entries=entries, ending=_convert(CaptureEnding, line, name, number))
        entries.append(_entry(line, name, number))
    raise CaptureFormatError(f"{name} is truncated after line {len(entries) + 1}: the line with the ending is missing")


def _lines(name: str, raw_lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the decoded lines. Raises CaptureFormatError for one that isn't a JSON object or is too long."""
    for number, raw in enumerate(raw_lines, 1):
        if len(raw) > MAX_LINE_BYTES:
            raise CaptureFormatError(f"{name}, line {number}: too long for an event")
        try:
            line = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise CaptureFormatError(_not_json(name, number)) from None
        if not isinstance(line, dict):
            raise CaptureFormatError(f"{name}, line {number}: not a JSON object")
        yield line


def _not_json(name: str, number: int) -> str:
    return f"{name}, line {number}: not JSON" + (", so the file isn't a capture" if number == 1 else "")


def _header(name: str, line: dict[str, Any]) -> CaptureHeader:
    if line.get("capture") not in (CAPTURE_FORMAT, RECORDING_FORMAT):
        raise CaptureFormatError(
            f"{name} isn't a capture of `sherpa-probe events` or `record`: its first line isn't a capture header"
        )
    version = line.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CaptureFormatError(f"{name} has format version {version!s:.20}; this tool reads version {SCHEMA_VERSION}")
    header: CaptureHeader = _convert(CaptureHeader, line, name, 1)
    return header


def _entry(line: dict[str, Any], name: str, number: int) -> CaptureEntry:
    entry: CaptureEntry = _convert(CaptureEntry, line, name, number)
    return entry


def _require_end(name: str, lines: Iterator[dict[str, Any]], number: int) -> None:
    if next(lines, None) is not None:
        raise CaptureFormatError(f"{name}, line {number + 1}: unexpected line after the end of the capture")


def _convert(kind: Any, line: dict[str, Any], name: str, number: int) -> Any:
    try:
        return msgspec.convert(line, kind)
    except msgspec.ValidationError as error:
        raise CaptureFormatError(f"{name}, line {number}: {error}") from None
