"""Where a value comes from: follows names, defaults, calls, spreads and merges, and constants of other files.

`Values.fields_of(expression)` answers: which entries does this object have, as far as the file shows, and is that all
of them? Aliases are followed by name: a name stands for every value that the file gives it in a function around its
use. That errs towards seeing too many entries rather than too few, so what must be *absent* is claimed only where
`complete` is true. The work per file is bounded by a number of steps; past it, everything is incomplete.

What an imported constant holds belongs to another file. A finding about it is placed where this file uses the name: see
`Values.home`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import argument_for, arguments_of, parameters_of, returned_by
from probes.lint.analysis.code import last_name, string_value
from probes.lint.analysis.imports import MAX_DEPTH, MAX_FILES, constants, imported_file, imports_of, read_code
from probes.lint.languages import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

    from ast_grep_py import SgNode

    from probes.lint.analysis.code import Code
    from probes.lint.analysis.imports import Import

#: Expressions followed per file, which take half a second at most. Hand-written files take a few hundred.
_MAX_STEPS = 6_000
#: How many values of one name are followed. A name that a function gives more values is a loop's, or generated.
_MAX_VALUES = 20
#: How many assignments to fields of one name are followed.
_MAX_MEMBERS = 60
#: How far one value is followed.
_MAX_DEPTH = 12
#: Calls that return their first argument, or a copy of it.
_COPIES = frozenset(
    {"stringify", "dumps", "structuredClone", "deepcopy", "copy", "cloneDeep", "freeze", "cast", "parse"}
)
_MERGES = frozenset({"assign", "merge", "defaults", "dict"})
#: Kinds that pass on what is in them: parentheses, casts, await, fallbacks and choices.
_WRAPPERS = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression", "await_expression"}
    | {"await", "boolean_operator", "conditional_expression", "type_assertion"}
)
_NAMES = frozenset({"identifier", "shorthand_property_identifier"})
_CHOICES = frozenset({"||", "??", "|", "&&"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of an object: `name: value`, `...`, or an assignment to it."""

    name: str
    node: SgNode
    """What a finding points at: the pair, the shorthand name or the assignment."""
    value: SgNode


@dataclass(slots=True)
class Fields:
    """What an expression has as an object."""

    entries: list[Entry] = field(default_factory=list)
    objects: list[SgNode] = field(default_factory=list)
    """The literals that it is made of."""
    complete: bool = True
    """Whether everything that it is made of stands in this file."""

    def named(self, name: str) -> list[Entry]:
        """Return the entries with this name."""
        return [entry for entry in self.entries if entry.name == name]


