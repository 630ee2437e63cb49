"""The files of recordings: one for each connection, written as it goes and renamed when it is complete."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from bridge.protocol.recordings.capture import LimitEnding, format_line
from reports.store.writer import CannotWriteError, reserve_file

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.protocol.recordings.capture import CaptureEnding, CaptureEntry, CaptureHeader
    from reports.store.writer import ReservedFile

#: A file ends here; the connection goes on. Files of up to 200 MB are read.
MAX_BYTES: Final = 190 * 10**6


@dataclass(slots=True)
class RecordingFile:
    """The file of one connection. `close` completes it; without that, nothing is left behind."""

    path: Path
    reserved: ReservedFile
    stream: BinaryIO
    frames: int = 0
    lost: str = ""
    """Why the rest of the connection is not in the file; empty if all of it is."""
    _bytes: int = 0

    def begin(self, header: CaptureHeader) -> None:
        """Write the first line."""
        self._write(format_line(header))

    def add(self, entry: CaptureEntry) -> None:
        """Write a frame, unless the file has ended."""
        if self.lost:
            return
        if self._bytes > MAX_BYTES:
            self._end(
                LimitEnding(at=entry.at, bound=f"{MAX_BYTES // 10**6} MB"), f"longer than {MAX_BYTES // 10**6} MB"
            )
            return
        self.frames += 1
        self._write(format_line(entry))

    def close(self, ending: CaptureEnding) -> None:
        """Write the last line, and give the file its name."""
        self._end(ending, self.lost)
        with suppress(OSError):
            self.stream.close()
        if self.reserved.draft is not None and not self.lost.startswith("can't write"):
            try:
                self.reserved.draft.replace(self.reserved.path)
            except OSError as error:
                self.lost = f"can't write: {error.strerror}"

    def _end(self, ending: CaptureEnding, lost: str) -> None:
        if not self.lost:
            self._write(format_line(ending))
        self.lost = self.lost or lost

    def _write(self, line: bytes) -> None:
        try:
            self._bytes += self.stream.write(line)
        except OSError as error:
            self.lost = f"can't write: {error.strerror}"


@dataclass(slots=True)
class RecordingFiles:
    """The names of the files: FILE for the first connection, FILE-2 for the second, and so on."""

    path: Path
    made: list[RecordingFile] = field(default_factory=list)

    def check(self) -> None:
        """Raise CannotWriteError if no file can be written there."""
        reserve_file(self.path).discard()

    def open(self) -> RecordingFile:
        """Open the next file. Raises CannotWriteError."""
        number = len(self.made) + 1
        path = self.path if number == 1 else self.path.with_stem(f"{self.path.stem}-{number}")
        reserved = reserve_file(path)
        try:
            stream = (reserved.draft or reserved.path).open("wb")
        except OSError as error:
            reserved.discard()
            raise CannotWriteError(f"can't write {path}: {error.strerror}") from None
        file = RecordingFile(path, reserved, stream)
        self.made.append(file)
        return file

    def discard(self) -> None:
        """Remove what was not completed."""
        for file in self.made:
            if not file.stream.closed:
                with suppress(OSError):
                    file.stream.close()
                file.reserved.discard()
