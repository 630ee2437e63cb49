"""Autofixes: the text edits that fix a match, for rules whose fix needs no decision.

Pure functions on texts. Overlapping edits are left for the next round, so that each is computed on the text that it
changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never, cast

from probes.lint.rule import RemoveElement, ReplaceKeyword, RewriteText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import Config, SgNode

    from probes.lint.matcher import RuleMatch
    from probes.lint.rule import AutofixStep


@dataclass(frozen=True, slots=True, order=True)
class TextEdit:
    """A range of the text, as character offsets, and its replacement."""

    start: int
    end: int
    text: str

    def overlaps(self, other: TextEdit) -> bool:
        """Whether the two can't both be applied. Equal edits can: they are applied once."""
        return self != other and self.start < other.end and other.start < self.end


def edits_for(match: RuleMatch, root: SgNode, text: str) -> tuple[TextEdit, ...]:
    """Return the edits that fix a match; empty if its rule has no autofix, or none that changes anything here."""
    edits: list[TextEdit] = []
    for step in match.rule.autofix:
        edits = list(_after_step(step, match, root, text, edits))
    return tuple(edit for edit in edits if text[edit.start : edit.end] != edit.text)


def apply_edits(text: str, groups: list[tuple[TextEdit, ...]]) -> tuple[str, list[bool]]:
    """Apply groups of edits, each group completely or not at all.

    Returns the new text, and for each group whether it was applied. An empty group, or one that overlaps an earlier
    one, is not.
    """
    accepted: set[TextEdit] = set()
    applied = []
    for group in groups:
        is_free = bool(group) and not any(edit.overlaps(other) for edit in group for other in accepted)
        applied.append(is_free)
        if is_free:
            accepted.update(group)
    for edit in sorted(accepted, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text, applied


def _after_step(
    step: AutofixStep, found: RuleMatch, root: SgNode, text: str, edits: list[TextEdit]
) -> Iterator[TextEdit]:
    """Yield the edits after one more step. A rewrite of a range that an earlier step edits builds on that edit."""
    match step:
        case ReplaceKeyword():
            yield from _replacing(found)
        case RemoveElement():
            yield from _removing(found, text)
        case RewriteText():
            yield from _rewriting(step, found, root, edits)
        case _:
            assert_never(step)


def _replacing(match: RuleMatch) -> Iterator[TextEdit]:
    word = match.word
    if word in match.rule.replacements:
        start, end = _offsets(match.node)
        yield TextEdit(start, end, match.node.text().replace(word, match.rule.replacements[word]))


def _rewriting(step: RewriteText, match: RuleMatch, root: SgNode, edits: list[TextEdit]) -> Iterator[TextEdit]:
    node = match.node if step.where is None else root.find(cast("Config", {"rule": step.where}))
    if node is None:
        yield from edits
        return
    start, end = _offsets(node)
    same_range = [edit for edit in edits if (edit.start, edit.end) == (start, end)]
    yield from (edit for edit in edits if edit not in same_range)
    yield TextEdit(start, end, re.sub(step.old, step.new, same_range[0].text if same_range else node.text(), count=1))


def _offsets(node: SgNode) -> tuple[int, int]:
    place = node.range()
    return place.start.index, place.end.index


#: Kinds of nodes from which an element can be removed. A tuple is none of them: its length has a meaning.
_CONTAINERS = frozenset({"object", "array", "dictionary", "list", "set"})


def _removing(match: RuleMatch, text: str) -> Iterator[TextEdit]:
    """Remove an element with the comma after it, or with the one before it if it is the last; then its empty line."""
    container = match.node.parent()
    if container is None or container.kind() not in _CONTAINERS:
        return
    start, end = _offsets(match.node)
    comma_after = re.compile(r"[^\S\n]*,").match(text, end)
    comma_before = re.compile(r",\s*$").search(text, 0, start)
    if comma_after or not comma_before:
        yield TextEdit(*_with_whitespace(text, start, comma_after.end() if comma_after else end), "")
        return
    yield TextEdit(comma_before.start(), _after_comment(text, start, end), "")


def _after_comment(text: str, start: int, end: int) -> int:
    """Return the end of a range with the comment behind it, if nothing else is on its line: it is about the range."""
    alone = not text[text.rfind("\n", 0, start) + 1 : start].strip()
    comment = re.compile(r"[^\S\n]*(?://|#)[^\n]*").match(text, end) if alone else None
    return comment.end() if comment else end


def _with_whitespace(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend the range to its whole line if nothing else is on it, otherwise over the spaces after it."""
    line = text.rfind("\n", 0, start) + 1
    end = _after_comment(text, start, end)
    rest = re.compile(r"[^\S\n]*\n").match(text, end)
    if not text[line:start].strip() and rest:
        return line, rest.end()
    space = re.compile(r"[^\S\n]*").match(text, end)
    return start, space.end() if space else end
