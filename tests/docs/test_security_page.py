"""The threat model names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+\.py)::(\w+)`", PAGE)))


def test_it_names_a_test_for_every_attempt() -> None:
    rows = PAGE.partition("## What each may try")[2].partition("\n## ")[0].splitlines()
    attempts = [row for row in rows if row.startswith("| ") and not row.startswith("| attempt")]
    assert len(attempts) > 20
    assert [row for row in attempts if "`tests/" not in row] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_it_names_exists(file: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), flags=re.MULTILINE)
