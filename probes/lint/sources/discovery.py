"""Which files are checked: those that the user names, and in a folder the code that looks written by hand.

`.gitignore` files are respected, from the root of the repository down. What can't be looked at is told.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from probes.lint.languages import KNOWN_SUFFIXES
from probes.lint.sources.project import project_of, repository_of
from probes.runner.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Folders with third-party or generated code.
SKIPPED_FOLDERS = frozenset(
    {"node_modules", "bower_components", "jspm_packages", "site-packages", "vendor", "vendored", "_vendor"}
    | {"third_party", "dist", "build", "out", "coverage", "venv", "env", "__pycache__", "__pypackages__", "__MACOSX"}
)
#: Suffixes of code that is minified or bundled for browsers.
_MINIFIED = (".min.js", ".min.mjs", ".min.cjs", ".bundle.js")
#: The path that stands for the standard input.
STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class LintTarget:
    """A file to check. What is skipped in a folder is checked if the user named it."""

    path: Path
    named: bool
    """Whether the user named it; otherwise it was found in a folder."""
    inner_path: PurePath = field(default_factory=PurePath, compare=False)
    """The path below its project; without a project, below the folder that it was found in."""
    data: bytes | None = field(default=None, compare=False, repr=False)
    """The content, if it doesn't come from the file: standard input."""


@dataclass(frozen=True, slots=True)
class UnreadableFolder:
    """A folder that can't be looked into, and why."""

    path: Path
    detail: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found."""

    targets: tuple[LintTarget, ...]
    unreadable: tuple[UnreadableFolder, ...]
    ignored: int
    """Files left out by `.gitignore` or `exclude`."""


def find_targets(
    paths: Sequence[Path], *, exclude: Sequence[str] = (), stdin_filename: Path | None = None
) -> Discovery:
    """Return the files to check, each once, sorted by path. Raises UsageError for a path with nothing to check.

    `exclude` are patterns as in `.gitignore`. `-` is the standard input, which is checked as `stdin_filename`.
    """
    found: dict[Path, LintTarget] = {}
    walk = _Walk(GitIgnoreSpec.from_lines(exclude))
    for path in paths:
        for target in _targets_of(path, walk, stdin_filename):
            real = target.path.resolve()
            found[real] = target if target.named or real not in found else found[real]
    targets = sorted(found.values(), key=lambda target: target.path.as_posix())
    return Discovery(tuple(targets), tuple(walk.unreadable), walk.ignored)


def _targets_of(path: Path, walk: _Walk, stdin_filename: Path | None) -> list[LintTarget]:
    if path == STDIN:
        name = stdin_filename or Path("stdin.py")
        return [LintTarget(_checked_suffix(name), True, _inner_path(name, None), sys.stdin.buffer.read())]
    if not path.is_dir():
        return [LintTarget(_checked(path), True, _inner_path(path, None))]
    unreadable, ignored = len(walk.unreadable), walk.ignored
    targets = [LintTarget(file, False, _inner_path(file, path)) for file in walk.files_in(path)]
    if not targets and len(walk.unreadable) == unreadable:
        left_out = f" ({walk.ignored - ignored} ignored)" if walk.ignored > ignored else ""
        raise UsageError(f"no TypeScript, JavaScript or Python files in {path}{left_out}")
    return targets


def _inner_path(path: Path, folder: Path | None) -> PurePath:
    """Return the path below the project, or below the folder that was named, or only the name."""
    base = project_of(path) or folder
    absolute = path.absolute()
    return absolute.relative_to(base.absolute()) if base else PurePath(path.name)


def _checked(path: Path) -> Path:
    if not path.exists() and not path.is_symlink():
        raise UsageError(f"{path} doesn't exist")
    return _checked_suffix(path)


def _checked_suffix(path: Path) -> Path:
    if path.suffix.lower() not in KNOWN_SUFFIXES:
        suffixes = " ".join(KNOWN_SUFFIXES)
        raise UsageError(f"{path} isn't TypeScript, JavaScript or Python: the suffix must be one of {suffixes}")
    return path


@dataclass(frozen=True, slots=True)
class _Ignored:
    """The patterns of one `.gitignore`, which hold below its folder."""

    folder: Path
    patterns: GitIgnoreSpec

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """Return whether the file ignores the path; None if it says nothing about it."""
        name = path.relative_to(self.folder).as_posix() + ("/" if is_folder else "")
        return self.patterns.check_file(name).include


class _Walk:
    """Walks folders and remembers what it could not look into or left out."""

    def __init__(self, exclude: GitIgnoreSpec) -> None:
        self._exclude = exclude
        self.unreadable: list[UnreadableFolder] = []
        self.ignored = 0

    def files_in(self, folder: Path) -> Iterator[Path]:
        """Yield the files with a known suffix. Links to folders are not followed, since they may form a loop."""
        rules = {folder.absolute(): self._rules_above(folder.absolute())}
        for place, folders, names in os.walk(folder, onerror=self._failed):
            here = Path(place).absolute()
            known = [*rules.get(here, []), *_rules_in(here)]
            kept = [name for name in sorted(folders) if name not in SKIPPED_FOLDERS and not name.startswith(".")]
            folders[:] = [name for name in kept if not self._is_out(here / name, known, folder, is_folder=True)]
            rules.update((here / name, known) for name in folders)
            for name in sorted(names):
                if Path(name).suffix.lower() in KNOWN_SUFFIXES and not name.lower().endswith(_MINIFIED):
                    if self._is_out(here / name, known, folder, is_folder=False):
                        self.ignored += 1
                    else:
                        yield Path(place, name)

    def _failed(self, error: OSError) -> None:
        self.unreadable.append(UnreadableFolder(Path(error.filename), error.strerror or type(error).__name__))

    def _rules_above(self, folder: Path) -> list[_Ignored]:
        root = repository_of(folder)
        if root is None or root == folder:
            return []
        between = [level for level in reversed(folder.parents) if level == root or root in level.parents]
        return [rule for level in between for rule in _rules_in(level)]

    def _is_out(self, path: Path, rules: list[_Ignored], folder: Path, *, is_folder: bool) -> bool:
        below = path.relative_to(folder.absolute()).as_posix()
        if self._exclude.match_file(below + ("/" if is_folder else "")):
            return True
        verdicts = (rule.verdict(path, is_folder=is_folder) for rule in reversed(rules))
        return next((verdict for verdict in verdicts if verdict is not None), False)


def _rules_in(folder: Path) -> list[_Ignored]:
    file = folder / ".gitignore"
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    except OSError:
        return []
    return [_Ignored(folder, GitIgnoreSpec.from_lines(lines))] if lines else []
