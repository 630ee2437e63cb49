"""Which files are looked at, and reading one: bounded, and never changed by being read.

What somebody names is looked at, whatever it is called; of a folder only what people write by hand.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from probes.lint.rule import Language
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The languages, by the ending of a file's name.
LANGUAGE_BY_SUFFIX = {
    ".js": Language.JAVASCRIPT,
    ".jsx": Language.JAVASCRIPT,
    ".mjs": Language.JAVASCRIPT,
    ".cjs": Language.JAVASCRIPT,
    ".ts": Language.TYPESCRIPT,
    ".mts": Language.TYPESCRIPT,
    ".cts": Language.TYPESCRIPT,
    ".tsx": Language.TSX,
    ".py": Language.PYTHON,
    ".pyi": Language.PYTHON,
}
#: Folders that hold what others wrote, or what a tool made.
SKIPPED_FOLDERS = frozenset(
    {"node_modules", "bower_components", "jspm_packages", "site-packages", "vendor", "vendored", "_vendor"}
    | {"third_party", "dist", "build", "out", "coverage", "venv", "env", "__pycache__", "__pypackages__"}
)
#: Endings of what was made small for browsers.
_MINIFIED = (".min.js", ".min.mjs", ".min.cjs", ".bundle.js")
#: A file of source is far smaller. One of 2 MB is parsed in half a second; what is larger was made by a tool.
MAX_SOURCE_BYTES = 2_000_000
#: No hand writes such a line; a bundler does.
MAX_LINE_LENGTH = 20_000
_BOM = "\ufeff"


class UnreadableReason(Enum):
    """Why a file's text could not be had."""

    MISSING = auto()
    TOO_LARGE = auto()
    NOT_TEXT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file's text, as it is parsed."""

    path: Path
    language: Language
    text: str
    """Without its byte order mark; line ends as they are."""
    has_bom: bool
    """It began with a byte order mark."""

    def encode(self, text: str) -> bytes:
        """Make the file's bytes of another text."""
        return f"{_BOM if self.has_bom else ''}{text}".encode()


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that could not be read, and why."""

    path: Path
    reason: UnreadableReason
    detail: str


@dataclass(frozen=True, slots=True)
class LintTarget:
    """A file to look at."""

    path: Path
    named: bool
    """Somebody named it; else it was found in a folder."""


def find_targets(paths: Sequence[Path]) -> Iterator[LintTarget]:
    """Find the files to look at, each once, by path. Raises UsageError where a path has nothing to look at."""
    found: dict[Path, LintTarget] = {}
    for path in paths:
        if path.is_dir():
            below = [LintTarget(file, named=False) for file in _in_folder(path)]
            if not below:
                raise UsageError(f"{path} holds no TypeScript, JavaScript or Python")
        else:
            below = [LintTarget(_checked(path), named=True)]
        for file in below:
            real = file.path.resolve()
            found[real] = file if file.named or real not in found else found[real]
    yield from sorted(found.values(), key=lambda file: file.path.as_posix())


def _checked(path: Path) -> Path:
    if not path.exists() and not path.is_symlink():
        raise UsageError(f"there is no {path}")
    if path.suffix.lower() not in LANGUAGE_BY_SUFFIX:
        suffixes = " ".join(LANGUAGE_BY_SUFFIX)
        raise UsageError(f"{path} is neither TypeScript, JavaScript nor Python: its name ends in none of {suffixes}")
    return path


def _in_folder(folder: Path) -> Iterator[Path]:
    """Walk a folder. Links to folders are not followed, so that a circle of them has no end to reach."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in LANGUAGE_BY_SUFFIX and not name.lower().endswith(_MINIFIED):
                yield Path(place, name)


def read_source(file: LintTarget) -> SourceFile | UnreadableFile:
    """Read a file whose language its name tells: no more than the bound, and nothing of pipes and devices."""
    try:
        found = file.path.stat()
        if not stat.S_ISREG(found.st_mode):
            return UnreadableFile(file.path, UnreadableReason.MISSING, "not a regular file")
        if found.st_size > MAX_SOURCE_BYTES:
            return UnreadableFile(file.path, UnreadableReason.TOO_LARGE, f"{found.st_size} bytes")
        with file.path.open("rb") as opened:
            data = opened.read(MAX_SOURCE_BYTES)
    except OSError as error:
        return UnreadableFile(file.path, UnreadableReason.MISSING, error.strerror or type(error).__name__)
    return _decoded(file, data)


def _decoded(file: LintTarget, data: bytes) -> SourceFile | UnreadableFile:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return UnreadableFile(file.path, UnreadableReason.NOT_TEXT, f"byte {error.start} is not UTF-8")
    if "\0" in text:
        return UnreadableFile(file.path, UnreadableReason.NOT_TEXT, "it holds NUL bytes")
    longest = max(map(len, text.split("\n")))
    if longest > MAX_LINE_LENGTH and not file.named:
        return UnreadableFile(file.path, UnreadableReason.TOO_LARGE, f"a line of {longest} characters")
    marked = text.startswith(_BOM)
    language = LANGUAGE_BY_SUFFIX[file.path.suffix.lower()]
    return SourceFile(path=file.path, language=language, text=text.removeprefix(_BOM), has_bom=marked)
