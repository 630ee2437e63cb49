"""The order of a client's POSTs: each is taken once, however often the network makes the client send it.

Pure. The client numbers them from 0, audio and messages together. It keeps one in flight, so what comes is either the
next one, or one that was taken already and whose answer was lost.
"""

from __future__ import annotations

from enum import Enum


class PostOrder(Enum):
    """What the number of a POST says about it."""

    NEXT = "next"
    REPEATED = "repeated"
    """It was taken before: answer as then, and do nothing."""
    TOO_FAR_AHEAD = "too far ahead"
    """One before it never arrived."""


class PostSequence:
    """The POSTs of one session."""

    __slots__ = ("expected",)

    def __init__(self) -> None:
        self.expected = 0
        """The number of the next POST."""

    def order(self, number: int) -> PostOrder:
        """Compare a POST's number with the one that is due."""
        if number == self.expected:
            return PostOrder.NEXT
        return PostOrder.REPEATED if number < self.expected else PostOrder.TOO_FAR_AHEAD

    def taken(self) -> None:
        """Count the POST that was due as taken."""
        self.expected += 1
