"""Applying rules to one text, parsed once however many rules there are. Knows neither files nor reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from ast_grep_py import SgRoot

from probes.lint.rule import Language
from probes.lint.rules import RULES
from probes.lint.shapes import TYPED_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ast_grep_py import Config, Range, SgNode

    from probes.lint.rule import Rule


@dataclass(frozen=True, slots=True)
class Hit:
    """A mistake, found."""

    rule: Rule
    node: SgNode

    @property
    def range(self) -> Range:
        """Where it stands."""
        return self.node.range()


def parse(text: str, language: Language) -> SgNode:
    """Parse a text. Never fails: what is no syntax shows in `broken_at`."""
    return SgRoot(text, language.value).root()


def broken_at(root: SgNode) -> SgNode | None:
    """Find the first place that the grammar can't read: an ERROR, or something that should be there and is not."""
    found = root.find_all({"rule": {"any": [{"kind": "ERROR"}, {"regex": "^$"}]}})
    return next((node for node in found if node.parent() is not None or node.kind() == "ERROR"), None)


def hits(root: SgNode, text: str, language: Language, rules: Iterable[Rule]) -> list[Hit]:
    """Find every mistake that the rules know, by line and column."""
    folded = text.lower()
    found = [hit for rule in rules if _may_hold(rule, folded) for hit in _hits_of(rule, root, language)]
    return sorted(found, key=lambda hit: (hit.range.start.index, hit.rule.id))


def _may_hold(rule: Rule, folded: str) -> bool:
    return any(word in folded for word in rule.words)


def _hits_of(rule: Rule, root: SgNode, language: Language) -> Iterator[Hit]:
    config = _compiled(rule.id, language)
    if config is not None:
        yield from (Hit(rule, node) for node in root.find_all(config))


@cache
def _compiled(rule_id: str, language: Language) -> Config | None:
    """Make a rule fit a grammar; None where it says nothing about the language."""
    shape = RULES[rule_id].looks.get(language.family)
    return None if shape is None else cast("Config", {"rule": _adapted(shape, language)})


def _adapted(shape: Any, language: Language) -> Any:
    """Leave out the alternatives that speak of kinds which the grammar has not."""
    if isinstance(shape, dict):
        return {name: _plain(part) if name == "regex" else _adapted(part, language) for name, part in shape.items()}
    if isinstance(shape, list):
        return [_adapted(part, language) for part in shape if not _foreign(part, language)]
    return shape


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


def _foreign(shape: Any, language: Language) -> bool:
    return language is Language.JAVASCRIPT and isinstance(shape, dict) and shape.get("kind") in TYPED_ONLY
