"""Mending what can be mended without thought: edits of a text, from the hits of rules that know how.

Pure: texts in, texts out. Edits that touch one another wait for the next round, so each is made on what it was meant
for.
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
    """A piece of the text and what takes its place."""

    start: int
    end: int
    text: str

    def overlaps(self, other: TextEdit) -> bool:
        """Say whether the two can't be made at once."""
        return self != other and self.start < other.end and other.start < self.end


def edits_for(hit: RuleMatch, root: SgNode, text: str) -> tuple[TextEdit, ...]:
    """Say what mends a hit; empty where nothing does without thought."""
    here: list[TextEdit] = []
    for edit in hit.rule.autofix:
        here = list(_changes_by(edit, hit, root, text, here))
    return tuple(change for change in here if text[change.start : change.end] != change.text)


def apply_edits(text: str, all_changes: list[tuple[TextEdit, ...]]) -> tuple[str, list[bool]]:
    """Make the changes; each group whole or not at all. Gives the new text, and which groups were made."""
    taken: set[TextEdit] = set()
    made = []
    for group in all_changes:
        free = bool(group) and not any(change.overlaps(other) for change in group for other in taken)
        made.append(free)
        if free:
            taken.update(group)
    for change in sorted(taken, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text, made


def _changes_by(
    edit: AutofixStep, hit: RuleMatch, root: SgNode, text: str, before: list[TextEdit]
) -> Iterator[TextEdit]:
    """Add what this edit does to what the ones before it did; edits of the same piece build on one another."""
    match edit:
        case ReplaceKeyword():
            yield from _swapped(hit)
        case RemoveElement():
            yield from _without(hit, text)
        case RewriteText():
            yield from _rewritten(edit, hit, root, before)
        case _:
            assert_never(edit)


def _swapped(hit: RuleMatch) -> Iterator[TextEdit]:
    word = hit.rule.replaced_word_in(hit.node.text())
    if word:
        start, end = _place(hit.node)
        yield TextEdit(start, end, hit.node.text().replace(word, hit.rule.replacements[word]))


def _rewritten(edit: RewriteText, hit: RuleMatch, root: SgNode, before: list[TextEdit]) -> Iterator[TextEdit]:
    node = hit.node if edit.where is None else root.find(cast("Config", {"rule": edit.where}))
    if node is None:
        yield from before
        return
    start, end = _place(node)
    same = [change for change in before if (change.start, change.end) == (start, end)]
    yield from (change for change in before if change not in same)
    yield TextEdit(start, end, re.sub(edit.old, edit.new, same[0].text if same else node.text(), count=1))


def _place(node: SgNode) -> tuple[int, int]:
    place = node.range()
    return place.start.index, place.end.index


#: What an element can be taken out of. A tuple is none: with one element less it may be something else.
_HOLDERS = frozenset({"object", "array", "dictionary", "list", "set"})


def _without(hit: RuleMatch, text: str) -> Iterator[TextEdit]:
    """Take an element out with the comma behind it, or with the one before it where it is the last; then its line."""
    holder = hit.node.parent()
    if holder is None or holder.kind() not in _HOLDERS:
        return
    start, end = _place(hit.node)
    behind = re.compile(r"[^\S\n]*,").match(text, end)
    before = re.compile(r",\s*$").search(text, 0, start)
    if behind:
        yield TextEdit(*_with_its_line(text, start, behind.end()), "")
        return
    yield TextEdit(before.start() if before else start, end, "")


def _with_its_line(text: str, start: int, end: int) -> tuple[int, int]:
    """Take the white space along: the whole line where nothing else is on it, else the space behind."""
    line = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[^\S\n]*\n").match(text, end)
    if not text[line:start].strip() and rest:
        return line, rest.end()
    space = re.compile(r"[^\S\n]*").match(text, end)
    return start, space.end() if space else end
