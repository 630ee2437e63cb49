"""Writes report files atomically, and checks beforehand that they can be written.

`reserve_file` is called before the run. It creates a draft next to the file, so that a missing folder or permission
shows at once. `write` fills the draft and renames it.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reports.console import OutputError, write_text

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The path of stdout in `--report FORMAT=-`.
STDOUT = Path("-")


class CannotWriteError(Exception):
    """A file can't be written; the message says why."""


@dataclass(frozen=True, slots=True)
class ReservedFile:
    """A file that is reserved for a report."""

    path: Path
    draft: Path | None
    """The draft that is renamed to `path`; None for stdout, a device or a pipe, which are written to directly."""
    is_stdout: bool = False

    def write(self, text: str) -> None:
        """Write the text. Raises CannotWriteError and leaves the old content of `path` unchanged."""
        if self.is_stdout:
            _write_to_stdout(text)
            return
        try:
            if self.draft is None:
                self.path.write_text(text, encoding="utf-8")
                return
            with self.draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            self.draft.replace(self.path)
        except OSError as error:
            self.discard()
            raise _refused(self.path, error) from None

    def discard(self) -> None:
        """Delete the draft. Harmless after `write`."""
        if self.draft is not None:
            with suppress(OSError):
                self.draft.unlink(missing_ok=True)


def reserve_report(path: Path) -> ReservedFile:
    """Check that a report can be written at `path`, or to stdout for `-`. Raises CannotWriteError."""
    return ReservedFile(path, None, is_stdout=True) if path == STDOUT else reserve_file(path)


def uses_stdout(reports: Iterable[str]) -> bool:
    """Return whether any of these `FORMAT=PATH` is written to stdout, so that the page for people must not be."""
    return any(Path(text.partition("=")[2]) == STDOUT for text in reports)


def _write_to_stdout(text: str) -> None:
    try:
        write_text(sys.stdout, text)
    except OutputError as error:
        raise CannotWriteError(str(error)) from None


def reserve_file(path: Path) -> ReservedFile:
    """Check that a file can be written at `path`, following symbolic links. Raises CannotWriteError."""
    try:
        real = path.resolve()
        mode = real.stat().st_mode if real.exists() else None
        if mode is not None and stat.S_ISDIR(mode):
            raise CannotWriteError(f"{path} is a directory")
        if mode is not None and not stat.S_ISREG(mode):
            return ReservedFile(path, None)
        return ReservedFile(real, _draft(real, mode))
    except (OSError, RuntimeError, ValueError) as error:
        raise _refused(path, error) from None


def _draft(real: Path, mode: int | None) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{real.name[:100]}.", dir=real.parent)
    if sys.platform != "win32":  # which has no such rights
        os.fchmod(handle, stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
    os.close(handle)
    return Path(name)


def _umask() -> int:
    # The umask can only be read by setting it. No other thread runs when files are reserved.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refused(path: Path, error: Exception) -> CannotWriteError:
    reason = getattr(error, "strerror", None) or str(error)
    return CannotWriteError(f"can't write {path}: {reason[:1].lower()}{reason[1:]}")
