"""One parsed file with the indexes that rules ask for: strings, bindings, functions and calls.

Each index is built on first use, so a file that has nothing to do with the Realtime API never pays for them. Nothing
here knows a rule.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

from ast_grep_py import SgRoot

from probes.lint.languages import PYTHON, SCRIPT, Grammar, Language, LanguageFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePath

    from ast_grep_py import Config, SgNode

_QUOTED = re.compile(r"^[A-Za-z]{0,2}(\"\"\"|'''|['\"`])(.*)\1$", re.DOTALL)
_LAST_NAME = re.compile(r"([A-Za-z_$][\w$]*)[\])'\"!]*$")
#: How much of a path is searched for its last name: a chain of calls may be a thousand lines long.
_LONGEST_NAME = 100
#: Kinds of functions and of what encloses names, in both families.
_FUNCTIONS = frozenset({*SCRIPT.functions, *PYTHON.functions, "generator_function_declaration"})
_FIELD_DEFINITIONS = ("public_field_definition", "field_definition")
#: Kinds of nodes that give values to names.
_SCRIPT_BINDINGS = ("variable_declarator", *_FIELD_DEFINITIONS, "required_parameter", "optional_parameter")
_SCRIPT_ASSIGNMENTS = ("assignment_expression", "assignment_pattern")
_PYTHON_BINDINGS = ("assignment", "named_expression", "default_parameter", "typed_default_parameter")
#: Kinds that the tables below are made of.
_USUAL_KINDS = {
    LanguageFamily.SCRIPT: frozenset(
        {*SCRIPT.string_kinds, SCRIPT.call, *SCRIPT.functions, *_SCRIPT_BINDINGS, *_SCRIPT_ASSIGNMENTS}
    ),
    LanguageFamily.PYTHON: frozenset({*PYTHON.string_kinds, PYTHON.call, *PYTHON.functions, *_PYTHON_BINDINGS}),
}


@dataclass(frozen=True, slots=True)
class Binding:
    """A value that is given to a name: `name = value`, a default, a class field."""

    value: SgNode
    scope: SgNode | None
    """The function around it; None at the top of the file or in a class."""


class Code:
    """A parsed file. `path` tells tests from code; it may be empty."""

    def __init__(self, root: SgNode, text: str, language: Language, path: PurePath) -> None:
        self.root = root
        self.text = text
        self.language = language
        self.path = path
        self._by_kind: dict[str, list[SgNode]] = {}
        self.looked_up: dict[str, bool] = {}
        """Names of lists in which something is looked up, as far as that was asked."""

    @cached_property
    def lowered(self) -> str:
        """The text in lower case, for quick searches."""
        return self.text.lower()

    @property
    def grammar(self) -> Grammar:
        """The names of the language's node kinds."""
        return PYTHON if self.language.family is LanguageFamily.PYTHON else SCRIPT

    @cached_property
    def strings(self) -> Mapping[str, list[SgNode]]:
        """The string literals by their values; those that stand alone as a statement (docstrings) are left out."""
        found: dict[str, list[SgNode]] = defaultdict(list)
        for node in self.of_kind(*self.grammar.string_kinds):
            parent = node.parent()
            if parent is None or parent.kind() != "expression_statement":
                found[string_value(node)].append(node)
        return found

    def of_kind(self, *kinds: str) -> list[SgNode]:
        """Return all nodes of these kinds, kind by kind; kinds that the grammar lacks give nothing."""
        missing = {kind for kind in kinds if kind not in self._by_kind}
        if missing:
            # Each search walks the whole tree, so the kinds that most files are asked for are found in one.
            usual = _USUAL_KINDS[self.language.family]
            self._search(missing if missing.isdisjoint(usual) else missing | usual)
        return [node for kind in kinds for node in self._by_kind[kind]]

    def _search(self, kinds: set[str]) -> None:
        new = [kind for kind in sorted(kinds) if kind not in self._by_kind]
        self._by_kind.update((kind, []) for kind in new)
        patterns = [{"kind": kind} for kind in new if _has_kind(self.language, kind)]
        config = cast("Config", {"rule": {"any": patterns}})
        for node in self.root.find_all(config) if patterns else ():
            self._by_kind[node.kind()].append(node)

    @cached_property
    def calls(self) -> Mapping[str, list[SgNode]]:
        """The calls by the last name of what is called: `send` for `this.ws.send(...)`."""
        found: dict[str, list[SgNode]] = defaultdict(list)
        for call in self.of_kind(self.grammar.call):
            found[last_name(call.field(self.grammar.function))].append(call)
        return found

    @cached_property
    def updates(self) -> Mapping[str, list[SgNode]]:
        """The calls of a method `update`, by the text of its object."""
        found: dict[str, list[SgNode]] = defaultdict(list)
        for call in self.calls.get("update", ()):
            function = call.field(self.grammar.function)
            holder = None if function is None else function.field("object")
            if holder is not None:
                found[holder.text()].append(call)
        return found

    @cached_property
    def functions(self) -> Mapping[str, list[SgNode]]:
        """The functions and methods that have a name, by it."""
        found: dict[str, list[SgNode]] = defaultdict(list)
        for node in self.of_kind(*_FUNCTIONS):
            found[self.name_of(node)].append(node)
        found.pop("", None)
        return found

    def name_of(self, function: SgNode) -> str:
        """Return the name of a function, or of the variable, field or property that holds it; empty if it has none."""
        own = function.field("name")
        if own is not None:
            return own.text()
        parent = function.parent()
        if parent is None:
            return ""
        holder = parent.field("name") or parent.field("key") or parent.field("left") or parent.field("property")
        return "" if holder is None or holder == function else last_name(holder)

    @cached_property
    def bindings(self) -> Mapping[str, list[Binding]]:
        """Every value by the text of the name it is given to: `x`, `this.x`, `self.x`."""
        found: dict[str, list[Binding]] = defaultdict(list)
        for name, value in self._assigned():
            found[name].append(Binding(value, self.function_around(value)))
        return found

    def _assigned(self) -> Iterator[tuple[str, SgNode]]:
        if self.grammar is PYTHON:
            yield from self._assigned_in_python()
            return
        for node in self.of_kind(*_SCRIPT_BINDINGS):
            name = node.field("name") or node.field("property") or node.field("pattern")
            value = node.field("value")
            if name is not None and value is not None:
                prefix = "this." if node.kind() in _FIELD_DEFINITIONS else ""
                yield prefix + name.text(), value
        for node in self.of_kind(*_SCRIPT_ASSIGNMENTS):
            name, value = node.field("left"), node.field("right")
            if name is not None and value is not None:
                yield name.text(), value

    def _assigned_in_python(self) -> Iterator[tuple[str, SgNode]]:
        for node in self.of_kind(*_PYTHON_BINDINGS):
            name, value = node.field("left") or node.field("name"), node.field("right") or node.field("value")
            if name is None or value is None:
                continue
            yield name.text(), value
            if _is_class_field(node):
                yield f"self.{name.text()}", value

    @cached_property
    def members(self) -> Mapping[str, list[tuple[str, SgNode, SgNode]]]:
        """Assignments to fields, by the text of the object: field, the whole assignment, the value."""
        found: dict[str, list[tuple[str, SgNode, SgNode]]] = defaultdict(list)
        for node in self.of_kind("assignment" if self.grammar is PYTHON else "assignment_expression"):
            target, value = node.field("left"), node.field("right")
            if target is None or value is None:
                continue
            holder = target.field("object") or target.field("value")
            name = target.field(self.grammar.name) or target.field("index") or target.field("subscript")
            if holder is not None and name is not None:
                found[holder.text()].append((string_value(name), node, value))
        return found

    def function_around(self, node: SgNode) -> SgNode | None:
        """Return the nearest function around a node; a default of a parameter belongs to its own function."""
        return next((each for each in node.ancestors() if each.kind() in _FUNCTIONS), None)

    def functions_around(self, node: SgNode) -> list[SgNode]:
        """Return all functions around a node, from the inside out."""
        return [each for each in node.ancestors() if each.kind() in _FUNCTIONS]


@cache
def _has_kind(language: Language, kind: str) -> bool:
    """Whether a grammar has a kind of node; a search for one that it lacks is refused."""
    try:
        SgRoot("", language.value).root().find(kind=kind)
    except RuntimeError:
        return False
    return True


def is_function(node: SgNode) -> bool:
    """Whether the node is a function, method or lambda."""
    return node.kind() in _FUNCTIONS


def string_value(node: SgNode) -> str:
    """Return what a string literal says, or the text of any other node. Escapes stay as they are written."""
    text = node.text()
    found = _QUOTED.match(text)
    return found[2] if found else text


def last_name(node: SgNode | None) -> str:
    """Return the last name of a path: `send` for `this.ws?.send`; empty for anything else."""
    if node is None:
        return ""
    found = _LAST_NAME.search(node.text()[-_LONGEST_NAME:])
    return found[1] if found else ""


def _is_class_field(assignment: SgNode) -> bool:
    statement = assignment.parent()
    block = statement.parent() if statement is not None else None
    around = block.parent() if block is not None else None
    return around is not None and around.kind() == "class_definition"
