"""The type of a lint rule: a mistake that is visible in source code, as data.

The rules themselves are in `rules/`, `rules/registry.py` collects them, and `matcher.py` applies them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from probes.lint.languages import LanguageFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode
    from probes.lint.languages import Pattern
    from reports.model import Severity


@dataclass(frozen=True, slots=True)
class ReplaceKeyword:
    """Replace the word that was found with its entry in `Rule.replacements`."""


@dataclass(frozen=True, slots=True)
class RemoveElement:
    """Remove the matched node from its list or object, with one comma."""


@dataclass(frozen=True, slots=True)
class RewriteText:
    """Replace the first match of a regular expression in the matched node, or in another node of the same file."""

    old: str
    new: str
    """May contain `\\1` for groups."""
    where: Pattern | None = None
    """The first node that matches this pattern is rewritten; None is the matched node itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """A place that a rule's function found."""

    node: SgNode
    severity: Severity | None = None
    """If it differs from that of the rule."""
    word: str = ""
    """The word of `Rule.replacements` that it is about; empty if the node's text tells."""


Finder: TypeAlias = "Callable[[RealtimeCode], Iterable[Found]]"


class Scope(Enum):
    """What a rule is about, which decides where its findings are certain."""

    SERVICE = auto()
    """The service's present behaviour: no finding where another service is used, none above info in tests."""
    BETA = auto()
    """What the service has refused since the beta ended; Azure's preview address still takes it."""
    MODEL = auto()
    """Models, which Azure retires on dates of its own."""
    LANGUAGE = auto()
    """A library, a secret, or the language: true whatever the service is."""


AutofixStep: TypeAlias = ReplaceKeyword | RemoveElement | RewriteText


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A known mistake: how to find it in each language, and what its finding says."""

    id: str
    """Stable, lower case with dashes. Used in suppressions, in `--select`, and in the code of its finding."""
    severity: Severity
    """FAIL: the code breaks. WARNING: it may break, or one file shows only a part of it."""
    title: str
    """One plain sentence without a full stop."""
    cause: str
    fix: str
    patterns: Mapping[LanguageFamily, Pattern] = field(default_factory=dict)
    find: Finder | None = None
    """For what no pattern can see: it gets the whole file, with what its names stand for. In addition to `patterns`."""
    families: tuple[LanguageFamily, ...] = tuple(LanguageFamily)
    """The languages that `find` is for."""
    scope: Scope = Scope.SERVICE
    is_right_in: Callable[[Path], bool] | None = None
    """Whether the project around a file makes the code right, by its lock files or settings. None: none does."""
    keywords: tuple[str, ...] = ()
    """Lower-case words. A file that contains none of them, in any case, is not searched, which saves time."""
    and_keywords: tuple[tuple[str, ...], ...] = ()
    """Further lists of such words: a file that contains none of one of the lists is not searched either."""
    replacements: Mapping[str, str] = field(default_factory=dict)
    """The correct text for each wrong word, for rules about many words."""
    autofix: tuple[AutofixStep, ...] = ()
    """The steps of `--fix`; empty if the fix needs a decision."""
    is_safe: bool = True
    """Whether `--fix` applies them; otherwise only `--unsafe-fixes` does, since they may change what the code does."""

    @property
    def languages(self) -> tuple[LanguageFamily, ...]:
        """The languages that the rule is for."""
        found_by_function = self.families if self.find else ()
        return tuple(family for family in LanguageFamily if family in self.patterns or family in found_by_function)

    def may_match(self, lowered: str) -> bool:
        """Whether a text in lower case contains the words without which the rule can't match."""
        return all(any(word in lowered for word in words) for words in (self.keywords, *self.and_keywords))

    @property
    def slug(self) -> str:
        """The finding's code without `LINT-`."""
        return self.id.upper()

    def replaced_word_in(self, text: str) -> str:
        """Return the word of `replacements` that the text contains; empty if it contains none."""
        found = _word_of(tuple(self.replacements)).search(text) if self.replacements else None
        return found.group() if found else ""


def _word_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return a regex for the longest of the words, as a whole word: `gpt-4o` doesn't match in `gpt-4o-mini`."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![\w.\-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.\-])")
