from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from probes.lint.compiler import compile_rule
from probes.lint.languages import Language
from probes.lint.matcher import find_matches, first_syntax_error, parse
from probes.lint.rules.registry import RULES

if TYPE_CHECKING:
    from ast_grep_py import Config, SgNode


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("const a = ;\n", Language.TYPESCRIPT),
        ("if (a { b() }\n", Language.TYPESCRIPT),
        ("def f(:\n    pass\n", Language.PYTHON),
        ("const a = <div>;\n", Language.TSX),
        ("let x: number = 1;\n", Language.JAVASCRIPT),
    ],
)
def test_a_syntax_error_is_found(code: str, language: Language) -> None:
    assert first_syntax_error(parse(code, language), language) is not None


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("", Language.PYTHON),
        ("", Language.TYPESCRIPT),
        ("# only a comment", Language.PYTHON),
        ("x = ''\ny = f''\n", Language.PYTHON),
        ("let a = ``\nlet b = ''\n", Language.JAVASCRIPT),
        ("const a = <></>", Language.TSX),
    ],
)
def test_empty_code_has_no_syntax_error(code: str, language: Language) -> None:
    assert first_syntax_error(parse(code, language), language) is None


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("const Title = styled.h1<{ color?: string }>`color: red;`;\n", Language.TSX),
        ("const real = await load<typeof import('node:fs')>();\n", Language.TYPESCRIPT),
        ("expectType(a).toMatch<\n  import('./session').Session\n>();\n", Language.TYPESCRIPT),
        ("const p = make({ a: (e, g) => g.dy < -8,\n  b: (e, g) => { stop(); } });\n", Language.TSX),
        ("const a = <a href='/?x=1&y=2'>b</a>;\n", Language.TSX),
    ],
)
def test_what_the_grammar_does_not_know_is_no_syntax_error(code: str, language: Language) -> None:
    assert first_syntax_error(parse(code, language), language) is None
    assert first_syntax_error(parse(f"{code}const b = ;\n", language), language) is not None


@pytest.mark.parametrize("code", ["x = max(a), *(b for b in c)\n", "y = '\\d'\nx = a, *(b for b in c)\n"])
def test_python_that_the_grammar_does_not_know_is_no_syntax_error(code: str) -> None:
    assert first_syntax_error(parse(code, Language.PYTHON), Language.PYTHON) is None


@pytest.mark.parametrize("code", ["x = a, *(b for b in c)\n) = (\n", "x = a, *(b for b in c)\n\0\n"])
def test_python_that_python_does_not_know_either_is_a_syntax_error(code: str) -> None:
    assert first_syntax_error(parse(code, Language.PYTHON), Language.PYTHON) is not None


def test_matches_come_by_position() -> None:
    code = "h = {'OpenAI-Beta': 'realtime=v1'}\nmodel = 'gpt-4o-realtime-preview'\n"
    found = find_matches(parse(code, Language.PYTHON), code, Language.PYTHON, reversed(list(RULES.values())))
    assert [(match.rule.id, match.range.start.line) for match in found] == [("beta-header", 0), ("retired-model", 1)]


def test_a_file_with_a_syntax_error_is_searched_elsewhere() -> None:
    code = "h = {'OpenAI-Beta': 'realtime=v1'}\n\ndef f(:\n    pass\n"
    assert [
        match.rule.id for match in find_matches(parse(code, Language.PYTHON), code, Language.PYTHON, RULES.values())
    ] == ["beta-header"]


@pytest.mark.parametrize("language", [Language.JAVASCRIPT, Language.TYPESCRIPT, Language.TSX])
def test_a_rule_with_kinds_of_typescript_works_in_javascript(language: Language) -> None:
    code = "const model = (flag || 'gpt-4o-realtime-preview');"
    assert len(find_matches(parse(code, language), code, language, RULES.values())) == 1


class CountingNode:
    """A root node that records what it is searched for."""

    def __init__(self, root: SgNode) -> None:
        self.root = root
        self.searches: list[str] = []

    def kind(self) -> str:
        return self.root.kind()

    def children(self) -> list[SgNode]:
        return self.root.children()

    def find_all(self, config: Config) -> list[SgNode]:
        self.searches.append(repr(config))
        return self.root.find_all(config)


def searches(code: str) -> list[str]:
    counting = CountingNode(parse(code, Language.TYPESCRIPT))
    find_matches(cast("SgNode", counting), code, Language.TYPESCRIPT, RULES.values())
    return counting.searches


LINE = "pendingAudio.push(chunk); openaiWs.send(JSON.stringify({ type: 'response.audio.delta' })); // ready\n"


def test_a_large_file_is_searched_no_more_often_than_a_small_one() -> None:
    assert searches(LINE * 200) == searches(LINE)


ONLY_REALTIME = "const first = 'response.audio.delta'; // realtime, pendingAudio.push, 1001\n"
TWO_MISTAKES = f"""{ONLY_REALTIME}
function keep(chunk) {{ pendingAudio.push(chunk); }}
function closed(code) {{ if (code === 1001) {{ return; }} }}
"""


def test_a_query_that_several_rules_share_is_evaluated_once() -> None:
    (uses_realtime,) = compile_rule("close-as-fine", Language.TYPESCRIPT)[0].requires
    assert uses_realtime in compile_rule("unbounded-audio-queue", Language.TYPESCRIPT)[0].requires
    assert searches(TWO_MISTAKES).count(uses_realtime.key) == 1
    assert uses_realtime.key not in searches(ONLY_REALTIME)


def test_a_file_is_searched_if_it_has_one_word_of_each_list() -> None:
    rule = replace(RULES["beta-header"], keywords=("a", "b"), and_keywords=(("c", "d"), ("e",)))
    assert rule.may_match("b d e")
    assert not rule.may_match("a e")
    assert not rule.may_match("c d e")
