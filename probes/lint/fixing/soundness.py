"""Whether an edited file still holds together: it parses, and every name that it uses is bound."""

from __future__ import annotations

import ast
import builtins
import warnings
from typing import TYPE_CHECKING

from probes.lint.languages import Language
from probes.lint.matcher import first_syntax_error, parse

if TYPE_CHECKING:
    from ast_grep_py import SgNode

#: What binds a name in TypeScript and JavaScript, with the field that holds it; without one, the identifiers in it.
_BINDERS = {
    "import_specifier": "",
    "import_clause": "",
    "namespace_import": "",
    "variable_declarator": "name",
    "function_declaration": "name",
    "class_declaration": "name",
    "required_parameter": "pattern",
    "formal_parameters": "",
    "catch_clause": "parameter",
}


def why_unsound(before: str, after: str, language: Language) -> str:
    """Return what an edit breaks, in a few words; empty if it breaks nothing."""
    root = parse(after, language)
    if first_syntax_error(root, language) is not None:
        return "the file would not parse"
    fresh = _unbound_in_python(after) - _unbound_in_python(before) if language is Language.PYTHON else set()
    if language is not Language.PYTHON:
        fresh = (_identifiers(root) - _identifiers(parse(before, language))) - _bound(root)
    return f"{min(fresh)} would not be defined" if fresh else ""


def _unbound_in_python(text: str) -> set[str]:
    """Return the names that are read and given a value nowhere in the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    read, bound = set[str](), {*dir(builtins), "__file__", "__name__"}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bound.add(name)
            case _:
                pass
    return read - bound


def _identifiers(root: SgNode) -> set[str]:
    return {node.text() for node in root.find_all({"rule": {"kind": "identifier"}})}


def _bound(root: SgNode) -> set[str]:
    bound: set[str] = set()
    for kind, held in _BINDERS.items():
        if kind == "required_parameter":  # the grammar of JavaScript has none; its parameters are in their list
            continue
        for node in root.find_all({"rule": {"kind": kind}}):
            name = node.field(held) if held else node
            if name is not None:
                bound |= {name.text(), *_identifiers(name)}
    return bound
