"""A fixed file is written back completely, or left alone with a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probes.lint.fixing.writer import write_source
from probes.lint.sources.discovery import LintTarget
from probes.lint.sources.files import SourceFile, read_source

if TYPE_CHECKING:
    from pathlib import Path


def source(path: Path) -> SourceFile:
    found = read_source(LintTarget(path, named=True))
    assert isinstance(found, SourceFile)
    return found


def test_byte_order_mark_line_endings_and_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes("\ufeffone\r\n".encode())
    path.chmod(0o751)
    before = source(path)
    assert write_source(before, replace(before, text="two\r\n")) == ""
    assert path.read_bytes() == "\ufefftwo\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o751


def test_a_change_in_the_meantime_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("one\n")
    before = source(path)
    path.write_text("one\nand more\n")
    assert write_source(before, replace(before, text="two\n")) == "it was changed since it was read"
    assert path.read_text() == "one\nand more\n"
    path.unlink()
    assert write_source(before, replace(before, text="two\n")) == "No such file or directory"
    assert list(tmp_path.iterdir()) == []
