"""A mutant: the core with a mistake in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """Replaces `old`, which occurs exactly once in the file, by `new`. `breaks` says what goes wrong then."""

    file: str
    old: str
    new: str
    breaks: str
