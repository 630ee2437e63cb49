from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bridge.protocol.dialects.detection import BETA_TO_GA
from bridge.protocol.models import MODELS, ModelKind, ModelStatus
from probes.lint.languages import Language, LanguageFamily
from probes.lint.matcher import find_matches, parse
from probes.lint.rules.registry import RULES
from probes.problem_catalogue import PROBLEMS
from reports.model import Severity

if TYPE_CHECKING:
    from probes.lint.rule import Rule


def found(code: str, language: Language = Language.PYTHON) -> list[str]:
    return [match.rule.id for match in find_matches(parse(code, language), code, language, RULES.values())]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_a_title_a_cause_and_a_fix(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", rule.id)
    assert rule.severity in {Severity.FAIL, Severity.WARNING}
    assert not rule.title.endswith(".")
    assert rule.title[0].isupper()
    assert rule.cause
    assert rule.fix
    assert all(word == word.lower() for words in (rule.keywords, *rule.and_keywords) for word in words)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_compiles_in_each_grammar_of_its_families(rule: Rule) -> None:
    words = " ".join(["realtime", *rule.keywords, *(word for words in rule.and_keywords for word in words)])
    for language in Language:
        if language.family in rule.languages:
            assert find_matches(parse("x", language), words, language, [rule]) == []


def test_there_is_a_rule_for_each_family_of_languages() -> None:
    assert {family for rule in RULES.values() for family in rule.languages} == set(LanguageFamily)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_finding_of_a_rule_is_explained(rule: Rule) -> None:
    assert PROBLEMS[f"LINT-{rule.slug}"].title == rule.title


@pytest.mark.parametrize("old", BETA_TO_GA)
def test_every_renamed_event_is_matched(old: str) -> None:
    handled = f'if event["type"] == "{old}": play()\n'
    sent = f'send({{"type": "{old}"}})\nsend({{"type": "input_audio_buffer.commit"}})'
    assert found(handled + sent)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_models_are_judged_by_the_catalogue(model: object) -> None:
    model_ = next(one for one in MODELS.values() if one is model)
    rules = found(f'url = "wss://api.openai.com/v1/realtime"\nconnect(model="{model_.id}")')
    if model_.kind is ModelKind.NONE:
        return
    expected = {ModelStatus.RETIRED: ["retired-model"], ModelStatus.DEPRECATED: ["retiring-model"]}
    assert rules == expected.get(model_.status, [])


@pytest.mark.parametrize(
    "code",
    [
        "x = 'gpt-4o-realtime-preview-2099'\nmodel = x",
        "model = 'my-gpt-4o-realtime-preview'",
        "model = f'gpt-4o-realtime-preview-{date}'",
    ],
)
def test_a_name_that_only_begins_like_a_retired_model_is_left_alone(code: str) -> None:
    assert found(code) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("'gpt-realtime'", "gpt-realtime"),
        ("'gpt-realtime-mini'", "gpt-realtime-mini"),
        ("?model=gpt-realtime&x=1", "gpt-realtime"),
        ("'gpt-realtime-2.1'", ""),
        ("'my-gpt-realtime'", ""),
    ],
)
def test_a_replaced_word_is_found_as_a_whole_word(text: str, word: str) -> None:
    assert RULES["retiring-model"].replaced_word_in(text) == word


def test_a_rule_without_replacements_finds_no_word() -> None:
    assert RULES["key-in-url"].replaced_word_in("gpt-realtime") == ""
