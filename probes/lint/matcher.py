"""Applying rules to one text, which is parsed once however many rules there are. Knows neither files nor reports."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from ast_grep_py import SgRoot

from probes.lint.analysis.addresses import only_azure_preview_around
from probes.lint.analysis.service import Service, context_of, names_azure, names_public_address
from probes.lint.analysis.sessions import RealtimeCode
from probes.lint.certainty import certain_severity
from probes.lint.compiler import compile_rule
from probes.lint.languages import Language
from probes.lint.rule import Found, Scope
from probes.lint.rules.patterns import SAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ast_grep_py import Range, SgNode

    from probes.lint.analysis.service import SourceContext
    from probes.lint.compiler import CompiledPattern, Search
    from probes.lint.rule import Rule
    from reports.model import Severity


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A syntax node that a rule matches."""

    rule: Rule
    node: SgNode
    severity: Severity
    """That of the rule, or less where the file doesn't show that its values reach the service."""
    word: str = ""
    """The word of the rule's replacements that it is about."""

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
    first = _first_error(root)
    if first is None:
        return None
    if language is Language.PYTHON:
        return None if _is_python(root.text()) else first
    masked = root.text()
    for gap, word in _GAPS:
        masked = gap.sub(word, masked)
    return first if masked == root.text() or _first_error(parse(masked, language)) is not None else None


#: What is right and the grammars don't know, with something that they know in its place. Only syntax is judged by it.
_GAPS = (
    # An attribute of an element with an ampersand, which is taken for the start of a character reference.
    (re.compile(r"""=(?:"[^"\n]*&[^"\n]*"|'[^'\n]*&[^'\n]*')"""), "='x'"),
    # Type arguments of a template: styled.div<{ wide: boolean }>`...`
    (re.compile(r"(?<=[\w)\]])<(?:[^<>`;()]|<[^<>`;()]*>)*>(?=`)"), ""),
    # A type of another module: vi.importActual<typeof import('node:fs')>()
    (re.compile(r"""(?:\btypeof\s+|(?<=<)\s*)import\(\s*['"][^'"\n]*['"]\s*\)"""), " x"),
    # A comparison with a negative number between arrow functions, taken for type arguments.
    (re.compile(r"(?<=\w) < -(?=\d)"), " <= -"),
)


def _first_error(root: SgNode) -> SgNode | None:
    errors = root.find_all({"rule": {"any": [{"kind": "ERROR"}, {"regex": "^$"}]}})
    real = (node for node in errors if node.parent() is not None or node.kind() == "ERROR")
    return next((node for node in real if not _is_known_gap(node)), None)


def _is_known_gap(error: SgNode) -> bool:
    """Whether the code is right, and the grammar doesn't know it yet. The rest of the tree is unharmed."""
    text, kinds = error.text(), {around.kind() for around in error.ancestors()}
    if text.startswith("&"):  # Tom & Jerry
        return bool(kinds & {"jsx_element", "jsx_attribute", "jsx_fragment"})
    if text == "type":  # export type * from "./types", TypeScript 5.0
        return "export_statement" in kinds
    return "type_parameter" in kinds and text.endswith("=")  # def f[T = int](), Python 3.13


