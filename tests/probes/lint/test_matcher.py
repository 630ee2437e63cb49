from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from probes.lint.compiler import compile_rule
from probes.lint.matcher import find_matches, first_syntax_error, parse
from probes.lint.rule import Language
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
def test_what_is_no_syntax_is_seen(code: str, language: Language) -> None:
    assert first_syntax_error(parse(code, language)) is not None


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
def test_what_is_empty_is_whole(code: str, language: Language) -> None:
    assert first_syntax_error(parse(code, language)) is None


def test_hits_come_by_place() -> None:
    code = "h = {'OpenAI-Beta': 'realtime=v1'}\nmodel = 'gpt-4o-realtime-preview'\n"
    found = find_matches(parse(code, Language.PYTHON), code, Language.PYTHON, reversed(list(RULES.values())))
    assert [(hit.rule.id, hit.range.start.line) for hit in found] == [("beta-header", 0), ("retired-model", 1)]


def test_a_file_that_is_broken_in_one_place_is_searched_in_the_others() -> None:
    code = "h = {'OpenAI-Beta': 'realtime=v1'}\n\ndef f(:\n    pass\n"
    assert [
        hit.rule.id for hit in find_matches(parse(code, Language.PYTHON), code, Language.PYTHON, RULES.values())
    ] == ["beta-header"]


@pytest.mark.parametrize("language", [Language.JAVASCRIPT, Language.TYPESCRIPT, Language.TSX])
def test_a_rule_with_kinds_of_typescript_works_in_javascript(language: Language) -> None:
    code = "const model = (flag || 'gpt-4o-realtime-preview');"
    assert len(find_matches(parse(code, language), code, language, RULES.values())) == 1


class Counting:
    """A parsed file that notes what it is searched for."""

    def __init__(self, root: SgNode) -> None:
        self.root = root
        self.searches: list[str] = []

    def find_all(self, config: Config) -> list[SgNode]:
        self.searches.append(repr(config))
        return self.root.find_all(config)


def searches(code: str) -> list[str]:
    counting = Counting(parse(code, Language.TYPESCRIPT))
    find_matches(cast("SgNode", counting), code, Language.TYPESCRIPT, RULES.values())
    return counting.searches


LINE = "pendingAudio.push(chunk); openaiWs.send(JSON.stringify({ type: 'response.audio.delta' })); // ready\n"


def test_a_large_file_is_searched_no_more_often_than_a_small_one() -> None:
    assert searches(LINE * 200) == searches(LINE)


def test_what_several_rules_ask_of_a_file_is_asked_once() -> None:
    (speaks_realtime,) = compile_rule("open-is-not-ready", Language.TYPESCRIPT)[0].requires
    assert speaks_realtime in compile_rule("unbounded-audio-queue", Language.TYPESCRIPT)[0].requires
    assert searches(LINE).count(speaks_realtime.key) == 1
