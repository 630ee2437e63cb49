"""Building blocks of rules: how a text, an entry, a message or a call looks in each family of languages.

Plain functions from names to ast-grep rule objects; nothing here knows a particular mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.lint.rule import Family, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What the things that all languages have are called in one of them."""

    texts: tuple[str, ...]
    object: str
    lists: tuple[str, ...]
    call: str
    function: str
    """The field of a call that names what is called."""
    member: str
    name: str
    """The field of a member that names it."""
    operation: str
    """What has two sides and gives neither to the other."""
    functions: tuple[str, ...]
    passing: Shape
    """What a value goes through unchanged: fallbacks, brackets, casts."""
    holding: tuple[tuple[str, str], ...]
    """What gives a value to a name: fields of the name and of the value."""
    entries: tuple[tuple[str, str, str], ...]
    """Kinds of `key: value`, with their fields."""


SCRIPT = Grammar(
    texts=("string", "template_string"),
    object="object",
    lists=("array",),
    call="call_expression",
    function="function",
    member="member_expression",
    name="property",
    operation="binary_expression",
    functions=("arrow_function", "function_expression", "function_declaration", "method_definition"),
    passing={
        "any": [
            {"kind": "binary_expression", "has": {"field": "operator", "regex": r"^(\|\||\?\?)$"}},
            {"kind": "ternary_expression"},
            {"kind": "parenthesized_expression"},
            {"kind": "as_expression"},
        ]
    },
    holding=(("key", "value"), ("name", "value"), ("property", "value"), ("left", "right"), ("pattern", "value")),
    entries=(("pair", "key", "value"),),
)
PYTHON = Grammar(
    texts=("string",),
    object="dictionary",
    lists=("list", "tuple"),
    call="call",
    function="function",
    member="attribute",
    name="attribute",
    operation="binary_operator",
    functions=("function_definition", "lambda"),
    passing={
        "any": [{"kind": "boolean_operator"}, {"kind": "conditional_expression"}, {"kind": "parenthesized_expression"}]
    },
    holding=(("key", "value"), ("name", "value"), ("left", "right")),
    entries=(("pair", "key", "value"), ("keyword_argument", "name", "value")),
)

#: What `in_file` is called in a shape: a word of our own, which `compiled.py` takes out.
IN_FILE = "inFile"
#: The name of what a shape and the file's answer have in common.
SAME = "SAME"

#: Kinds that only some of the script grammars have; elsewhere an alternative with one of them is left out.
TYPED_ONLY = frozenset({"as_expression", "required_parameter", "type_identifier"})


def both(build: Callable[[Grammar], Shape]) -> Mapping[Family, Shape]:
    """Say the same thing in all languages."""
    return {Family.SCRIPT: build(SCRIPT), Family.PYTHON: build(PYTHON)}


def script(shape: Shape) -> Mapping[Family, Shape]:
    """Say it for TypeScript and JavaScript alone."""
    return {Family.SCRIPT: shape}


def python(shape: Shape) -> Mapping[Family, Shape]:
    """Say it for Python alone."""
    return {Family.PYTHON: shape}


def one_of(*shapes: Shape) -> Shape:
    """Any of these."""
    return {"any": list(shapes)}


def all_of(*shapes: Shape) -> Shape:
    """All of these at once."""
    return {"all": list(shapes)}


def no(shape: Shape) -> Shape:
    """Anything else."""
    return {"not": shape}


def kind(*names: str) -> Shape:
    """A node of one of these kinds."""
    return {"kind": names[0]} if len(names) == 1 else one_of(*({"kind": name} for name in names))


def looks_like(regex: str) -> Shape:
    """Whatever has a text that the expression finds something in."""
    return {"regex": regex}


def words(*of: str) -> str:
    """Make a regular expression of any of these words."""
    return "|".join(map(re.escape, of))


