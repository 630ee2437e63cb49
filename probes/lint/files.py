"""Which files are checked, and reading one of them, up to a size limit.

A file that the user names is always checked; in a folder only code that looks written by hand.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from probes.lint.languages import LANGUAGE_BY_SUFFIX, Language
from probes.lint.project import project_of
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Folders with third-party or generated code.
SKIPPED_FOLDERS = frozenset(
    {"node_modules", "bower_components", "jspm_packages", "site-packages", "vendor", "vendored", "_vendor"}
    | {"third_party", "dist", "build", "out", "coverage", "venv", "env", "__pycache__", "__pypackages__"}
)
#: Suffixes of code that is minified or bundled for browsers.
_MINIFIED = (".min.js", ".min.mjs", ".min.cjs", ".bundle.js")
#: Source files are far smaller. Parsing 2 MB takes half a second; a larger file is generated.
MAX_SOURCE_BYTES = 2_000_000
#: Longer lines are written by bundlers, not by hand.
MAX_LINE_LENGTH = 20_000
_BOM = "\ufeff"


class UnreadableReason(Enum):
    """Why a file could not be read."""

    MISSING = auto()
    TOO_LARGE = auto()
    NOT_TEXT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The text of a file, as it is parsed."""

    path: Path
    language: Language
    text: str
    """Without the byte order mark, with the original line endings."""
    has_bom: bool
    """Whether the file starts with a byte order mark."""
    inner_path: PurePath = field(default_factory=PurePath)
    """The path below its project. What is above says nothing about the file."""

    def encode(self, text: str) -> bytes:
        """Return another text as the bytes of this file, with its byte order mark."""
        return f"{_BOM if self.has_bom else ''}{text}".encode()


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that could not be read, and why."""

    path: Path
    reason: UnreadableReason
    detail: str


@dataclass(frozen=True, slots=True)
class LintTarget:
    """A file to check. What is skipped in a folder is checked if the user named it."""

    path: Path
    named: bool
    """Whether the user named it; otherwise it was found in a folder."""
    inner_path: PurePath = field(default_factory=PurePath, compare=False)
    """The path below its project; without a project, below the folder that it was found in."""


def find_targets(paths: Sequence[Path]) -> Iterator[LintTarget]:
    """Yield the files to check, each once, sorted by path. Raises UsageError for a path with nothing to check."""
    found: dict[Path, LintTarget] = {}
    for path in paths:
        if path.is_dir():
            targets = [LintTarget(file, False, _inner_path(file, path)) for file in _in_folder(path)]
            if not targets:
                raise UsageError(f"no TypeScript, JavaScript or Python files in {path}")
        else:
            targets = [LintTarget(_checked(path), True, _inner_path(path, None))]
        for file in targets:
            real = file.path.resolve()
            found[real] = file if file.named or real not in found else found[real]
    yield from sorted(found.values(), key=lambda file: file.path.as_posix())


def _inner_path(path: Path, folder: Path | None) -> PurePath:
    """Return the path below the project, or below the folder that was named, or only the name."""
    base = project_of(path) or folder
    return path.absolute().relative_to(base.absolute()) if base else PurePath(path.name)


def _checked(path: Path) -> Path:
    if not path.exists() and not path.is_symlink():
        raise UsageError(f"{path} doesn't exist")
    if path.suffix.lower() not in LANGUAGE_BY_SUFFIX:
        suffixes = " ".join(LANGUAGE_BY_SUFFIX)
        raise UsageError(f"{path} isn't TypeScript, JavaScript or Python: the suffix must be one of {suffixes}")
    return path


def _in_folder(folder: Path) -> Iterator[Path]:
    """Walk a folder. Links to folders are not followed, since they may form a loop."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in LANGUAGE_BY_SUFFIX and not name.lower().endswith(_MINIFIED):
                yield Path(place, name)


def read_source(file: LintTarget) -> SourceFile | UnreadableFile:
    """Read a regular file with a known suffix, up to MAX_SOURCE_BYTES. Never raises for a file that can't be read."""
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
        return UnreadableFile(file.path, UnreadableReason.NOT_TEXT, "it contains NUL bytes")
    longest = max(map(len, text.split("\n")))
    if longest > MAX_LINE_LENGTH and not file.named:
        return UnreadableFile(file.path, UnreadableReason.TOO_LARGE, f"a line of {longest} characters")
    has_bom = text.startswith(_BOM)
    language = LANGUAGE_BY_SUFFIX[file.path.suffix.lower()]
    return SourceFile(
        path=file.path,
        language=language,
        text=text.removeprefix(_BOM),
        has_bom=has_bom,
        inner_path=file.inner_path,
    )
