from __future__ import annotations

import itertools
from collections import Counter

import pytest

from probes.lint.examples import Example, Verdict, examples
from probes.lint.fixes import changes, mended
from probes.lint.matcher import broken_at, hits, parse
from probes.lint.rules.registry import RULES

ALL = examples()
MENDED = [(before, after) for before, after in itertools.pairwise(ALL) if after.verdict is Verdict.MENDED]


def named(example: Example) -> str:
    return f"{example.rule}-{example.verdict}-{example.language}-{ALL.index(example)}"


def found_in(example: Example) -> Counter[str]:
    """Every rule is tried on it, so that none finds what only looks like its mistake."""
    return Counter(
        hit.rule.id
        for hit in hits(parse(example.code, example.language), example.code, example.language, RULES.values())
    )


@pytest.mark.parametrize("example", [one for one in ALL if one.verdict is Verdict.WRONG], ids=named)
def test_a_wrong_example_is_found_by_its_rule_and_by_no_other(example: Example) -> None:
    assert set(found_in(example)) == {example.rule}


@pytest.mark.parametrize("example", [one for one in ALL if one.verdict is not Verdict.WRONG], ids=named)
def test_in_right_and_mended_examples_no_rule_finds_anything(example: Example) -> None:
    assert not found_in(example)


@pytest.mark.parametrize(("before", "after"), MENDED, ids=named)
def test_fixing_a_wrong_example_gives_the_mended_one(before: Example, after: Example) -> None:
    root = parse(before.code, before.language)
    found = hits(root, before.code, before.language, RULES.values())
    text, made = mended(before.code, [changes(hit, root, before.code) for hit in found])
    assert all(made)
    assert text == after.code


@pytest.mark.parametrize("example", ALL, ids=named)
def test_every_example_is_whole_code(example: Example) -> None:
    assert broken_at(parse(example.code, example.language)) is None


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_shows_what_it_finds_and_what_not_in_each_of_its_languages(rule: str) -> None:
    shown = Counter((one.language.family, one.verdict) for one in ALL if one.rule == rule)
    assert all(shown[family, verdict] for family in RULES[rule].looks for verdict in (Verdict.WRONG, Verdict.RIGHT))
    assert sum(shown.values()) >= 3


@pytest.mark.parametrize("rule", [rule.id for rule in RULES.values() if rule.edits])
def test_every_rule_that_can_mend_shows_how(rule: str) -> None:
    assert any(one.rule == rule and one.verdict is Verdict.MENDED for one in ALL)


def test_examples_belong_to_rules() -> None:
    assert {one.rule for one in ALL} == set(RULES)
