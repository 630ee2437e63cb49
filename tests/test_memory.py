from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tests.memory import held_bytes


@dataclass(slots=True)
class Keeper:
    kept: object


def test_what_is_kept_anywhere_inside_counts_once() -> None:
    text = "x" * 1_000_000
    inside = {"queue": deque([Keeper((text, text)), Keeper([text])])}
    assert 1_000_000 < held_bytes(inside) < 1_010_000
    assert held_bytes(inside, "y" * 1_000_000) > 2_000_000


def test_code_does_not_count() -> None:
    assert held_bytes(Keeper, held_bytes, test_code_does_not_count) == 0
