"""Code inside other files: the scripts of `.vue`, `.svelte` and `.html`, the code cells of `.ipynb`.

The result has the lines and columns of the file, so that a finding's place is one in the file: everything that is not
code becomes spaces. A notebook has its code within JSON, so each line of it comes with the line where it stands.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ast_grep_py import SgRoot

from probes.lint.languages import Language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

#: Suffixes of files with scripts in elements.
MARKUP_SUFFIXES = frozenset({".vue", ".svelte", ".html", ".htm"})
NOTEBOOK_SUFFIX = ".ipynb"
_SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_TYPE = re.compile(r"""\btype\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_CODE_TYPES = frozenset({"module", "text/javascript", "application/javascript", "text/babel", "text/typescript"})
_TYPED = re.compile(r"""\blang\s*=\s*["']?tsx?\b|\btype\s*=\s*["']?text/typescript""", re.IGNORECASE)
#: What a server puts into a page before the browser sees it: Jinja, Django, Handlebars. `={{` is an attribute of JSX.
TEMPLATE_TAG = re.compile(r"\{%.*?%\}|(?<![=$])\{\{.*?\}\}")
_NOT_LINE_END = re.compile(r"[^\r\n]")
#: Halves of characters, which JSON may hold as an escape and no parser takes.
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Lines that IPython reads, and Python doesn't.
_MAGIC = re.compile(r"^\s*[%!?]|^\s*[\w.]+\?+\s*$")


def scripts_of(text: str) -> tuple[str, Language]:
    """Return a page with everything but its scripts blanked, and their language."""
    language, parts, end = Language.JAVASCRIPT, [], 0
    for script in _SCRIPT.finditer(text):
        attributes = script[1]
        kind = _TYPE.search(attributes)
        if kind and kind[1].lower() not in _CODE_TYPES:
            continue
        if _TYPED.search(attributes):
            language = Language.TYPESCRIPT
        parts += [_blank(text[end : script.start(2)]), TEMPLATE_TAG.sub(_without_tag, script[2])]
        end = script.end(2)
    return "".join([*parts, _blank(text[end:])]), language


def _without_tag(tag: re.Match[str]) -> str:
    """Return as many characters as a template's tag has: a number for what becomes a value, nothing for a block."""
    return ("0" if tag[0].startswith("{{") else "").ljust(len(tag[0]))


def _blank(text: str) -> str:
    return _NOT_LINE_END.sub(" ", text)


@dataclass(frozen=True, slots=True)
class CellLine:
    """Where a line of a notebook's code stands in the file, from 0."""

    line: int
    column: int
    """The column of the first character within its JSON string."""


def cells_of(text: str) -> tuple[str, tuple[CellLine, ...]]:
    """Return the code of a notebook's cells, and the place of each of its lines. Raises ValueError if it is none."""
    root = SgRoot(text, "json").root()
    lines: list[str] = []
    places: list[CellLine] = []
    for source in _sources(root):
        for string in source.children() if source.kind() == "array" else [source]:
            if string.kind() == "string":
                start = string.range().start
                for line in _SURROGATE.sub("\ufffd", json.loads(string.text())).splitlines():
                    lines.append(f"# {line}" if _MAGIC.match(line) else line)
                    places.append(CellLine(start.line, start.column + 1))
    return "\n".join([*lines, ""]), (*places, places[-1] if places else CellLine(0, 0))


def _sources(root: SgNode) -> Iterator[SgNode]:
    """Yield the `source` of each code cell, in order."""
    cells = next((_value(node, "cells") for node in root.children() if node.kind() == "object"), None)
    if cells is None:
        raise ValueError("no cells")
    for cell in cells.children():
        kind, source = _value(cell, "cell_type"), _value(cell, "source")
        if kind is not None and kind.text() == '"code"' and source is not None:
            yield source


def _value(node: SgNode, key: str) -> Any:
    pairs = (child for child in node.children() if child.kind() == "pair")
    found = next(
        (pair for pair in pairs if (name := pair.field("key")) is not None and name.text() == f'"{key}"'), None
    )
    return None if found is None else found.field("value")
