"""Reads files of captures and recordings. Their format is in `bridge.protocol.recordings.capture`."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from bridge.protocol.recordings.capture import (
    CAPTURE_FORMAT,
    MAX_LINE_BYTES,
    SCHEMA_VERSION,
    Capture,
    CaptureEnding,
    CaptureEntry,
    CaptureFormatError,
    CaptureHeader,
    ClosedEnding,
    FinishedEnding,
    LimitEnding,
    RefusedEnding,
    SilentEnding,
    StoppedEnding,
    format_capture,
    parse_capture,
)
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = [
    "CAPTURE_FORMAT",
    "SCHEMA_VERSION",
    "Capture",
    "CaptureEnding",
    "CaptureEntry",
    "CaptureError",
    "CaptureHeader",
    "ClosedEnding",
    "FinishedEnding",
    "LimitEnding",
    "RefusedEnding",
    "SilentEnding",
    "StoppedEnding",
    "format_capture",
    "read_capture",
]

#: Largest file that is read: a minute of events is about a megabyte, with audio three.
MAX_FILE_BYTES: Final = 200 * 10**6


class CaptureError(UsageError):
    """The file is not a readable capture. The message is one line and names the file and, if known, the line number."""


def read_capture(path: Path) -> Capture:
    """Read a capture file. Raises CaptureError if it is missing, unreadable, truncated or not a capture."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CaptureError(f"{path} isn't a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise CaptureError(f"{path} is larger than {MAX_FILE_BYTES // 10**6} MB, too large for a capture")
        with path.open("rb") as file:
            return parse_capture(str(path), _raw_lines(file))
    except CaptureFormatError as error:
        raise CaptureError(str(error)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise CaptureError(f"can't read {path}: {reason[:1].lower()}{reason[1:]}") from None
    except ValueError as error:  # a path with a null character in it
        raise CaptureError(f"can't read {str(path)!r}: {error}") from None


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    while raw := file.readline(MAX_LINE_BYTES + 1):
        yield raw
