"""A one-line mistake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one place; `old` stands exactly once in the file."""

    file: str
    old: str
    new: str
    breaks: str
