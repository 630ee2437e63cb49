"""Reading one file, up to a size limit: its text, its language, and where its code stands in it."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import PurePath
from typing import TYPE_CHECKING

from probes.lint.languages import LANGUAGE_BY_SUFFIX, Language
from probes.lint.sources.embedded import (
    MARKUP_SUFFIXES,
    NOTEBOOK_SUFFIX,
    TEMPLATE_TAG,
    CellLine,
    cells_of,
    scripts_of,
)
from probes.lint.sources.encodings import encoding_of

if TYPE_CHECKING:
    from pathlib import Path

    from probes.lint.sources.discovery import LintTarget

#: Source files are far smaller. Parsing 2 MB takes half a second; a larger file is generated.
MAX_SOURCE_BYTES = 2_000_000
#: Longer lines are written by bundlers, not by hand. Finding the column of a place takes time in proportion.
MAX_LINE_LENGTH = 20_000
#: The same for a file that the user named.
MAX_NAMED_LINE_LENGTH = 200_000
_BOM = "\ufeff"


class UnreadableReason(Enum):
    """Why a file could not be read."""

    MISSING = auto()
    DANGLING = auto()
    """It is a symbolic link to nothing."""
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
    encoding: str = "utf-8"
    code: str | None = None
    """What is parsed, if that is only a part of the text: scripts in a page, cells of a notebook."""
    cells: tuple[CellLine, ...] = ()
    """The places of a notebook's lines of code."""
    inner_path: PurePath = field(default_factory=PurePath)
    """The path below its project. What is above says nothing about the file."""

    @property
    def parsed(self) -> str:
        """The text that is parsed."""
        return self.text if self.code is None else self.code

    @property
    def can_be_fixed(self) -> bool:
        """Whether an edit of the code is an edit of the file."""
        return not self.cells and (self.code is None or not TEMPLATE_TAG.search(self.text))

    def with_text(self, text: str) -> SourceFile:
        """Return the file with another text, for files that can be fixed."""
        return replace(self, text=text, code=None if self.code is None else scripts_of(text)[0])

    def encode(self, text: str) -> bytes:
        """Return another text as the bytes of this file, with its byte order mark. Raises UnicodeEncodeError."""
        return f"{_BOM if self.has_bom else ''}{text}".encode(self.encoding)


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that could not be read, and why."""

    path: Path
    reason: UnreadableReason
    detail: str


def read_source(file: LintTarget) -> SourceFile | UnreadableFile:
    """Read a regular file with a known suffix, up to MAX_SOURCE_BYTES. Never raises for a file that can't be read."""
    if file.data is not None:
        return _decoded(file, file.data)
    try:
        found = file.path.stat()
        if not stat.S_ISREG(found.st_mode):
            return UnreadableFile(file.path, UnreadableReason.MISSING, "not a regular file")
        if found.st_size > MAX_SOURCE_BYTES:
            return UnreadableFile(file.path, UnreadableReason.TOO_LARGE, f"{found.st_size} bytes")
        with file.path.open("rb") as opened:
            data = opened.read(MAX_SOURCE_BYTES)
    except FileNotFoundError:
        reason = UnreadableReason.DANGLING if file.path.is_symlink() else UnreadableReason.MISSING
        return UnreadableFile(file.path, reason, "no such file")
    except OSError as error:
        return UnreadableFile(file.path, UnreadableReason.MISSING, error.strerror or type(error).__name__)
    return _decoded(file, data)


def _decoded(file: LintTarget, data: bytes) -> SourceFile | UnreadableFile:
    suffix = file.path.suffix.lower()
    if len(data) > MAX_SOURCE_BYTES:
        return UnreadableFile(file.path, UnreadableReason.TOO_LARGE, f"{len(data)} bytes")
    declared = encoding_of(data, suffix)
    encoding = "utf-8" if declared == "utf-8-sig" else declared
    try:
        text = data.decode(encoding)
        if encoding != "utf-8":
            text.encode()  # some codecs give halves of characters, which no parser takes
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not {encoding.upper()}"
        return UnreadableFile(file.path, UnreadableReason.NOT_TEXT, detail)
    except (UnicodeError, LookupError):  # LookupError: a codec that isn't about text, such as hex
        return UnreadableFile(file.path, UnreadableReason.NOT_TEXT, f"it is not {encoding.upper()}")
    if "\0" in text:
        return UnreadableFile(file.path, UnreadableReason.NOT_TEXT, "it contains NUL bytes")
    return _with_code(file, suffix, text, encoding)


def _with_code(file: LintTarget, suffix: str, text: str, encoding: str) -> SourceFile | UnreadableFile:
    has_bom = text.startswith(_BOM)
    text = text.removeprefix(_BOM)
    code: str | None = None
    cells: tuple[CellLine, ...] = ()
    language = LANGUAGE_BY_SUFFIX.get(suffix, Language.PYTHON)
    if suffix in MARKUP_SUFFIXES:
        code, language = scripts_of(text)
    elif suffix == NOTEBOOK_SUFFIX:
        try:
            code, cells = cells_of(text)
        except ValueError as error:
            return UnreadableFile(file.path, UnreadableReason.NOT_TEXT, f"it is no notebook: {error}")
    longest = max(map(len, (text if code is None else code).split("\n")))
    if longest > (MAX_NAMED_LINE_LENGTH if file.named else MAX_LINE_LENGTH):
        return UnreadableFile(file.path, UnreadableReason.TOO_LARGE, f"a line of {longest} characters")
    return SourceFile(
        path=file.path,
        language=language,
        text=text,
        has_bom=has_bom,
        encoding=encoding,
        code=code,
        cells=cells,
        inner_path=file.inner_path,
    )
