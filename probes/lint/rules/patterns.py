"""Building blocks of rules: how a text, an entry, a message or a call looks in each family of languages.

Plain functions from names to ast-grep rule objects; nothing here knows a particular mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.lint.rule import LanguageFamily, Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What the things that all languages have are called in one of them."""

    string_kinds: tuple[str, ...]
    object: str
    list_kinds: tuple[str, ...]
    call: str
    function: str
    """The field of a call that names what is called."""
    member: str
    name: str
    """The field of a member that names it."""
    binary_operation: str
    """What has two sides and gives neither to the other."""
    functions: tuple[str, ...]
    transparent: Pattern
    """What a value goes through unchanged: fallbacks, brackets, casts."""
    assignments: tuple[tuple[str, str], ...]
    """What gives a value to a name: fields of the name and of the value."""
    entries: tuple[tuple[str, str, str], ...]
    """Kinds of `key: value`, with their fields."""


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

#: What `in_file` is called in a shape: a word of our own, which `compiled.py` takes out.
FILE_CONTAINS = "inFile"
#: The name of what a shape and the file's answer have in common.
SAME = "SAME"

#: Kinds that only some of the script grammars have; elsewhere an alternative with one of them is left out.
TYPESCRIPT_KINDS = frozenset({"as_expression", "required_parameter", "type_identifier"})


def for_all_languages(build: Callable[[Grammar], Pattern]) -> Mapping[LanguageFamily, Pattern]:
    """Say the same thing in all languages."""
    return {LanguageFamily.SCRIPT: build(SCRIPT), LanguageFamily.PYTHON: build(PYTHON)}


def for_script(shape: Pattern) -> Mapping[LanguageFamily, Pattern]:
    """Say it for TypeScript and JavaScript alone."""
    return {LanguageFamily.SCRIPT: shape}


def for_python(shape: Pattern) -> Mapping[LanguageFamily, Pattern]:
    """Say it for Python alone."""
    return {LanguageFamily.PYTHON: shape}


def any_of(*shapes: Pattern) -> Pattern:
    """Any of these."""
    return {"any": list(shapes)}


def all_of(*shapes: Pattern) -> Pattern:
    """All of these at once."""
    return {"all": list(shapes)}


def none_of(shape: Pattern) -> Pattern:
    """Anything else."""
    return {"not": shape}


def kind(*names: str) -> Pattern:
    """A node of one of these kinds."""
    return {"kind": names[0]} if len(names) == 1 else any_of(*({"kind": name} for name in names))


def matches_regex(regex: str) -> Pattern:
    """Whatever has a text that the expression finds something in."""
    return {"regex": regex}


def any_word(*of: str) -> str:
    """Make a regular expression of any of these words."""
    return "|".join(map(re.escape, of))


def quoted(regex: str) -> str:
    """Match a whole literal, whatever its quotes and prefix."""
    return rf"^[A-Za-z]{{0,2}}['\"`]{{1,3}}(?:{regex})['\"`]{{1,3}}$"


def string_matching(g: Grammar, regex: str) -> Pattern:
    """A text in code whose source the expression finds something in: no comment, no docstring, no directive."""
    return all_of(kind(*g.string_kinds), matches_regex(regex), none_of({"inside": {"kind": "expression_statement"}}))


def string_literal(g: Grammar, *values: str) -> Pattern:
    """A text that is exactly one of these."""
    return string_matching(g, quoted(any_word(*values)))


def entry(g: Grammar, name: str, value: Pattern | None = None) -> Pattern:
    """`name: value`, or `name=value` in a call; `name` is a regular expression for the whole of it."""
    return any_of(
        *(
            all_of(
                {"kind": entry_kind},
                {"has": {"field": key, "regex": rf"^['\"]?(?:{name})['\"]?$"}},
                *([{"has": {"field": held, **value}}] if value else []),
            )
            for entry_kind, key, held in g.entries
        )
    )


def has_child(shape: Pattern) -> Pattern:
    """Something with this directly in it."""
    return {"has": shape}


def has_descendant(shape: Pattern) -> Pattern:
    """Something with this anywhere in it."""
    return {"has": {**shape, "stopBy": "end"}}


def has_ancestor(shape: Pattern) -> Pattern:
    """Something anywhere in this."""
    return {"inside": {**shape, "stopBy": "end"}}


def has_parent(shape: Pattern) -> Pattern:
    """Something directly in this."""
    return {"inside": shape}


def object_with(g: Grammar, *entries: Pattern) -> Pattern:
    """An object or dict that has all these entries itself."""
    return all_of({"kind": g.object}, *map(has_child, entries))


def message(g: Grammar, *types: str) -> Pattern:
    """A message of one of these types, written out."""
    return object_with(g, entry(g, "type", string_literal(g, *types)))


def call_of(g: Grammar, function: Pattern) -> Pattern:
    """A call of what looks so."""
    return all_of({"kind": g.call}, {"has": {"field": g.function, **function}})


def method_call(g: Grammar, name: str, of: str = "") -> Pattern:
    """A call of a method; `name` is the whole name, `of` is searched in what it is called on."""
    member: list[Pattern] = [{"kind": g.member}, {"has": {"field": g.name, "regex": f"^(?:{name})$"}}]
    if of:
        member.append({"has": {"field": "object", "regex": of}})
    return call_of(g, all_of(*member))


def file_contains(shape: Pattern) -> Pattern:
    """Wherever the same file holds this as well. It stands in `all_of`, `one_of` and `no`, never deeper.

    Where both sides name something `$SAME`, it is the same name.
    """
    return {FILE_CONTAINS: shape}


def assigned_to(g: Grammar, name: str) -> Pattern:
    """A value, or a fallback for one, of whatever has a name that the expression finds something in."""
    holders = ({"has": {"field": key, "regex": name}} for key, _ in g.assignments)
    return {
        "inside": {
            **all_of(none_of(kind(g.binary_operation)), none_of(g.transparent), any_of(*holders)),
            "stopBy": none_of(g.transparent),
        }
    }


def file_uses_realtime(g: Grammar) -> Pattern:
    """Wherever the file names the service's address or its events in code."""
    return file_contains(string_matching(g, REALTIME_REGEX))


def file_names_other_service(g: Grammar) -> Pattern:
    """Wherever the file names a service that is not OpenAI's and keeps to what this one has given up."""
    return file_contains(string_matching(g, OTHER_SERVICES_REGEX))


#: Together AI and Azure's Voice Live speak the beta; Inworld and xAI something of their own.
OTHER_SERVICES_REGEX = r"(?i)\bapi\.together\.|/voice-live/|\binworld\.ai|\bapi\.x\.ai"

#: In a text of code, what shows that a file speaks the Realtime API.
REALTIME_REGEX = (
    r"/v1/realtime|/openai/realtime|realtime\?|input_audio_buffer\."
    r"|\bresponse\.(?:create|done|created|output_|audio)|\bsession\.(?:updated?|created)\b|transcription_session\."
)