def quoted(regex: str) -> str:
    """Match a whole literal, whatever its quotes and prefix."""
    return rf"^[A-Za-z]{{0,2}}['\"`]{{1,3}}(?:{regex})['\"`]{{1,3}}$"


def text(g: Grammar, regex: str) -> Shape:
    """A text in code whose source the expression finds something in: no comment, no docstring, no directive."""
    return all_of(kind(*g.texts), looks_like(regex), no({"inside": {"kind": "expression_statement"}}))


def literal(g: Grammar, *values: str) -> Shape:
    """A text that is exactly one of these."""
    return text(g, quoted(words(*values)))


def entry(g: Grammar, name: str, value: Shape | None = None) -> Shape:
    """`name: value`, or `name=value` in a call; `name` is a regular expression for the whole of it."""
    return one_of(
        *(
            all_of(
                {"kind": entry_kind},
                {"has": {"field": key, "regex": rf"^['\"]?(?:{name})['\"]?$"}},
                *([{"has": {"field": held, **value}}] if value else []),
            )
            for entry_kind, key, held in g.entries
        )
    )


def child(shape: Shape) -> Shape:
    """Something with this directly in it."""
    return {"has": shape}


def deep(shape: Shape) -> Shape:
    """Something with this anywhere in it."""
    return {"has": {**shape, "stopBy": "end"}}


def within(shape: Shape) -> Shape:
    """Something anywhere in this."""
    return {"inside": {**shape, "stopBy": "end"}}


def under(shape: Shape) -> Shape:
    """Something directly in this."""
    return {"inside": shape}


def object_with(g: Grammar, *entries: Shape) -> Shape:
    """An object or dict that has all these entries itself."""
    return all_of({"kind": g.object}, *map(child, entries))


def message(g: Grammar, *types: str) -> Shape:
    """A message of one of these types, written out."""
    return object_with(g, entry(g, "type", literal(g, *types)))


def call_of(g: Grammar, function: Shape) -> Shape:
    """A call of what looks so."""
    return all_of({"kind": g.call}, {"has": {"field": g.function, **function}})


def method(g: Grammar, name: str, of: str = "") -> Shape:
    """A call of a method; `name` is the whole name, `of` is searched in what it is called on."""
    member: list[Shape] = [{"kind": g.member}, {"has": {"field": g.name, "regex": f"^(?:{name})$"}}]
    if of:
        member.append({"has": {"field": "object", "regex": of}})
    return call_of(g, all_of(*member))


def in_file(shape: Shape) -> Shape:
    """Wherever the same file holds this as well. It stands in `all_of`, `one_of` and `no`, never deeper.

    Where both sides name something `$SAME`, it is the same name.
    """
    return {IN_FILE: shape}


def given_to(g: Grammar, name: str) -> Shape:
    """A value, or a fallback for one, of whatever has a name that the expression finds something in."""
    holders = ({"has": {"field": key, "regex": name}} for key, _ in g.holding)
    return {"inside": {**all_of(no(kind(g.operation)), no(g.passing), one_of(*holders)), "stopBy": no(g.passing)}}


def speaks_realtime(g: Grammar) -> Shape:
    """Wherever the file names the service's address or its events in code."""
    return in_file(text(g, REALTIME_WORDS))


def elsewhere(g: Grammar) -> Shape:
    """Wherever the file names a service that is not OpenAI's and keeps to what this one has given up."""
    return in_file(text(g, OTHER_SERVICES))


#: Together AI and Azure's Voice Live speak the beta; Inworld and xAI something of their own.
OTHER_SERVICES = r"(?i)\bapi\.together\.|/voice-live/|\binworld\.ai|\bapi\.x\.ai"

#: In a text of code, what shows that a file speaks the Realtime API.
REALTIME_WORDS = (
    r"/v1/realtime|/openai/realtime|realtime\?|input_audio_buffer\."
    r"|\bresponse\.(?:create|done|created|output_|audio)|\bsession\.(?:updated?|created)\b|transcription_session\."
)
