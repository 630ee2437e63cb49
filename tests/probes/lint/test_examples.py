from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from probes.lint.examples import Example, ExampleKind, read_examples
from probes.lint.fixing.edits import apply_edits, edits_for
from probes.lint.matcher import find_matches, first_syntax_error, parse
from probes.lint.rules.registry import RULES

ALL = read_examples()
OTHER_QUOTES = str.maketrans("'\"", "\"'")
FIXED_PAIRS = [(before, after) for before, after in itertools.pairwise(ALL) if after.kind is ExampleKind.FIXED]


def example_id(example: Example) -> str:
    return f"{example.rule}-{example.kind}-{example.language}-{ALL.index(example)}"


def found_in(example: Example) -> Counter[str]:
    """Apply every rule, so that none matches code that only resembles its mistake."""
    return Counter(
        match.rule.id
        for match in find_matches(parse(example.code, example.language), example.code, example.language, RULES.values())
    )


@pytest.mark.parametrize("example", [one for one in ALL if one.kind is ExampleKind.WRONG], ids=example_id)
def test_a_wrong_example_is_matched_by_its_rule_and_no_other(example: Example) -> None:
    assert set(found_in(example)) == {example.rule}


def ids_without_keywords(example: Example, code: str) -> set[str]:
    ungated = replace(RULES[example.rule], keywords=("",), and_keywords=())
    found = find_matches(parse(code, example.language), code, example.language, [ungated])
    return {match.rule.id for match in found}


@pytest.mark.parametrize("example", [one for one in ALL if one.kind is ExampleKind.WRONG], ids=example_id)
def test_the_words_that_a_rule_waits_for_stand_in_whatever_it_matches(example: Example) -> None:
    for code in (example.code, example.code.translate(OTHER_QUOTES), example.code.replace(" = ", "=")):
        if ids_without_keywords(example, code):
            assert RULES[example.rule].may_match(code.lower())


@pytest.mark.parametrize("example", [one for one in ALL if one.kind is not ExampleKind.WRONG], ids=example_id)
def test_no_rule_matches_right_and_fixed_examples(example: Example) -> None:
    assert not found_in(example)


@pytest.mark.parametrize(("before", "after"), FIXED_PAIRS, ids=example_id)
def test_fixing_a_wrong_example_gives_the_fixed_one(before: Example, after: Example) -> None:
    root = parse(before.code, before.language)
    matches = find_matches(root, before.code, before.language, RULES.values())
    text, applied = apply_edits(before.code, [edits_for(match, root, before.code) for match in matches])
    assert all(applied)
    assert text == after.code


@pytest.mark.parametrize("example", ALL, ids=example_id)
def test_every_example_parses(example: Example) -> None:
    assert first_syntax_error(parse(example.code, example.language), example.language) is None


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_right_and_wrong_examples_in_each_of_its_languages(rule: str) -> None:
    shown = Counter((one.language.family, one.kind) for one in ALL if one.rule == rule)
    assert all(
        shown[family, kind] for family in RULES[rule].languages for kind in (ExampleKind.WRONG, ExampleKind.RIGHT)
    )
    assert sum(shown.values()) >= 2


@pytest.mark.parametrize("rule", [rule.id for rule in RULES.values() if rule.autofix])
def test_every_rule_with_an_autofix_has_a_fixed_example(rule: str) -> None:
    assert any(one.rule == rule and one.kind is ExampleKind.FIXED for one in ALL)


def test_examples_belong_to_rules() -> None:
    assert {one.rule for one in ALL} == set(RULES)
