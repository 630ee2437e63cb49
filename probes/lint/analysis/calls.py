"""Calls and functions: what is passed for a parameter, and what a function returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint.analysis.code import is_function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode


def arguments_of(call: SgNode) -> list[SgNode]:
    """Return the arguments of a call."""
    held = call.field("arguments")
    return (
        [] if held is None else [child for child in held.children() if child.is_named() and child.kind() != "comment"]
    )


def parameters_of(function: SgNode) -> list[str]:
    """Return the names of a function's parameters, without `self`; a pattern counts as its text."""
    alone = function.field("parameter")
    held = function.field("parameters")
    nodes = [alone] if alone is not None else [] if held is None else [c for c in held.children() if c.is_named()]
    names = [_parameter_name(node) for node in nodes]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _parameter_name(node: SgNode) -> str:
    name = node.field("pattern") or node.field("name") or node.field("left")
    if name is None and node.kind() == "typed_parameter":
        name = node.child(0)
    return (name or node).text()


def argument_for(call: SgNode, index: int, name: str) -> Iterator[SgNode]:
    """Yield what a call passes for a parameter, by its name or its position."""
    arguments = arguments_of(call)
    for argument in arguments:
        label, value = argument.field("name"), argument.field("value")
        if argument.kind() == "keyword_argument" and label is not None and value is not None and label.text() == name:
            yield value
            return
    if index < len(arguments) and arguments[index].kind() not in {"keyword_argument", "spread_element", "list_splat"}:
        yield arguments[index]


def returned_by(function: SgNode) -> Iterator[SgNode]:
    """Yield what a function returns; functions inside it return for themselves."""
    body = function.field("body")
    if body is None:
        return
    if body.kind() not in {"statement_block", "block"}:
        yield body
        return
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if node.kind() == "return_statement":
            yield from (child for child in node.children() if child.is_named())
        elif not is_function(node):
            waiting.extend(child for child in node.children() if child.is_named())
