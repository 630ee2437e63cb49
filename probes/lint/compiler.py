"""A rule made ready for one grammar: what to look for, and what to ask of the file as a whole before.

Questions about the file (`shapes.in_file`) are taken out of the shapes, so that each is asked once and not once for
every place that might be a mistake: in a large file that is the difference between a moment and an hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, cast

from probes.lint.rule import Language
from probes.lint.rules.patterns import FILE_CONTAINS, TYPESCRIPT_KINDS
from probes.lint.rules.registry import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import Config

    from probes.lint.rule import Pattern


@dataclass(frozen=True, slots=True)
class FileQuery:
    """Does the file hold this anywhere? Equal questions have one answer."""

    key: str
    config: Config = field(compare=False)


@dataclass(frozen=True, slots=True)
class CompiledPattern:
    """One way that a mistake looks."""

    config: Config
    requires: tuple[FileQuery, ...]
    unless: tuple[FileQuery, ...]


@cache
def compile_rule(rule_id: str, language: Language) -> tuple[CompiledPattern, ...]:
    """Make a rule ready; empty where it says nothing about the language."""
    shape = RULES[rule_id].patterns.get(language.family)
    return () if shape is None else tuple(part.ready(language) for part in _parts(shape))


@dataclass(frozen=True, slots=True)
class _Part:
    """An alternative, with the questions taken out."""

    shapes: tuple[Pattern, ...] = ()
    needs: tuple[Pattern, ...] = ()
    unless: tuple[Pattern, ...] = ()

    def ready(self, language: Language) -> CompiledPattern:
        return CompiledPattern(
            _config({"all": list(self.shapes)}, language),
            tuple(_question(shape, language) for shape in self.needs),
            tuple(_question(shape, language) for shape in self.unless),
        )

    def __add__(self, other: _Part) -> _Part:
        return _Part(self.shapes + other.shapes, self.needs + other.needs, self.unless + other.unless)


def _parts(shape: Pattern) -> Iterator[_Part]:
    """Turn alternatives with questions in them inside out: `any` of `all`, each with its own questions."""
    if not _asks(shape):
        yield _Part((shape,))
    elif FILE_CONTAINS in shape:
        yield _Part(needs=(shape[FILE_CONTAINS],))
    elif "not" in shape:
        yield _Part(unless=(shape["not"][FILE_CONTAINS],))
    elif "any" in shape:
        for alternative in shape["any"]:
            yield from _parts(alternative)
    else:
        for combination in product(*(tuple(_parts(part)) for part in shape["all"])):
            yield sum(combination, _Part())


def _asks(shape: Any) -> bool:
    if isinstance(shape, dict):
        return FILE_CONTAINS in shape or any(map(_asks, shape.values()))
    return isinstance(shape, list) and any(map(_asks, shape))


def _question(shape: Pattern, language: Language) -> FileQuery:
    config = _config(shape, language)
    return FileQuery(repr(config), config)


def _config(shape: Pattern, language: Language) -> Config:
    return cast("Config", {"rule": _adapted(shape, language)})


def _adapted(shape: Any, language: Language) -> Any:
    """Leave out the alternatives that speak of kinds which the grammar has not."""
    if isinstance(shape, dict):
        return {name: _plain(part) if name == "regex" else _adapted(part, language) for name, part in shape.items()}
    if isinstance(shape, list):
        return [_adapted(part, language) for part in shape if not _foreign(part, language)]
    return shape


def _foreign(shape: Any, language: Language) -> bool:
    return language is Language.JAVASCRIPT and isinstance(shape, dict) and shape.get("kind") in TYPESCRIPT_KINDS


#: A class of characters, or an escape outside of one.
_CLASS_OR_ESCAPE = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\.")
_PLAIN = {r"\w": "0-9A-Za-z_", r"\d": "0-9", r"\s": r" \t\r\n"}


def _plain(regex: str) -> str:
    r"""Let `\w` and its like mean ASCII: over all of Unicode it takes ten times as long to compile, for every file."""
    return _CLASS_OR_ESCAPE.sub(lambda found: _plain_part(found.group()), regex)


def _plain_part(part: str) -> str:
    if part.startswith("["):
        return re.sub(r"\\[wds]", lambda found: _PLAIN[found.group()], part)
    return {r"\S": r"[^ \t\r\n]", r"\b": r"(?-u:\b)"}.get(part) or (f"[{_PLAIN[part]}]" if part in _PLAIN else part)
