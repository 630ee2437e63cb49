from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from probes.lint.languages import Language
from probes.lint.sources.discovery import LintTarget, find_targets
from probes.lint.sources.files import (
    MAX_LINE_LENGTH,
    MAX_SOURCE_BYTES,
    SourceFile,
    UnreadableFile,
    UnreadableReason,
    read_source,
)
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str = "x = 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(*paths: Path) -> list[str]:
    return [file.path.name for file in find_targets(paths).targets]


def test_the_sources_of_a_folder_come_in_order(tmp_path: Path) -> None:
    for name in ("b/two.ts", "a.py", "b/one.tsx", "c.md", "d.css", "b/c/d.mjs", "e.cts", "F.JS"):
        write(tmp_path / name)
    assert found(tmp_path) == ["F.JS", "a.py", "d.mjs", "one.tsx", "two.ts", "e.cts"]


@pytest.mark.parametrize(
    "name",
    [
        "node_modules/a.js",
        "dist/a.js",
        ".git/a.py",
        "src/.next/a.js",
        "venv/lib/a.py",
        "__pycache__/a.py",
        "jquery.min.js",
    ],
)
def test_third_party_and_generated_code_is_skipped(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    write(tmp_path / "mine.py")
    assert found(tmp_path) == ["mine.py"]


def test_a_named_file_is_checked_wherever_it_is(tmp_path: Path) -> None:
    assert found(write(tmp_path / "dist" / "app.min.js")) == ["app.min.js"]
    assert found(tmp_path / "dist" / "app.min.js", write(tmp_path / "node_modules" / "x" / "y.js").parent) == [
        "app.min.js",
        "y.js",
    ]


def test_a_file_is_checked_once_and_being_named_counts(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py")
    (tmp_path / "link.py").symlink_to(file)
    assert list(find_targets([tmp_path, file, tmp_path]).targets) == [LintTarget(file, named=True)]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    write(tmp_path / "src" / "a.py")
    (tmp_path / "src" / "round").symlink_to(tmp_path)
    assert found(tmp_path) == ["a.py"]


@pytest.mark.parametrize("name", ["nothing", "notes.md"])
def test_a_path_without_source_is_wrong_usage(tmp_path: Path, name: str) -> None:
    write(tmp_path / "notes.md")
    with pytest.raises(UsageError, match=name):
        find_targets([tmp_path / name])


def test_a_folder_without_source_is_wrong_usage(tmp_path: Path) -> None:
    write(tmp_path / "node_modules" / "a.js")
    with pytest.raises(UsageError, match="no TypeScript, JavaScript or Python"):
        find_targets([tmp_path])


def test_a_source_keeps_its_line_endings_and_byte_order_mark(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbfx = 1\r\ny = '\xc3\xa4'\r\n"
    file = tmp_path / "a.py"
    file.write_bytes(data)
    source = read_source(LintTarget(file, named=True))
    assert source == SourceFile(path=file, language=Language.PYTHON, text="x = 1\r\ny = 'ä'\r\n", has_bom=True)
    assert source.encode(source.text) == data


def unreadable_reason(path: Path, *, named: bool = False) -> UnreadableReason | None:
    result = read_source(LintTarget(path, named=named))
    return result.reason if isinstance(result, UnreadableFile) else None


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.js"
    with file.open("wb") as opened:
        opened.truncate(200_000_000)
    assert unreadable_reason(file, named=True) is UnreadableReason.TOO_LARGE
    assert unreadable_reason(file) is UnreadableReason.TOO_LARGE


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    line = "x = 1\n"
    assert unreadable_reason(write(tmp_path / "a.py", line * (MAX_SOURCE_BYTES // len(line)))) is None


def test_a_file_with_a_very_long_line_is_skipped_unless_named(tmp_path: Path) -> None:
    file = write(tmp_path / "bundle.js", f"// {'x' * MAX_LINE_LENGTH}\n")
    assert unreadable_reason(file) is UnreadableReason.TOO_LARGE
    assert unreadable_reason(file, named=True) is None


@pytest.mark.parametrize(
    "data",
    [
        b"x = '\xe4'\n",
        "x = 1\n".encode("utf-16-le"),
        b"x = 1\0\n",
        b"# coding: hex\nx = 1\n",
        b"# coding: raw_unicode_escape\nx = '\\ud83d'\n",
    ],
)
def test_a_file_that_is_not_text_is_reported(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(data)
    assert unreadable_reason(file) is UnreadableReason.NOT_TEXT


def test_unreadable_files_are_reported_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    assert [unreadable_reason(file.path) for file in find_targets([tmp_path]).targets] == [
        UnreadableReason.DANGLING,
        UnreadableReason.MISSING,
    ]
    assert [file.named for file in find_targets([tmp_path / "gone.py"]).targets] == [True]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.py", "# -*- coding: latin-1 -*-\nx = 'ä'\n".encode("latin-1")),
        ("a.html", "<meta charset=iso-8859-1><script>const x = 'ä';</script>".encode("latin-1")),
        ("a.ts", "const x = 'ä';\n".encode("utf-16")),
    ],
)
def test_a_declared_encoding_is_read_and_kept(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    source = read_source(LintTarget(tmp_path / name, named=True))
    assert isinstance(source, SourceFile)
    assert "ä" in source.text
    assert source.encode(source.text) == data


def test_what_git_ignores_is_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / ".gitignore", "generated/\n*.gen.ts\n!kept.gen.ts\n")
    write(tmp_path / "src" / ".gitignore", "/local.py\n")
    for name in ("generated/a.py", "b.gen.ts", "kept.gen.ts", "src/local.py", "src/deep/local.py", "src/c.py"):
        write(tmp_path / name)
    assert found(tmp_path) == ["kept.gen.ts", "c.py", "local.py"]
    assert find_targets([tmp_path]).ignored == 2
    assert found(tmp_path / "src") == ["c.py", "local.py"]
    assert found(tmp_path / "b.gen.ts") == ["b.gen.ts"]


def test_what_is_excluded_is_left_out(tmp_path: Path) -> None:
    for name in ("legacy/a.py", "b.py", "sub/legacy/c.py"):
        write(tmp_path / name)
    assert [file.path.name for file in find_targets([tmp_path], exclude=["/legacy/"]).targets] == ["b.py", "c.py"]


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.py")
    write(tmp_path / "closed" / "b.py")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    result = find_targets([tmp_path])
    assert [file.path.name for file in result.targets] == ["a.py"]
    assert [(folder.path.name, folder.detail) for folder in result.unreadable] == [("closed", "Permission denied")]
