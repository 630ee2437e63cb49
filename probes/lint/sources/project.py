"""The project around a file: where it begins, and which versions of a library it asks for."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MARKERS = (".git", "pyproject.toml", "package.json", "setup.cfg")
_PYTHON_FILES = (
    *("requirements*.txt", "requirements/*.txt", "pyproject.toml", "Pipfile", "setup.py", "setup.cfg"),
    *("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"),
)
#: Larger lock files exist; what is asked for stands in the first megabytes of one.
_MAX_BYTES = 4_000_000
#: Folders above a file that are searched. Deeper projects than that were not found.
_MAX_LEVELS = 12


def project_of(path: Path) -> Path | None:
    """Return the nearest folder above a path that looks like the root of a project; None if there is none."""
    return _project_of_folder(path.absolute().parent)


@cache
def _project_of_folder(folder: Path) -> Path | None:
    for level in (folder, *folder.parents)[:_MAX_LEVELS]:
        if any((level / marker).exists() for marker in _MARKERS):
            return level
    return None


def major_version(path: Path, library: str) -> int | None:
    """Return the major version of a Python library that the project around a file pins, or the last one it allows.

    The nearest folder with a file that names the library decides. None if nothing limits the version.
    """
    return _major_version(path.absolute().parent, library)


@cache
def _major_version(folder: Path, library: str) -> int | None:
    stop = repository_of(folder)
    for level in (folder, *folder.parents)[:_MAX_LEVELS]:
        texts = [_read(file) for pattern in _PYTHON_FILES for file in sorted(level.glob(pattern))]
        limits = [limit for text in texts for limit in _limits(text, library)]
        if limits:
            return min(limits)
        if level == stop:
            return None
    return None


def repository_of(folder: Path) -> Path | None:
    """Return the root of the Git repository that a folder is in; None if it is in none."""
    return next((level for level in (folder, *folder.parents) if (level / ".git").exists()), None)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _limits(text: str, library: str) -> list[int]:
    """Return the highest major versions that the lines of a requirement or lock file allow."""
    name = rf"(?<![\w.-]){re.escape(library)}(?:\[[^\]]*\])?[\"']?"
    version = r"\s*(?:=|:)?\s*[\"']?\s*(?:===?|~=|\^|~)\s*[\"']?(\d+)"
    pinned = [int(found) for found in re.findall(name + version, text)]
    at_most = [int(found) for found in re.findall(rf"{name}[^\n#]*?<=\s*(\d+)", text)]
    below = [int(found) - 1 for found in re.findall(rf"{name}[^\n#]*?<\s*(\d+)", text)]
    locked = [int(found) for found in re.findall(rf'name = "{re.escape(library)}"\r?\nversion = "(\d+)', text)]
    piped = re.findall(rf'"{re.escape(library)}": *\{{[^}}]*"version": *"==(\d+)', text)
    return [*pinned, *at_most, *below, *locked, *map(int, piped)]


#: What tells that TypeScript becomes ES modules.
_ES_MODULES = re.compile(r'"module"\s*:\s*"(?:es|node1|node2|nodenext|preserve)', re.IGNORECASE)


def compiles_to_commonjs(file: Path) -> bool:
    """Whether a TypeScript file becomes a CommonJS module: unless tsconfig.json or package.json asks for ES modules."""
    if file.suffix.lower() not in {".ts", ".tsx", ".cts"}:
        return False
    folder = file.absolute().parent
    for level in (folder, *folder.parents)[:_MAX_LEVELS]:
        package = _read(level / "package.json")
        settings = _read(level / "tsconfig.json")
        if package or settings:
            return not (_ES_MODULES.search(settings) or re.search(r'"type"\s*:\s*"module"', package))
    return False
