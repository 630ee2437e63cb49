"""Compiling a rule for one grammar: what to search for, and what must hold of the file as a whole.

An ast-grep rule is evaluated node by node. A condition about the whole file (`patterns.file_contains`), left inside the
rule, would be evaluated again for every candidate node, which takes hours on a large generated file. So conditions
about the file are lifted out: a rule becomes a list of alternatives, each with a node pattern that ast-grep searches
for, and with queries that are answered once per file. `any`, `all` and `not` around a condition are multiplied out:

    all(A, any(B, fileContains(Q)))   becomes   all(A, B)   or   A, if the file contains Q

A search compiles its pattern and walks the whole tree, so alternatives with the same conditions become one pattern.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, cast

from probes.lint.languages import TYPESCRIPT_KINDS, Language
from probes.lint.rules.patterns import FILE_CONTAINS
from probes.lint.rules.registry import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import Config

    from probes.lint.languages import Pattern


@dataclass(frozen=True, slots=True)
class Search:
    """A pattern that is searched for once in the whole file. Searches for the same pattern are equal."""

    key: str
    config: Config = field(compare=False)


@dataclass(frozen=True, slots=True)
class CompiledPattern:
    """One alternative of a rule: a node pattern, the queries that must match in the file, and those that must not."""

    nodes: Search
    requires: tuple[Search, ...]
    unless: tuple[Search, ...]


@cache
def compile_rule(rule_id: str, language: Language) -> tuple[CompiledPattern, ...]:
    """Return the alternatives of a rule; empty if it has no pattern for the language."""
    pattern = RULES[rule_id].patterns.get(language.family)
    if pattern is None:
        return ()
    by_conditions: dict[str, list[_Alternative]] = defaultdict(list)
    for each in _alternatives(pattern):
        by_conditions[repr((each.requires, each.unless))].append(each)
    return tuple(_compile(same, language) for same in by_conditions.values())


@dataclass(frozen=True, slots=True)
class _Alternative:
    """An alternative with its conditions about the file lifted out. Adding two means that both must hold."""

    patterns: tuple[Pattern, ...] = ()
    requires: tuple[Pattern, ...] = ()
    unless: tuple[Pattern, ...] = ()

    def __add__(self, other: _Alternative) -> _Alternative:
        return _Alternative(self.patterns + other.patterns, self.requires + other.requires, self.unless + other.unless)


def _compile(alternatives: list[_Alternative], language: Language) -> CompiledPattern:
    """Compile alternatives that have the same conditions."""
    patterns: list[Pattern] = [{"all": list(each.patterns)} for each in alternatives]
    return CompiledPattern(
        _search(patterns[0] if len(patterns) == 1 else {"any": patterns}, language),
        tuple(_search(pattern, language) for pattern in alternatives[0].requires),
        tuple(_search(pattern, language) for pattern in alternatives[0].unless),
    )


def _alternatives(pattern: Pattern) -> Iterator[_Alternative]:
    """Multiply out `any`, `all` and `not` as far as they contain conditions about the file."""
    if not _has_file_condition(pattern):
        yield _Alternative((pattern,))
    elif FILE_CONTAINS in pattern:
        yield _Alternative(requires=(pattern[FILE_CONTAINS],))
    elif "not" in pattern:
        yield _Alternative(unless=(pattern["not"][FILE_CONTAINS],))
    elif "any" in pattern:
        for alternative in pattern["any"]:
            yield from _alternatives(alternative)
    else:
        for combination in product(*(tuple(_alternatives(part)) for part in pattern["all"])):
            yield sum(combination, _Alternative())


def _has_file_condition(pattern: Any) -> bool:
    if isinstance(pattern, dict):
        return FILE_CONTAINS in pattern or any(map(_has_file_condition, pattern.values()))
    return isinstance(pattern, list) and any(map(_has_file_condition, pattern))


def _search(pattern: Pattern, language: Language) -> Search:
    config = cast("Config", {"rule": _adapt(pattern, language)})
    return Search(repr(config), config)


def _adapt(pattern: Any, language: Language) -> Any:
    """Drop alternatives with node kinds that the grammar doesn't have, and restrict regexes to ASCII."""
    if isinstance(pattern, dict):
        return {name: _ascii(part) if name == "regex" else _adapt(part, language) for name, part in pattern.items()}
    if isinstance(pattern, list):
        return [_adapt(part, language) for part in pattern if not _is_unsupported(part, language)]
    return pattern


def _is_unsupported(pattern: Any, language: Language) -> bool:
    return language is Language.JAVASCRIPT and isinstance(pattern, dict) and pattern.get("kind") in TYPESCRIPT_KINDS


#: A character class, or an escape outside of one.
_CLASS_OR_ESCAPE = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\.")
_ASCII_CLASSES = {r"\w": "0-9A-Za-z_", r"\d": "0-9", r"\s": r" \t\r\n"}


def _ascii(regex: str) -> str:
    r"""Restrict `\w` and its like to ASCII: with all of Unicode a regex takes ten times as long to compile per file."""
    return _CLASS_OR_ESCAPE.sub(lambda found: _ascii_part(found.group()), regex)


def _ascii_part(part: str) -> str:
    if part.startswith("["):
        return re.sub(r"\\[wds]", lambda found: _ASCII_CLASSES[found.group()], part)
    if part in _ASCII_CLASSES:
        return f"[{_ASCII_CLASSES[part]}]"
    return {r"\S": r"[^ \t\r\n]", r"\b": r"(?-u:\b)"}.get(part, part)
