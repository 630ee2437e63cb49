"""What a file's comments say about the rules: `sherpa-lint: ignore[rule-id] reason`, on the line or the one above.

`sherpa-lint: ignore-file[rule-id] reason` before the first code holds for the whole file. Only comments count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.matching import Hit

_SAID = re.compile(r"sherpa-lint:\s*(?P<verb>ignore-file|ignore)\s*\[(?P<rules>[^\]]*)\]")
_MEANT = "sherpa-lint:"
#: What may stand before the first code: directives and docstrings are none.
_NO_CODE = frozenset({"comment", "hash_bang_line", "expression_statement"})


@dataclass(slots=True)
class Suppression:
    """One rule, silenced in one place."""

    node: SgNode
    """The comment."""
    rule: str
    """Empty where the comment could not be understood."""
    lines: range
    """The lines that it holds for, from 0."""
    used: bool = False

    def covers(self, hit: Hit) -> bool:
        """Say whether it silences this hit."""
        return hit.rule.id == self.rule and hit.range.start.line in self.lines


def suppressions(root: SgNode, text: str) -> list[Suppression]:
    """Find them all."""
    if _MEANT not in text:
        return []
    lines = text.split("\n")
    comments = [node for node in root.find_all(kind="comment") if _MEANT in node.text()]
    return [found for node in comments for found in _in_comment(node, root, lines)]


def not_suppressed(found: list[Hit], silencers: list[Suppression]) -> list[Hit]:
    """Leave out what is silenced, and note which suppressions did something."""
    left = []
    for hit in found:
        covering = [silencer for silencer in silencers if silencer.covers(hit)]
        for silencer in covering:
            silencer.used = True
        if not covering:
            left.append(hit)
    return left


def _in_comment(node: SgNode, root: SgNode, lines: list[str]) -> Iterator[Suppression]:
    said = list(_SAID.finditer(node.text()))
    if not said:
        yield Suppression(node, "", range(0))
    for part in said:
        held = _held_lines(node, root, lines) if part["verb"] == "ignore" else _whole_file(node, root, lines)
        rules = [rule.strip() for rule in part["rules"].split(",") if rule.strip()]
        yield from (Suppression(node, rule, held) for rule in rules or [""])


def _held_lines(node: SgNode, root: SgNode, lines: list[str]) -> range:
    """Behind code: its line. Alone on its line: the next line that is more than a comment."""
    place = node.range()
    before = lines[place.start.line][: place.start.column].strip()
    if before not in {"", "{"}:
        return range(place.start.line, place.end.line + 1)
    alone = {line for other in root.find_all(kind="comment") for line in _lines_alone(other, lines)}
    below = place.end.line + 1
    while below in alone:
        below += 1
    return range(place.start.line, below + 1)


def _lines_alone(comment: SgNode, lines: list[str]) -> range:
    place = comment.range()
    before = lines[place.start.line][: place.start.column].strip()
    behind = lines[place.end.line][place.end.column :].strip()
    return range(0) if before or behind else range(place.start.line, place.end.line + 1)


def _whole_file(node: SgNode, root: SgNode, lines: list[str]) -> range:
    first = next((child for child in root.children() if child.kind() not in _NO_CODE), None)
    code_at = first.range().start.line if first is not None else len(lines)
    return range(len(lines)) if node.range().start.line < code_at else range(0)
