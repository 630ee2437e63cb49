"""Applying rules to one text, parsed once however many rules there are. Knows neither files nor reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ast_grep_py import SgRoot

from probes.lint.compiler import compile_rule
from probes.lint.rules.patterns import SAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ast_grep_py import Range, SgNode

    from probes.lint.compiler import CompiledPattern, FileQuery
    from probes.lint.rule import Language, Rule


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A mistake, found."""

    rule: Rule
    node: SgNode

    @property
    def range(self) -> Range:
        """Where it stands."""
        return self.node.range()


def parse(text: str, language: Language) -> SgNode:
    """Parse a text. Never fails: what is no syntax shows in `broken_at`."""
    return SgRoot(text, language.value).root()


def first_syntax_error(root: SgNode) -> SgNode | None:
    """Find the first place that the grammar can't read: an ERROR, or something that should be there and is not."""
    found = root.find_all({"rule": {"any": [{"kind": "ERROR"}, {"regex": "^$"}]}})
    return next((node for node in found if node.parent() is not None or node.kind() == "ERROR"), None)


def find_matches(root: SgNode, text: str, language: Language, rules: Iterable[Rule]) -> list[RuleMatch]:
    """Find every mistake that the rules know, by line and column."""
    folded, file = text.lower(), _File(root)
    found = [
        (node.range().start.index, rule.id, RuleMatch(rule, node))
        for rule in rules
        if any(word in folded for word in rule.keywords)
        for node in file.nodes(compile_rule(rule.id, language))
    ]
    return [hit for *_, hit in sorted(found, key=lambda one: one[:2])]


class _File:
    """One parsed file, which is asked the same only once."""

    __slots__ = ("_answers", "_root")

    def __init__(self, root: SgNode) -> None:
        self._root = root
        self._answers: dict[FileQuery, frozenset[str] | None] = {}

    def nodes(self, all_looks: Iterable[CompiledPattern]) -> Iterable[SgNode]:
        """Find what looks so in one way or another, each place once."""
        found = (node for look in all_looks for node in self._found(look))
        return {(node.range().start.index, node.range().end.index): node for node in found}.values()

    def _found(self, look: CompiledPattern) -> Iterator[SgNode]:
        if any(self._answer(question) is not None for question in look.unless):
            return
        names = [self._answer(question) for question in look.requires]
        if None in names:
            return
        for node in self._root.find_all(look.config):
            same = node.get_match(SAME)
            if same is None or any(same.text() in held for held in names if held):
                yield node

    def _answer(self, question: FileQuery) -> frozenset[str] | None:
        """None where the file does not hold it; else the names that it was found with."""
        if question not in self._answers:
            found = self._root.find_all(question.config)
            names = (node.get_match(SAME) for node in found)
            self._answers[question] = frozenset(name.text() for name in names if name) if found else None
        return self._answers[question]