def _is_python(text: str) -> bool:
    """Whether the Python that runs this can parse the text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the text, such as invalid escapes
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


_NO_PATH = PurePath()
#: A file without any of these words says nothing about the service, so most files are searched for little. Looking for
#: words takes a tenth of the time that one regular expression with all of them does.
_ABOUT_SERVICE = (
    *("realtime", "input_audio_buffer", "conversation.item", "session.update", "session.created", "api.openai.com"),
    *("transcription_session", "response.create", "response.done", "response.audio", "response.output"),
    *("response.function_call", "response.text."),
)
_SERVICE_SOCKET = re.compile(r"openai.?(?:ws|socket)")


def find_matches(
    root: SgNode,
    text: str,
    language: Language,
    rules: Iterable[Rule],
    path: PurePath = _NO_PATH,
    file: Path | None = None,
) -> list[RuleMatch]:
    """Return every match of the rules, ordered by position and rule id. `text` is the text of `root`.

    `path` is where the file is in its project; it tells tests from the code that they test. `file` is where it is on
    disk, for rules that ask the project around it; None if it isn't on disk.
    """
    code, parsed = RealtimeCode(root, text, language, path, file), _ParsedFile(root)
    found = []
    context = None
    about_service = _is_about_service(code.lowered)
    for rule in rules:
        if (about_service or rule.scope is Scope.LANGUAGE) and rule.may_match(code.lowered):
            for place in _places(rule, code, parsed):
                context = context or _context(text, path, file)
                severity = certain_severity(rule, place, context)
                if severity is not None and not (rule.is_right_in and file and rule.is_right_in(file)):
                    found.append(RuleMatch(rule, place.node, severity, place.word or _word_in(rule, place.node)))
    unique = {(match.range.start.index, match.range.end.index, match.rule.id): match for match in reversed(found)}
    return [unique[place] for place in sorted(unique, key=lambda place: (place[0], place[2]))]


def _is_about_service(lowered: str) -> bool:
    if any(word in lowered for word in _ABOUT_SERVICE):
        return True
    return "openai" in lowered and _SERVICE_SOCKET.search(lowered) is not None


def _context(text: str, path: PurePath, file: Path | None) -> SourceContext:
    """Return what a file is about. One that names no service gets its events through the project's other files."""
    context = context_of(text, path)
    knows = context.service is not Service.OPENAI or names_public_address(text) or names_azure(text)
    if knows or file is None or not only_azure_preview_around(file):
        return context
    return replace(context, service=Service.AZURE_PREVIEW)


def _places(rule: Rule, code: RealtimeCode, file: _ParsedFile) -> Iterator[Found]:
    yield from map(Found, file.find(compile_rule(rule.id, code.language)))
    if rule.find is not None and code.language.family in rule.families:
        yield from (replace(found, node=code.values.home(found.node)) for found in rule.find(code))


def _word_in(rule: Rule, node: SgNode) -> str:
    return rule.replaced_word_in(node.text()) if rule.replacements else ""


class _ParsedFile:
    """One parsed file, which makes each search once."""

    __slots__ = ("_answers", "_found", "_root")

    def __init__(self, root: SgNode) -> None:
        self._root = root
        self._found: dict[Search, list[SgNode]] = {}
        self._answers: dict[Search, frozenset[str] | None] = {}

    def find(self, alternatives: Iterable[CompiledPattern]) -> Iterable[SgNode]:
        """Return the nodes that match an alternative, each range once."""
        found = (node for pattern in alternatives for node in self._matching(pattern))
        return {(node.range().start.index, node.range().end.index): node for node in found}.values()

    def _matching(self, pattern: CompiledPattern) -> Iterator[SgNode]:
        nodes = self._search(pattern.nodes)
        # Most files have no such node, and then none of the questions about the file needs an answer.
        if not nodes or any(self._answer(query) is not None for query in pattern.unless):
            return
        answers = [self._answer(query) for query in pattern.requires]
        if None in answers:
            return
        for node in nodes:
            same = node.get_match(SAME)
            if same is None or any(same.text() in names for names in answers if names):
                yield node

    def _answer(self, query: Search) -> frozenset[str] | None:
        """Return the texts that `$SAME` matched in the file; None if the file doesn't contain the pattern."""
        if query not in self._answers:
            found = self._search(query)
            names = (node.get_match(SAME) for node in found)
            self._answers[query] = frozenset(name.text() for name in names if name) if found else None
        return self._answers[query]

    def _search(self, search: Search) -> list[SgNode]:
        if search not in self._found:
            self._found[search] = self._root.find_all(search.config)
        return self._found[search]
