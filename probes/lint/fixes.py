"""Mending what can be mended without thought: edits of a text, from the hits of rules that know how.

Pure: texts in, texts out. Edits that touch one another wait for the next round, so each is made on what it was meant
for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never, cast

from probes.lint.rule import Remove, Rewrite, SwapWord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import Config, SgNode

    from probes.lint.matcher import Hit
    from probes.lint.rule import Edit


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A piece of the text and what takes its place."""

    start: int
    end: int
    text: str

    def touches(self, other: Change) -> bool:
        """Say whether the two can't be made at once."""
        return self != other and self.start < other.end and other.start < self.end


def changes(hit: Hit, root: SgNode, text: str) -> tuple[Change, ...]:
    """Say what mends a hit; empty where nothing does without thought."""
    here: list[Change] = []
    for edit in hit.rule.edits:
        here = list(_changes_by(edit, hit, root, text, here))
    return tuple(change for change in here if text[change.start : change.end] != change.text)


def mended(text: str, all_changes: list[tuple[Change, ...]]) -> tuple[str, list[bool]]:
    """Make the changes; each group whole or not at all. Gives the new text, and which groups were made."""
    taken: set[Change] = set()
    made = []
    for group in all_changes:
        free = bool(group) and not any(change.touches(other) for change in group for other in taken)
        made.append(free)
        if free:
            taken.update(group)
    for change in sorted(taken, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text, made


def _changes_by(edit: Edit, hit: Hit, root: SgNode, text: str, before: list[Change]) -> Iterator[Change]:
    """Add what this edit does to what the ones before it did; edits of the same piece build on one another."""
    match edit:
        case SwapWord():
            yield from _swapped(hit)
        case Remove():
            yield from _without(hit, text)
        case Rewrite():
            yield from _rewritten(edit, hit, root, before)
        case _:
            assert_never(edit)


def _swapped(hit: Hit) -> Iterator[Change]:
    word = hit.rule.word_in(hit.node.text())
    if word:
        start, end = _place(hit.node)
        yield Change(start, end, hit.node.text().replace(word, hit.rule.instead[word]))


def _rewritten(edit: Rewrite, hit: Hit, root: SgNode, before: list[Change]) -> Iterator[Change]:
    node = hit.node if edit.where is None else root.find(cast("Config", {"rule": edit.where}))
    if node is None:
        yield from before
        return
    start, end = _place(node)
    same = [change for change in before if (change.start, change.end) == (start, end)]
    yield from (change for change in before if change not in same)
    yield Change(start, end, re.sub(edit.old, edit.new, same[0].text if same else node.text(), count=1))


def _place(node: SgNode) -> tuple[int, int]:
    place = node.range()
    return place.start.index, place.end.index


#: What an element can be taken out of. A tuple is none: with one element less it may be something else.
_HOLDERS = frozenset({"object", "array", "dictionary", "list", "set"})


def _without(hit: Hit, text: str) -> Iterator[Change]:
    """Take an element out with the comma behind it, or with the one before it where it is the last; then its line."""
    holder = hit.node.parent()
    if holder is None or holder.kind() not in _HOLDERS:
        return
    start, end = _place(hit.node)
    behind = re.compile(r"[^\S\n]*,").match(text, end)
    before = re.compile(r",\s*$").search(text, 0, start)
    if behind:
        yield Change(*_with_its_line(text, start, behind.end()), "")
        return
    yield Change(before.start() if before else start, end, "")


def _with_its_line(text: str, start: int, end: int) -> tuple[int, int]:
    """Take the white space along: the whole line where nothing else is on it, else the space behind."""
    line = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[^\S\n]*\n").match(text, end)
    if not text[line:start].strip() and rest:
        return line, rest.end()
    space = re.compile(r"[^\S\n]*").match(text, end)
    return start, space.end() if space else end
