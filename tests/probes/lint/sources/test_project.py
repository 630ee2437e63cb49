from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.lint.sources.project import compiles_to_commonjs, major_version, project_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("requirements.txt", "websockets==13.1\n", 13),
        ("requirements.txt", "websockets[speedups]~=12.0\n", 12),
        ("requirements.txt", "websockets>=10,<14\n", 13),
        ("requirements.txt", "websockets>=13\n", None),
        ("requirements.txt", "wsproto==1.2\nmy-websockets==3\n", None),
        ("pyproject.toml", 'dependencies = ["websockets>=12,<=13.1"]\n', 13),
        ("pyproject.toml", '[tool.poetry.dependencies]\nwebsockets = "^12.0"\n', 12),
        ("uv.lock", '[[package]]\nname = "websockets"\nversion = "15.0.1"\n', 15),
        ("Pipfile.lock", '{"websockets": {"version": "==11.0.3"}}', 11),
    ],
)
def test_the_version_that_a_project_asks_for_is_read(
    tmp_path: Path, name: str, text: str, expected: int | None
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / name).write_text(text)
    (tmp_path / "app").mkdir()
    assert major_version(tmp_path / "app" / "a.py", "websockets") == expected


def test_the_nearest_file_that_names_a_library_decides(tmp_path: Path) -> None:
    inner = tmp_path / "service"
    inner.mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "requirements.txt").write_text("websockets==15.0\n")
    (inner / "requirements.txt").write_text("websockets==12.0\n")
    assert major_version(inner / "a.py", "websockets") == 12
    assert major_version(tmp_path / "a.py", "websockets") == 15


@pytest.mark.parametrize(
    ("settings", "package", "expected"),
    [
        ('{"compilerOptions": {"module": "commonjs"}}', "{}", True),
        ('{"compilerOptions": {"module": "ESNext"}}', "{}", False),
        ("{}", '{"type": "module"}', False),
        ("{}", "{}", True),
    ],
)
def test_typescript_becomes_what_its_project_says(tmp_path: Path, settings: str, package: str, expected: bool) -> None:
    (tmp_path / "tsconfig.json").write_text(settings)
    (tmp_path / "package.json").write_text(package)
    assert compiles_to_commonjs(tmp_path / "a.ts") is expected
    assert not compiles_to_commonjs(tmp_path / "a.mjs")


def test_a_project_begins_at_its_nearest_marker(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "package.json").write_text("{}")
    assert project_of(tmp_path / "a" / "b" / "c.ts") == tmp_path / "a"
