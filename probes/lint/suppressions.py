"""Suppression comments: `sherpa-lint: ignore[rule-id] reason`, on the line of a finding or on the one above.

`sherpa-lint: ignore-file[rule-id] reason` before the first code applies to the whole file. Only comments count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.matcher import RuleMatch

_DIRECTIVE = re.compile(r"sherpa-lint:\s*(?P<verb>ignore-file|ignore)\s*\[(?P<rules>[^\]]*)\]")
_MARKER = "sherpa-lint:"
#: Kinds of nodes that may precede the first code: comments, directives such as "use strict", docstrings.
_NOT_CODE = frozenset({"comment", "hash_bang_line", "expression_statement"})


@dataclass(slots=True)
class Suppression:
    """One rule, suppressed on some lines."""

    node: SgNode
    """The comment."""
    rule: str
    """Empty if the comment isn't a valid suppression."""
    lines: range
    """The lines that it applies to, from 0."""
    used: bool = False
    """Whether it has suppressed a match."""

    def covers(self, match: RuleMatch) -> bool:
        """Whether it suppresses this match."""
        return match.rule.id == self.rule and match.range.start.line in self.lines


def find_suppressions(root: SgNode, text: str) -> list[Suppression]:
    """Return the suppressions in all comments, one for each rule that a comment names."""
    if _MARKER not in text:
        return []
    comments = root.find_all(kind="comment")
    lines = _FileLines(text.split("\n"), _first_code_line(root))
    lines.comment_only.update(line for comment in comments for line in lines.own_lines(comment))
    return [found for node in comments if _MARKER in node.text() for found in _in_comment(node, lines)]


def apply_suppressions(matches: list[RuleMatch], suppressions: list[Suppression]) -> list[RuleMatch]:
    """Return the matches that are not suppressed, and mark the suppressions that were used."""
    kept = []
    for match in matches:
        covering = [suppression for suppression in suppressions if suppression.covers(match)]
        for suppression in covering:
            suppression.used = True
        if not covering:
            kept.append(match)
    return kept


@dataclass(frozen=True, slots=True)
class _FileLines:
    """The lines of a file, and which of them hold code."""

    lines: list[str]
    first_code: int
    comment_only: set[int] = field(default_factory=set)
    """The lines that hold only comments."""

    def before(self, comment: SgNode) -> str:
        """Return what precedes a comment on its line; the brace of a JSX comment doesn't count."""
        start = comment.range().start
        text = self.lines[start.line][: start.column].strip()
        return "" if text == "{" else text

    def own_lines(self, comment: SgNode) -> range:
        """Return the lines of a comment that shares none of them with code; otherwise none."""
        place = comment.range()
        after = self.lines[place.end.line][place.end.column :].strip()
        return range(0) if self.before(comment) or after not in {"", "}"} else _lines_of(comment)


def _lines_of(node: SgNode) -> range:
    place = node.range()
    return range(place.start.line, place.end.line + 1)


def _first_code_line(root: SgNode) -> int:
    first = next((child for child in root.children() if child.kind() not in _NOT_CODE), None)
    return root.range().end.line + 1 if first is None else first.range().start.line


def _in_comment(node: SgNode, lines: _FileLines) -> Iterator[Suppression]:
    directives = list(_DIRECTIVE.finditer(node.text()))
    if not directives:
        yield Suppression(node, "", range(0))
    for directive in directives:
        covered = _lines_below(node, lines) if directive["verb"] == "ignore" else _whole_file(node, lines)
        rules = [rule.strip() for rule in directive["rules"].split(",") if rule.strip()]
        yield from (Suppression(node, rule, covered) for rule in rules or [""])


def _lines_below(node: SgNode, lines: _FileLines) -> range:
    """Return the comment's line if it follows code; otherwise up to the next line that isn't only a comment."""
    own = _lines_of(node)
    if lines.before(node):
        return own
    below = own.stop
    while below in lines.comment_only:
        below += 1
    return range(own.start, below + 1)


def _whole_file(node: SgNode, lines: _FileLines) -> range:
    return range(len(lines.lines)) if _lines_of(node).start < lines.first_code else range(0)
