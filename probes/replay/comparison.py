"""Compares two sessions by the order of their kinds: what is missing, what came besides, what came elsewhere.

Ids, times, wording and the number of deltas differ between any two sessions and are not compared. Transcripts of speech
come beside the answer and rate limits somewhere near its end, so their place is not compared either.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from bridge.protocol.recordings.kinds import is_delta, is_loose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class SessionDifferences:
    """What differs, each as kinds in the order of the sessions. Nothing differs if all are empty."""

    missing: tuple[str, ...] = ()
    """Recorded, and did not come."""
    extra: tuple[str, ...] = ()
    """Came, and is not recorded."""
    moved: tuple[str, ...] = ()
    """Came as often as recorded, but in another place."""

    @property
    def same(self) -> bool:
        """Whether both sessions have the same kinds in the same order."""
        return not (self.missing or self.extra or self.moved)


def compare(recorded: Sequence[str], seen: Sequence[str]) -> SessionDifferences:
    """Compare the kinds of two sessions, as `frame_kind` returns them."""
    missing: Counter[str] = Counter()
    extra: Counter[str] = Counter()
    before, after = (_in_order(kinds) for kinds in (recorded, seen))
    for what, first, last, start, end in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if what != "equal":
            missing.update(before[first:last])
            extra.update(after[start:end])
    moved = missing & extra
    loose_before, loose_after = (Counter(_presence(kinds)) for kinds in (recorded, seen))
    return SessionDifferences(
        tuple((missing - moved + (loose_before - loose_after)).elements()),
        tuple((extra - moved + (loose_after - loose_before)).elements()),
        tuple(moved.elements()),
    )


def expected_kinds(kinds: Iterable[str]) -> Counter[str]:
    """Return what must have come before a session can be taken for complete."""
    return Counter(_in_order(kinds))


def _in_order(kinds: Iterable[str]) -> list[str]:
    return [kind for kind in kinds if not is_delta(kind) and not is_loose(kind)]


def _presence(kinds: Iterable[str]) -> set[str]:
    """Return the kinds of which only one thing is compared: whether there are any."""
    return {kind for kind in kinds if is_delta(kind) or is_loose(kind)}
