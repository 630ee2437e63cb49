from __future__ import annotations

import itertools
from collections import Counter

import pytest

from probes.lint.examples import Example, ExampleKind, read_examples
from probes.lint.fixes import apply_edits, edits_for
from probes.lint.matcher import find_matches, first_syntax_error, parse
from probes.lint.rules.registry import RULES

ALL = read_examples()
MENDED = [(before, after) for before, after in itertools.pairwise(ALL) if after.kind is ExampleKind.FIXED]


def named(example: Example) -> str:
    return f"{example.rule}-{example.kind}-{example.language}-{ALL.index(example)}"


def found_in(example: Example) -> Counter[str]:
    """Every rule is tried on it, so that none finds what only looks like its mistake."""
    return Counter(
        hit.rule.id
        for hit in find_matches(parse(example.code, example.language), example.code, example.language, RULES.values())
    )


@pytest.mark.parametrize("example", [one for one in ALL if one.kind is ExampleKind.WRONG], ids=named)
def test_a_wrong_example_is_found_by_its_rule_and_by_no_other(example: Example) -> None:
    assert set(found_in(example)) == {example.rule}


@pytest.mark.parametrize("example", [one for one in ALL if one.kind is not ExampleKind.WRONG], ids=named)
def test_in_right_and_mended_examples_no_rule_finds_anything(example: Example) -> None:
    assert not found_in(example)


@pytest.mark.parametrize(("before", "after"), MENDED, ids=named)
def test_fixing_a_wrong_example_gives_the_mended_one(before: Example, after: Example) -> None:
    root = parse(before.code, before.language)
    found = find_matches(root, before.code, before.language, RULES.values())
    text, made = apply_edits(before.code, [edits_for(hit, root, before.code) for hit in found])
    assert all(made)
    assert text == after.code


@pytest.mark.parametrize("example", ALL, ids=named)
def test_every_example_is_whole_code(example: Example) -> None:
    assert first_syntax_error(parse(example.code, example.language)) is None


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_shows_what_it_finds_and_what_not_in_each_of_its_languages(rule: str) -> None:
    shown = Counter((one.language.family, one.kind) for one in ALL if one.rule == rule)
    assert all(
        shown[family, verdict] for family in RULES[rule].patterns for verdict in (ExampleKind.WRONG, ExampleKind.RIGHT)
    )
    assert sum(shown.values()) >= 3


@pytest.mark.parametrize("rule", [rule.id for rule in RULES.values() if rule.autofix])
def test_every_rule_that_can_mend_shows_how(rule: str) -> None:
    assert any(one.rule == rule and one.kind is ExampleKind.FIXED for one in ALL)


def test_examples_belong_to_rules() -> None:
    assert {one.rule for one in ALL} == set(RULES)
