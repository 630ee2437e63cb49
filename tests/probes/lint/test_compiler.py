from __future__ import annotations

import pytest

from probes.lint.compiler import compile_rule
from probes.lint.languages import Language
from probes.lint.rules.patterns import FILE_CONTAINS
from probes.lint.rules.registry import RULES


@pytest.mark.parametrize("rule", RULES)
def test_no_condition_about_the_file_is_left_in_a_pattern(rule: str) -> None:
    for language in Language:
        for pattern in compile_rule(rule, language):
            assert FILE_CONTAINS not in repr(pattern)


def test_alternatives_keep_their_own_queries() -> None:
    (assembled,) = [
        pattern
        for pattern in compile_rule("azure-preview-address", Language.PYTHON)
        if "append" in repr(pattern.nodes.config)
    ]
    assert any("openai/realtime" in query.key for query in assembled.requires)
    assert not assembled.unless
    assert not any(
        pattern.requires
        for pattern in compile_rule("azure-preview-address", Language.PYTHON)
        if pattern is not assembled
    )


def test_a_rule_for_other_languages_has_no_patterns() -> None:
    assert compile_rule("extra-headers", Language.TSX) == ()
    assert compile_rule("key-in-bundle", Language.PYTHON) == ()


def test_patterns_for_javascript_have_no_node_kinds_of_typescript() -> None:
    assert "required_parameter" in repr(compile_rule("message-event-data", Language.TYPESCRIPT))
    assert "as_expression" in repr(compile_rule("retired-model", Language.TSX))
    assert "as_expression" not in repr(compile_rule("retired-model", Language.JAVASCRIPT))


def test_regexes_are_ascii_in_and_outside_of_classes() -> None:
    text = "".join(repr(pattern) for rule in RULES for language in Language for pattern in compile_rule(rule, language))
    assert "\\\\w" not in text
    assert "\\\\s" not in text
    assert "0-9A-Za-z_" in text
