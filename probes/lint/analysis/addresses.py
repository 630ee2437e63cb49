"""Whose address the project around a file names: a page may show only what another file receives.

A page or a component that gets its events from the project's own server names no service.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from probes.lint.analysis.service import names_public_address, speaks_azure_preview
from probes.lint.languages import KNOWN_SUFFIXES
from probes.lint.sources.discovery import SKIPPED_FOLDERS
from probes.lint.sources.project import repository_of

if TYPE_CHECKING:
    from collections.abc import Iterator

#: In a project with more files, or beyond so many bytes of one, nothing is concluded.
_MAX_FILES, _MAX_BYTES = 400, 500_000


def only_azure_preview_around(file: Path) -> bool:
    """Whether the repository around a file names Azure's preview address, and OpenAI's nowhere."""
    root = repository_of(file.absolute().parent)
    return root is not None and _is_only_azure_preview(root)


@cache
def _is_only_azure_preview(root: Path) -> bool:
    preview = False
    for number, file in enumerate(_code_below(root)):
        text = _start_of(file)
        if number >= _MAX_FILES or names_public_address(text):
            return False
        preview = preview or speaks_azure_preview(text)
    return preview


def _code_below(root: Path) -> Iterator[Path]:
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(names) if Path(name).suffix.lower() in KNOWN_SUFFIXES)


def _start_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
