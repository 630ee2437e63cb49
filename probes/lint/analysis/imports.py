"""Where an imported name comes from: the file of the same project that a relative path or a package names.

Only files on disk within the project are looked at, and only few of them: an import is followed when a rule asks for a
value that the file at hand doesn't give. Packages from elsewhere are never read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from ast_grep_py import SgRoot

from probes.lint.analysis.code import Code, string_value
from probes.lint.languages import LANGUAGE_BY_SUFFIX, PYTHON
from probes.lint.sources.project import project_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ast_grep_py import SgNode

#: Larger files hold more than constants.
_MAX_BYTES = 200_000
#: Files that are read for one that is checked, and how many imports lead to the last of them.
MAX_FILES, MAX_DEPTH = 8, 2
_SUFFIXES = (".ts", ".tsx", ".mts", ".js", ".mjs", ".cjs", ".jsx")
#: `./config.js` names config.ts in projects that are compiled to ES modules.
_COMPILED = {".js": (".ts", ".tsx"), ".mjs": (".mts",), ".jsx": (".tsx",)}


@dataclass(frozen=True, slots=True)
class Import:
    """A name of a file and what it stands for."""

    source: str
    """As it is written: `./config`, `@/lib/config`, `.config`, `app.config`."""
    name: str
    """The name in the other file; empty for the whole module."""


def imports_of(code: Code) -> dict[str, Import]:
    """Return what a file imports, by the names that it uses for it."""
    return dict(_python_imports(code) if code.grammar is PYTHON else _script_imports(code))


def _python_imports(code: Code) -> Iterator[tuple[str, Import]]:
    for statement in code.of_kind("import_from_statement"):
        module = statement.field("module_name")
        for child in statement.children():
            if module is None or child == module or child.kind() not in {"dotted_name", "aliased_import"}:
                continue
            name, alias = child.field("name") or child, child.field("alias")
            yield (alias or name).text(), Import(module.text(), name.text())
    for statement in code.of_kind("import_statement"):
        for child in statement.children():
            name, alias = child.field("name") or child, child.field("alias")
            if child.kind() in {"dotted_name", "aliased_import"}:
                yield (alias or name).text(), Import(name.text(), "")


def _script_imports(code: Code) -> Iterator[tuple[str, Import]]:
    for statement in code.of_kind("import_statement"):
        source = statement.field("source")
        for node in statement.find_all({"rule": {"any": [{"kind": "import_specifier"}, {"kind": "namespace_import"}]}}):
            name, alias = node.field("name"), node.field("alias")
            if source is not None and name is not None:
                yield (alias or name).text(), Import(string_value(source), name.text())
            elif source is not None:
                yield node.text().rpartition(" ")[2], Import(string_value(source), "")
    for call in code.calls.get("require", ()):
        source, holder = call.field("arguments"), call.parent()
        target = None if holder is None else holder.field("name")
        found = None if source is None else re.fullmatch(r"\(\s*(['\"])(.+)\1\s*\)", source.text())
        if found is None or target is None:
            continue
        if target.kind() == "identifier":
            yield target.text(), Import(found[2], "")
        else:
            yield from ((name, Import(found[2], name)) for name in re.findall(r"[\w$]+", target.text()))


def imported_file(imported: Import, file: Path) -> Path | None:
    """Return the file that an import of `file` names, if it belongs to the same project; None if there is none."""
    root = project_of(file)
    if root is None:
        return None
    python = LANGUAGE_BY_SUFFIX.get(file.suffix.lower(), "") == "python"
    places = _python_places(imported, file, root) if python else _script_places(imported.source, file, root)
    for place in places:
        if place.is_file() and root in place.resolve().parents and place.stat().st_size <= _MAX_BYTES:
            return place
    return None


def _python_places(imported: Import, file: Path, root: Path) -> Iterator[Path]:
    dots = len(imported.source) - len(imported.source.lstrip("."))
    parts = [part for part in imported.source.split(".") if part]
    folder = file.absolute().parent
    if dots:
        folders = [folder, *folder.parents][dots - 1 : dots]
    else:
        folders = [level for level in (folder, *folder.parents) if level == root or root in level.parents]
    for level in folders:
        place = level.joinpath(*parts)
        if parts:
            yield place.with_name(f"{place.name}.py")
        yield place / "__init__.py"


def _script_places(source: str, file: Path, root: Path) -> Iterator[Path]:
    if source.startswith("."):
        bases = [file.absolute().parent / source]
    elif source.startswith(("@/", "~/")):  # what most projects name their source folder
        bases = [root / "src" / source[2:], root / source[2:]]
    else:
        return
    for base in bases:
        yield base
        for suffix in _COMPILED.get(base.suffix, ()):
            yield base.with_suffix(suffix)
        yield from (base.with_name(base.name + suffix) for suffix in _SUFFIXES)
        yield from (base / f"index{suffix}" for suffix in _SUFFIXES)


def read_code(file: Path) -> Code | None:
    """Parse a file; None if it can't be read or has a suffix of no language."""
    language = LANGUAGE_BY_SUFFIX.get(file.suffix.lower())
    try:
        text = file.read_text(encoding="utf-8") if language else ""
    except (OSError, UnicodeDecodeError):
        return None
    return None if language is None else Code(SgRoot(text, language.value).root(), text, language, PurePath(file.name))


def constants(code: Code, name: str) -> list[SgNode]:
    """Return the values that a file gives a name at its top level."""
    return [binding.value for binding in code.bindings.get(name, ()) if binding.scope is None]
