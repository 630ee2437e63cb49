"""What a file's comments say about the rules: `sherpa-lint: ignore[rule-id] reason`, on the line or the one above.

`sherpa-lint: ignore-file[rule-id] reason` before the first code holds for the whole file. Only comments count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.matcher import RuleMatch

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

    def covers(self, hit: RuleMatch) -> bool:
        """Say whether it silences this hit."""
        return hit.rule.id == self.rule and hit.range.start.line in self.lines


def find_suppressions(root: SgNode, text: str) -> list[Suppression]:
    """Find them all."""
    if _MEANT not in text:
        return []
    comments = root.find_all(kind="comment")
    page = _Page(text.split("\n"), _first_code(root))
    page.bare.update(line for comment in comments for line in page.lines_alone(comment))
    return [found for node in comments if _MEANT in node.text() for found in _in_comment(node, page)]


def apply_suppressions(found: list[RuleMatch], silencers: list[Suppression]) -> list[RuleMatch]:
    """Leave out what is silenced, and note which suppressions did something."""
    left = []
    for hit in found:
        covering = [silencer for silencer in silencers if silencer.covers(hit)]
        for silencer in covering:
            silencer.used = True
        if not covering:
            left.append(hit)
    return left


@dataclass(frozen=True, slots=True)
class _Page:
    """A file's lines, and what of them is code."""

    lines: list[str]
    first_code: int
    bare: set[int] = field(default_factory=set)
    """The lines that hold nothing but comments."""

    def before(self, comment: SgNode) -> str:
        """What stands before a comment in its line; a bracket that only holds it is nothing."""
        start = comment.range().start
        text = self.lines[start.line][: start.column].strip()
        return "" if text == "{" else text

    def lines_alone(self, comment: SgNode) -> range:
        """Give the lines that a comment has for itself."""
        place = comment.range()
        behind = self.lines[place.end.line][place.end.column :].strip()
        return range(0) if self.before(comment) or behind not in {"", "}"} else _lines_of(comment)


def _lines_of(node: SgNode) -> range:
    place = node.range()
    return range(place.start.line, place.end.line + 1)


def _first_code(root: SgNode) -> int:
    first = next((child for child in root.children() if child.kind() not in _NO_CODE), None)
    return root.range().end.line + 1 if first is None else first.range().start.line


def _in_comment(node: SgNode, page: _Page) -> Iterator[Suppression]:
    said = list(_SAID.finditer(node.text()))
    if not said:
        yield Suppression(node, "", range(0))
    for part in said:
        held = _held_lines(node, page) if part["verb"] == "ignore" else _whole_file(node, page)
        rules = [rule.strip() for rule in part["rules"].split(",") if rule.strip()]
        yield from (Suppression(node, rule, held) for rule in rules or [""])


def _held_lines(node: SgNode, page: _Page) -> range:
    """Behind code: its line. Alone on its line: the next line that is more than a comment."""
    own = _lines_of(node)
    if page.before(node):
        return own
    below = own.stop
    while below in page.bare:
        below += 1
    return range(own.start, below + 1)


def _whole_file(node: SgNode, page: _Page) -> range:
    return range(len(page.lines)) if _lines_of(node).start < page.first_code else range(0)
