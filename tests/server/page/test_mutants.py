"""The list of mistakes in the browser's client: each still stands in the source, once. `mutants.py` tries them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.core.mutants import apply
from tests.server.page.javascript import web_folder
from tests.server.page.mutant_list import MUTANTS

if TYPE_CHECKING:
    from tests.core.mutant import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.breaks}")
def test_every_mutant_still_stands_in_the_source_once(mutant: Mutant) -> None:
    text = (web_folder() / f"{mutant.file}.js").read_text()
    assert apply(mutant, text) != text


def test_no_mutant_stands_twice() -> None:
    assert len({(one.file, one.old, one.new) for one in MUTANTS}) == len(MUTANTS)
    assert len({one.breaks for one in MUTANTS}) == len(MUTANTS)
