"""The languages that lint reads: file suffixes, ast-grep's grammars, and the node names that the rules' patterns use.

To add a language:

1. Give it a value in `Language` and its suffixes in `LANGUAGE_BY_SUFFIX`.
2. If its syntax trees look like those of no other language here, give it a `LanguageFamily` with a `Grammar`, and let
   `Language.family` return it.
3. Give the rules in `rules/` patterns for the family. Rules that ask which family they are for have a branch for each;
   `for_all_languages` in `rules/patterns.py` lists the families. A rule without a pattern for a family doesn't apply
   to it.
4. Name its code fence in `examples.py`, and give each rule an example in `examples/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

#: An ast-grep rule object, which describes syntax nodes; see https://ast-grep.github.io/reference/rule.html.
Pattern: TypeAlias = Mapping[str, Any]


class Language(StrEnum):
    """A grammar, by its name in ast-grep."""

    JAVASCRIPT = "javascript"
    TYPESCRIPT = "typescript"
    TSX = "tsx"
    PYTHON = "python"

    @property
    def family(self) -> LanguageFamily:
        """The languages that share the patterns of this one."""
        return LanguageFamily.PYTHON if self is Language.PYTHON else LanguageFamily.SCRIPT


class LanguageFamily(StrEnum):
    """Languages that share a pattern."""

    SCRIPT = "TypeScript, JavaScript"
    PYTHON = "Python"


#: The language of a file by its suffix.
LANGUAGE_BY_SUFFIX = {
    ".js": Language.JAVASCRIPT,
    ".jsx": Language.JAVASCRIPT,
    ".mjs": Language.JAVASCRIPT,
    ".cjs": Language.JAVASCRIPT,
    ".ts": Language.TYPESCRIPT,
    ".mts": Language.TYPESCRIPT,
    ".cts": Language.TYPESCRIPT,
    ".tsx": Language.TSX,
    ".py": Language.PYTHON,
    ".pyi": Language.PYTHON,
}
#: Every suffix that is read: source files, pages with scripts, and notebooks.
KNOWN_SUFFIXES = (*LANGUAGE_BY_SUFFIX, ".vue", ".svelte", ".html", ".htm", ".ipynb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """The names of node kinds and fields in the grammar of one language family."""

    string_kinds: tuple[str, ...]
    object: str
    list_kinds: tuple[str, ...]
    call: str
    function: str
    """The field of a call that holds the called function."""
    member: str
    name: str
    """The field of a member expression that holds the member's name."""
    binary_operation: str
    """An operation with two operands, which passes on neither of them."""
    functions: tuple[str, ...]
    transparent: Pattern
    """Expressions that pass a value on unchanged: fallbacks, parentheses, casts."""
    assignments: tuple[tuple[str, str], ...]
    """Fields of the name and of the value in everything that assigns a value to a name."""
    entries: tuple[tuple[str, str, str], ...]
    """Kinds of `key: value` nodes, with the fields of key and value."""


SCRIPT = Grammar(
    string_kinds=("string", "template_string"),
    object="object",
    list_kinds=("array",),
    call="call_expression",
    function="function",
    member="member_expression",
    name="property",
    binary_operation="binary_expression",
    functions=("arrow_function", "function_expression", "function_declaration", "method_definition"),
    transparent={
        "any": [
            {"kind": "binary_expression", "has": {"field": "operator", "regex": r"^(\|\||\?\?)$"}},
            {"kind": "ternary_expression"},
            {"kind": "parenthesized_expression"},
            {"kind": "as_expression"},
        ]
    },
    assignments=(("key", "value"), ("name", "value"), ("property", "value"), ("left", "right"), ("pattern", "value")),
    entries=(("pair", "key", "value"),),
)
PYTHON = Grammar(
    string_kinds=("string",),
    object="dictionary",
    list_kinds=("list", "tuple"),
    call="call",
    function="function",
    member="attribute",
    name="attribute",
    binary_operation="binary_operator",
    functions=("function_definition", "lambda"),
    transparent={
        "any": [{"kind": "boolean_operator"}, {"kind": "conditional_expression"}, {"kind": "parenthesized_expression"}]
    },
    assignments=(("key", "value"), ("name", "value"), ("left", "right")),
    entries=(("pair", "key", "value"), ("keyword_argument", "name", "value")),
)

#: Node kinds that the JavaScript grammar doesn't have; an alternative with one of them is dropped there.
TYPESCRIPT_KINDS = frozenset({"as_expression", "required_parameter", "type_identifier"})
