"""Building blocks of rules: patterns for strings, entries, messages and calls in each language family.

Functions that return ast-grep rule objects; the mistakes themselves are in the other modules. `g` is always the grammar
that the pattern is for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lint.languages import PYTHON, SCRIPT, Grammar, LanguageFamily, Pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The key of `file_contains` in a pattern. It is not part of ast-grep: `compiler.py` removes it.
FILE_CONTAINS = "inFile"
#: The meta variable that must match the same text in a node and in the file; see `file_contains`.
SAME = "SAME"


def for_all_languages(build: Callable[[Grammar], Pattern]) -> Mapping[LanguageFamily, Pattern]:
    """Build a pattern for every language family."""
    return {LanguageFamily.SCRIPT: build(SCRIPT), LanguageFamily.PYTHON: build(PYTHON)}


def for_script(pattern: Pattern) -> Mapping[LanguageFamily, Pattern]:
    """Use a pattern for TypeScript and JavaScript only."""
    return {LanguageFamily.SCRIPT: pattern}


def for_python(pattern: Pattern) -> Mapping[LanguageFamily, Pattern]:
    """Use a pattern for Python only."""
    return {LanguageFamily.PYTHON: pattern}


def any_of(*patterns: Pattern) -> Pattern:
    """Match a node that matches at least one of the patterns."""
    return {"any": list(patterns)}


def all_of(*patterns: Pattern) -> Pattern:
    """Match a node that matches all of the patterns."""
    return {"all": list(patterns)}


def none_of(pattern: Pattern) -> Pattern:
    """Match a node that doesn't match the pattern."""
    return {"not": pattern}


def kind(*names: str) -> Pattern:
    """Match a node of one of these kinds."""
    return {"kind": names[0]} if len(names) == 1 else any_of(*({"kind": name} for name in names))


def matches_regex(regex: str) -> Pattern:
    """Match a node whose source text contains a match of the regex."""
    return {"regex": regex}


def any_word(*of: str) -> str:
    """Return a regex that matches one of the words."""
    return "|".join(map(re.escape, of))


def quoted(regex: str) -> str:
    """Return a regex that matches a whole string literal with this content, with any quotes and prefix."""
    return rf"^[A-Za-z]{{0,2}}['\"`]{{1,3}}(?:{regex})['\"`]{{1,3}}$"


def string_matching(g: Grammar, regex: str) -> Pattern:
    """Match a string whose source contains a match of the regex; docstrings and directives are not matched."""
    return all_of(kind(*g.string_kinds), matches_regex(regex), none_of({"inside": {"kind": "expression_statement"}}))


def string_literal(g: Grammar, *values: str) -> Pattern:
    """Match a string with one of these values."""
    return string_matching(g, quoted(any_word(*values)))


def entry(g: Grammar, name: str, value: Pattern | None = None) -> Pattern:
    """Match `name: value`, or `name=value` in a call; `name` is a regex for the whole name."""
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


def has_child(pattern: Pattern) -> Pattern:
    """Match a node with such a child."""
    return {"has": pattern}


def has_descendant(pattern: Pattern) -> Pattern:
    """Match a node with such a descendant."""
    return {"has": {**pattern, "stopBy": "end"}}


def has_ancestor(pattern: Pattern) -> Pattern:
    """Match a node with such an ancestor."""
    return {"inside": {**pattern, "stopBy": "end"}}


def has_parent(pattern: Pattern) -> Pattern:
    """Match a node with such a parent."""
    return {"inside": pattern}


def object_with(g: Grammar, *entries: Pattern) -> Pattern:
    """Match an object or dict that has all of these entries itself."""
    return all_of({"kind": g.object}, *map(has_child, entries))


def message(g: Grammar, *types: str) -> Pattern:
    """Match an object literal that is a message of one of these types."""
    return object_with(g, entry(g, "type", string_literal(g, *types)))


def call_of(g: Grammar, function: Pattern) -> Pattern:
    """Match a call whose function matches the pattern."""
    return all_of({"kind": g.call}, {"has": {"field": g.function, **function}})


def method_call(g: Grammar, name: str, of: str = "") -> Pattern:
    """Match a method call; `name` is a regex for the whole name, `of` one that is searched in the object."""
    member: list[Pattern] = [{"kind": g.member}, {"has": {"field": g.name, "regex": f"^(?:{name})$"}}]
    if of:
        member.append({"has": {"field": "object", "regex": of}})
    return call_of(g, all_of(*member))


def file_contains(pattern: Pattern) -> Pattern:
    """Match if the file contains a node that matches the pattern. Only directly in `all_of`, `any_of` and `none_of`.

    If both the pattern and the node around it use `$SAME`, it has to match the same text in both.
    """
    return {FILE_CONTAINS: pattern}


def assigned_to(g: Grammar, name: str) -> Pattern:
    """Match a value, or a fallback of it, that is assigned to a name which contains a match of the regex."""
    holders = ({"has": {"field": key, "regex": name}} for key, _ in g.assignments)
    return {
        "inside": {
            **all_of(none_of(kind(g.binary_operation)), none_of(g.transparent), any_of(*holders)),
            "stopBy": none_of(g.transparent),
        }
    }


def file_uses_realtime(g: Grammar) -> Pattern:
    """Match if a string in the file contains the URL of the Realtime API or one of its events."""
    return file_contains(string_matching(g, REALTIME_REGEX))


def file_names_other_service(g: Grammar) -> Pattern:
    """Match if the file names another service, which still uses what OpenAI's no longer accepts."""
    return file_contains(string_matching(g, OTHER_SERVICES_REGEX))


#: Together AI and Azure's Voice Live speak the beta dialect; Inworld and xAI dialects of their own.
OTHER_SERVICES_REGEX = r"(?i)\bapi\.together\.|/voice-live/|\binworld\.ai|\bapi\.x\.ai"

#: Strings that show that a file uses the Realtime API.
REALTIME_REGEX = (
    r"/v1/realtime|/openai/realtime|realtime\?|input_audio_buffer\."
    r"|\bresponse\.(?:create|done|created|output_|audio)|\bsession\.(?:updated?|created)\b|transcription_session\."
)
