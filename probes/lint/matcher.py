"""Applying rules to one text, which is parsed once however many rules there are. Knows neither files nor reports."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ast_grep_py import SgRoot

from probes.lint.compiler import compile_rule
from probes.lint.languages import Language
from probes.lint.rules.patterns import SAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ast_grep_py import Range, SgNode

    from probes.lint.compiler import CompiledPattern, FileQuery
    from probes.lint.rule import Rule


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A syntax node that a rule matches."""

    rule: Rule
    node: SgNode

    @property
    def range(self) -> Range:
        """The place of the node, with lines and columns from 0."""
        return self.node.range()


def parse(text: str, language: Language) -> SgNode:
    """Parse a text and return the root node. Never fails: see `first_syntax_error`."""
    return SgRoot(text, language.value).root()


def first_syntax_error(root: SgNode, language: Language) -> SgNode | None:
    """Return the first node that can't be parsed: an ERROR node, or an empty one for missing syntax.

    The grammars lag behind their languages. For Python, the interpreter's own parser has the last word.
    """
    errors = root.find_all({"rule": {"any": [{"kind": "ERROR"}, {"regex": "^$"}]}})
    first = next((node for node in errors if node.parent() is not None or node.kind() == "ERROR"), None)
    return None if first is not None and language is Language.PYTHON and _is_python(root.text()) else first


def _is_python(text: str) -> bool:
    """Whether the Python that runs this can parse the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the text, such as invalid escapes
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def find_matches(root: SgNode, text: str, language: Language, rules: Iterable[Rule]) -> list[RuleMatch]:
    """Return every match of the rules, ordered by position and rule id. `text` is the text of `root`."""
    lowered, file = text.lower(), _ParsedFile(root)
    found = [
        (node.range().start.index, rule.id, RuleMatch(rule, node))
        for rule in rules
        if any(word in lowered for word in rule.keywords)
        for node in file.find(compile_rule(rule.id, language))
    ]
    return [match for *_, match in sorted(found, key=lambda each: each[:2])]


class _ParsedFile:
    """One parsed file, which answers each query once."""

    __slots__ = ("_answers", "_root")

    def __init__(self, root: SgNode) -> None:
        self._root = root
        self._answers: dict[FileQuery, frozenset[str] | None] = {}

    def find(self, alternatives: Iterable[CompiledPattern]) -> Iterable[SgNode]:
        """Return the nodes that match an alternative, each range once."""
        found = (node for pattern in alternatives for node in self._matching(pattern))
        return {(node.range().start.index, node.range().end.index): node for node in found}.values()

    def _matching(self, pattern: CompiledPattern) -> Iterator[SgNode]:
        if any(self._answer(query) is not None for query in pattern.unless):
            return
        answers = [self._answer(query) for query in pattern.requires]
        if None in answers:
            return
        for node in self._root.find_all(pattern.config):
            same = node.get_match(SAME)
            if same is None or any(same.text() in names for names in answers if names):
                yield node

    def _answer(self, query: FileQuery) -> frozenset[str] | None:
        """Return the texts that `$SAME` matched in the file; None if the file doesn't contain the pattern."""
        if query not in self._answers:
            found = self._root.find_all(query.config)
            names = (node.get_match(SAME) for node in found)
            self._answers[query] = frozenset(name.text() for name in names if name) if found else None
        return self._answers[query]