class Values:
    """Follows the values of one file. `file` is where it is on disk; without it, imports are not followed."""

    def __init__(
        self, code: Code, file: Path | None = None, depth: int = 0, files: dict[Path, Values] | None = None
    ) -> None:
        self.code = code
        self._file = file if depth < MAX_DEPTH else None
        self._depth = depth
        self._steps = 0
        self._known: dict[SgNode, Fields] = {}
        self._imports: dict[str, Import] | None = None
        self._files: dict[Path, Values] = {} if files is None else files
        self._adopted: dict[SgNode, tuple[Values, SgNode]] = {}

    def home(self, node: SgNode) -> SgNode:
        """Return the node of this file that stands for a node: itself, or the name by which it was imported."""
        return self._adopted[node][1] if node in self._adopted else node

    def fields_of(self, expression: SgNode) -> Fields:
        """Return the entries of an expression. The same expression is followed once."""
        if expression in self._adopted:
            owner, site = self._adopted[expression]
            return self._adopt(owner.fields_of(expression), owner, site)
        if expression not in self._known:
            fields = Fields()
            self._follow(expression, fields, {expression})
            self._known[expression] = fields
        return self._known[expression]

    def at(self, expression: SgNode, *path: str) -> list[Entry]:
        """Return the entries at a path below an expression: `at(session, "audio", "input", "format")`."""
        found = self.fields_of(expression).named(path[0])
        for name in path[1:]:
            found = [inner for entry in found for inner in self.fields_of(entry.value).named(name)]
        return found

    def texts(self, expression: SgNode) -> list[str]:
        """Return the string literals that an expression may be; a template counts with its placeholders."""
        return list(map(string_value, self.strings(expression)))

    def strings(self, expression: SgNode) -> list[SgNode]:
        """Return the nodes of the string literals that an expression may be."""
        seen: set[SgNode] = {expression}
        waiting = [expression]
        found: list[SgNode] = []
        while waiting and self._step():
            node = waiting.pop()
            if node in self._adopted:
                owner, site = self._adopted[node]
                found += [self._adopt_node(string, owner, site) for string in owner.strings(node)]
                continue
            if node.kind() in self.code.grammar.string_kinds:
                found.append(node)
                continue
            sources = self._sources(node) or self._imported(node)
            fresh = [source for source in sources if source not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
        return found

    def _step(self) -> bool:
        self._steps += 1
        return self._steps < _MAX_STEPS

    def _follow(self, node: SgNode, fields: Fields, seen: set[SgNode], depth: int = 0) -> None:
        if depth > _MAX_DEPTH or not self._step():
            fields.complete = False
            return
        if node.kind() == self.code.grammar.object:
            fields.objects.append(node)
            self._follow_literal(node, fields, seen, depth)
            self._follow_changes(node, fields, seen, depth)
            return
        sources = self._sources(node)
        if not sources and (imported := self._imported(node)):
            for source in imported:
                found = self.fields_of(source)
                fields.entries += found.entries
                fields.objects += found.objects
                fields.complete = fields.complete and found.complete
            return
        if not sources and node.kind() not in {"null", "none", "undefined"}:
            fields.complete = False
        if len(sources) >= _MAX_VALUES:
            fields.complete = False
        for source in sources:
            if source not in seen:
                seen.add(source)
                self._follow(source, fields, seen, depth + 1)
        if node.kind() in {"identifier", self.code.grammar.member}:
            self._follow_members(node, fields, seen, depth)

    def _follow_literal(self, node: SgNode, fields: Fields, seen: set[SgNode], depth: int) -> None:
        for child in node.children():
            match child.kind():
                case "pair":
                    key, value = child.field("key"), child.field("value")
                    if key is not None and value is not None:
                        fields.entries.append(Entry(string_value(key), child, value))
                case "shorthand_property_identifier":
                    fields.entries.append(Entry(child.text(), child, child))
                case "spread_element" | "dictionary_splat":
                    for inner in child.children():
                        if inner.is_named() and inner not in seen:
                            seen.add(inner)
                            self._follow(inner, fields, seen, depth + 1)

    def _follow_changes(self, node: SgNode, fields: Fields, seen: set[SgNode], depth: int) -> None:
        """Add what is assigned to fields of the name that holds this literal."""
        parent = node.parent()
        holder = None if parent is None else parent.field("name") or parent.field("left")
        if holder is not None and parent is not None and parent.kind() not in {"pair", "keyword_argument"}:
            self._follow_members(holder, fields, seen, depth)

    def _follow_members(self, name: SgNode, fields: Fields, seen: set[SgNode], depth: int) -> None:
        around = self.code.functions_around(name)
        for field_name, assignment, value in self.code.members.get(name.text(), ())[:_MAX_MEMBERS]:
            inside = self.code.function_around(assignment)
            if assignment not in seen and (name.kind() != "identifier" or inside is None or inside in around):
                seen.add(assignment)
                fields.entries.append(Entry(field_name, assignment, value))
        for call in self.code.updates.get(name.text(), ())[:_MAX_VALUES] if self.code.grammar is PYTHON else ():
            if call not in seen:
                seen.add(call)
                for argument in arguments_of(call):
                    self._follow_argument(argument, fields, seen, depth)

    def _follow_argument(self, argument: SgNode, fields: Fields, seen: set[SgNode], depth: int) -> None:
        name, value = argument.field("name"), argument.field("value")
        if argument.kind() == "keyword_argument" and name is not None and value is not None:
            fields.entries.append(Entry(name.text(), argument, value))
        elif argument.kind() in {"dictionary_splat", "spread_element"}:
            for inner in argument.children():
                if inner.is_named():
                    self._follow(inner, fields, seen, depth + 1)
        else:
            self._follow(argument, fields, seen, depth + 1)

    def _sources(self, node: SgNode) -> list[SgNode]:
        """Return the expressions that a value may come from; empty if the file doesn't show it."""
        kind = node.kind()
        if kind in _WRAPPERS or kind == "ternary_expression":
            return self._operands(node)
        if kind in {"binary_expression", "binary_operator"}:
            operator = node.field("operator")
            return self._operands(node) if operator is not None and operator.text() in _CHOICES else []
        if kind in {"identifier", "shorthand_property_identifier"}:
            return self._bound(node) or self._passed(node)
        if kind == self.code.grammar.member:
            return self._held(node)
        return self._returned(node) if kind == self.code.grammar.call else []

    def _imported(self, node: SgNode) -> list[SgNode]:
        """Return the values of an imported constant: `MODEL`, or `config.MODEL` of a module or of an object."""
        if node.kind() == self.code.grammar.member:
            holder, name = node.field("object"), node.field(self.code.grammar.name)
            if holder is None or name is None or holder.kind() != "identifier":
                return []
            module = self._module(holder.text())
            if module is None:
                inner = [self.fields_of(each).named(name.text()) for each in self._imported(holder)]
                return [entry.value for entries in inner for entry in entries]
            return [self._adopt_node(each, module, node) for each in constants(module.code, name.text())]
        imported = self._import(node.text()) if node.kind() in _NAMES else None
        owner = None if imported is None else self._owner(imported)
        if imported is None or owner is None or not imported.name:
            return []
        return [self._adopt_node(each, owner, node) for each in constants(owner.code, imported.name)]

    def _import(self, name: str) -> Import | None:
        if self._file is None:
            return None
        if self._imports is None:
            self._imports = imports_of(self.code)
        return self._imports.get(name)

    def _module(self, name: str) -> Values | None:
        imported = self._import(name)
        return self._owner(imported) if imported is not None and not imported.name else None

    def _owner(self, imported: Import) -> Values | None:
        """Return the values of the file that an import names, which is read once."""
        place = imported_file(imported, self._file) if self._file is not None else None
        if place is not None and place not in self._files and len(self._files) < MAX_FILES:
            code = read_code(place)
            if code is not None:
                self._files[place] = Values(code, place, self._depth + 1, self._files)
        return self._files.get(place) if place is not None else None

    def _adopt(self, fields: Fields, owner: Values, site: SgNode) -> Fields:
        """Return fields of another file as fields of this one."""
        entries = [
            Entry(each.name, site, self._adopt_node(each.value, owner, site)) for each in fields.entries[:_MAX_MEMBERS]
        ]
        return Fields(entries, [site] if fields.objects else [], fields.complete)

    def _adopt_node(self, node: SgNode, owner: Values, site: SgNode) -> SgNode:
        self._adopted[node] = (owner, site)
        return node

    def _operands(self, node: SgNode) -> list[SgNode]:
        """Return the operands that may be the value; a condition and a type are not among them."""
        named = [child for child in node.children() if child.is_named()]
        match node.kind():
            case "ternary_expression":
                return named[1:]
            case "conditional_expression":
                return [named[0], named[-1]]
            case "as_expression" | "satisfies_expression":
                return named[:1]
            case "type_assertion":
                return named[-1:]
            case _:
                return named

    def _bound(self, name: SgNode) -> list[SgNode]:
        """Return the values of a variable, from the innermost function that gives it one."""
        bindings = self.code.bindings.get(name.text(), ())
        around: list[SgNode | None] = [*self.code.functions_around(name), None]
        for scope in around:
            inside = (binding.value for binding in bindings if binding.scope == scope)
            found = list(islice(inside, _MAX_VALUES))
            if found:
                return found
        return []

    def _held(self, member: SgNode) -> list[SgNode]:
        """Return the values of `this.x`, or of `config.x` where config is an object of this file."""
        held = [binding.value for binding in self.code.bindings.get(member.text(), ())[:_MAX_VALUES]]
        if held:
            return held
        holder, name = member.field("object"), member.field(self.code.grammar.name)
        if holder is None or name is None or holder.kind() not in {"identifier", self.code.grammar.member}:
            return []
        return [entry.value for entry in self.fields_of(holder).named(name.text())] if self._step() else []

    def _passed(self, name: SgNode) -> list[SgNode]:
        """Return what the calls in this file pass for a parameter."""
        for function in self.code.functions_around(name):
            parameters = parameters_of(function)
            if name.text() in parameters:
                index = parameters.index(name.text())
                calls = self.code.calls.get(self.code.name_of(function), ())
                return [found for call in calls[:_MAX_VALUES] for found in argument_for(call, index, name.text())]
        return []

    def _returned(self, call: SgNode) -> list[SgNode]:
        function = call.field("function")
        called, arguments = last_name(function), arguments_of(call)
        if called in _MERGES:
            return [each for each in arguments if each.kind() != "keyword_argument"]
        if called in _COPIES:
            holder = function.field("object") if function is not None else None
            return arguments[-1:] if arguments else [holder] if holder is not None else []
        if function is None or called not in self.code.functions:
            return []
        functions = self.code.functions[called][:_MAX_VALUES]
        return [value for each in functions for value in islice(returned_by(each), _MAX_VALUES)]
