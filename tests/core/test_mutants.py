from __future__ import annotations

import pytest

from tests.core.machine_mutants import MACHINE_MUTANTS
from tests.core.mutant_list import MUTANTS, Mutant
from tests.core.mutants import ROOT, apply, source


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.breaks}")
def test_every_mutant_still_stands_in_the_source_once(mutant: Mutant) -> None:
    text = source(ROOT, mutant).read_text()
    mutated = apply(mutant, text)
    assert mutated != text
    compile(mutated, mutant.file, "exec")


def test_a_mutant_that_is_out_of_date_says_so() -> None:
    with pytest.raises(ValueError, match="0 times"):
        apply(Mutant("states", "no such line", "", ""), "")


def test_every_mutant_of_the_machine_exists() -> None:
    assert {one.breaks for one in MUTANTS} >= MACHINE_MUTANTS


def test_no_mutant_stands_twice() -> None:
    assert len({(one.file, one.old, one.new) for one in MUTANTS}) == len(MUTANTS)
    assert len({one.breaks for one in MUTANTS}) == len(MUTANTS)
