"""How a problem or a metric changed. Values only."""

from __future__ import annotations

from enum import StrEnum


class ChangeKind(StrEnum):
    """How a problem or a metric changed."""

    NEW = "new"
    WORSE = "worse"
    BETTER = "better"
    GONE = "gone"
    UNSEEN = "unseen"
    """It was there before and was not checked again."""
    MOVED = "moved"
    """A metric for which neither direction is better."""


#: Changes that make the second run worse, or better.
WORSE_CHANGES, BETTER_CHANGES = (
    frozenset({ChangeKind.NEW, ChangeKind.WORSE}),
    frozenset({ChangeKind.GONE, ChangeKind.BETTER}),
)
