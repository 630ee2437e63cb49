"""What a rule is: a mistake that can be told from source code alone, as data.

Only the shape. The rules stand in `rules_*.py`, `rules.py` knows them all, `matching.py` is what applies them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from reports.model import Severity

#: An ast-grep rule object: what a piece of syntax must look like.
Pattern: TypeAlias = Mapping[str, Any]


class Language(StrEnum):
    """A grammar, by the name that ast-grep gives it."""

    JAVASCRIPT = "javascript"
    TYPESCRIPT = "typescript"
    TSX = "tsx"
    PYTHON = "python"

    @property
    def family(self) -> LanguageFamily:
        """The languages that share their rules with this one."""
        return LanguageFamily.PYTHON if self is Language.PYTHON else LanguageFamily.SCRIPT


class LanguageFamily(StrEnum):
    """Languages that a rule treats alike."""

    SCRIPT = "TypeScript, JavaScript"
    PYTHON = "Python"


@dataclass(frozen=True, slots=True)
class ReplaceKeyword:
    """Put in place of a word what `Rule.instead` names for it."""


@dataclass(frozen=True, slots=True)
class RemoveElement:
    """Take the hit out of its list or object, with one comma."""


@dataclass(frozen=True, slots=True)
class RewriteText:
    """Replace what a regular expression finds in the hit's text, or in that of another place of the same file."""

    old: str
    new: str
    """With `\\1` for groups."""
    where: Pattern | None = None
    """The other place: the first that looks so. None is the hit itself."""


AutofixStep: TypeAlias = ReplaceKeyword | RemoveElement | RewriteText


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One known mistake."""

    id: str
    """Stable, small letters with dashes; suppressions and `--select` name it, and its finding's code is made of it."""
    severity: Severity
    """FAIL: it breaks. WARNING: it may break, or what is seen here is not the whole of it."""
    title: str
    """One plain sentence without a full stop."""
    cause: str
    fix: str
    patterns: Mapping[LanguageFamily, Pattern]
    keywords: tuple[str, ...]
    """A file that holds none of these, whatever the case, is not searched. Written small; they only spare time."""
    replacements: Mapping[str, str] = field(default_factory=dict)
    """What belongs in place of a word, for rules that know many."""
    autofix: tuple[AutofixStep, ...] = ()
    """What mends it with no thought; empty where thought is needed."""

    @property
    def slug(self) -> str:
        """The second part of its finding's code."""
        return self.id.upper()

    def replaced_word_in(self, text: str) -> str:
        """Find which of the words in `instead` stands in a text; empty when none does."""
        found = _word_of(tuple(self.replacements)).search(text) if self.replacements else None
        return found.group() if found else ""


def _word_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Match the longest of the words, whole: `gpt-4o` is none in `gpt-4o-mini`."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![\w.\-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.\-])")
