"""Whatever a file holds: lint comes to an end after bounded work, and every place holds the code that it shows."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from time import process_time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from probes.lint.analysis import values
from probes.lint.analysis.values import Values
from probes.lint.checking import check_text, findings_of
from probes.lint.examples import Example, read_examples
from probes.lint.fixing.fixed_file import fix_file
from probes.lint.fixing.soundness import why_unsound
from probes.lint.languages import Language
from probes.lint.options import FixLevel, LintOptions
from probes.lint.sources.discovery import LintTarget
from probes.lint.sources.files import SourceFile, read_source
from reports.redaction import hide_credentials

EXAMPLES = read_examples()
OPTIONS = LintOptions(fix=FixLevel.ALL)
RULES = OPTIONS.rules()
SUFFIXES = {
    Language.JAVASCRIPT: ".js",
    Language.TYPESCRIPT: ".ts",
    Language.TSX: ".tsx",
    Language.PYTHON: ".py",
}
#: What mutations put in: brackets, quotes, line ends, words of the rules, and text beyond ASCII.
PIECES = st.sampled_from(
    (
        *(
            "(",
            ")",
            "{",
            "}",
            "[",
            "]",
            "'",
            '"',
            "`",
            "${",
            "\n",
            "\r\n",
            "\t",
            "...",
            "**",
            ": ",
            ", ",
            "ä🎤",
            "\u2028",
        ),
        *("//", "#", "session", "'session.update'", "JSON.stringify(", "self.", "this.", "await ", "=> ", "= {}"),
        *("lambda: ", "x = x", "if "),
    )
)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[Example, str]:
    """Draw an example and a text made of it: pieces put in, cut out, doubled, and another example behind it."""
    example = draw(st.sampled_from(EXAMPLES))
    text = example.code
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 60)))
        cut, doubled, longer = text[:start] + text[end:], text[:end] + text[start:], text[:start] + draw(PIECES)
        text = draw(st.sampled_from([cut, doubled, longer + text[start:]]))
    others = [one for one in EXAMPLES if one.language is example.language]
    return example, text + "\n" + draw(st.sampled_from(others)).code


def source_of(example: Example, text: str) -> SourceFile | None:
    target = LintTarget(Path(f"a{SUFFIXES[example.language]}"), named=True, data=text.encode("utf-8", "replace"))
    source = read_source(target)
    return source if isinstance(source, SourceFile) else None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutations())
def test_every_place_holds_the_code_that_it_shows(drawn: tuple[Example, str]) -> None:
    source = source_of(*drawn)
    if source is None:
        return
    lines = source.text.split("\n")
    for finding in findings_of(source, check_text(source, RULES, OPTIONS), RULES):
        place = finding.place
        assert place is not None
        assert place.text in hide_credentials(lines[place.line - 1].rstrip())
        assert 1 <= place.column <= len(lines[place.line - 1]) + 1
        assert (place.line, place.column) <= (place.end_line, place.end_column)
        assert place.end_line <= len(lines)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutations())
def test_a_fixed_file_is_sound_and_stays_as_it_is(drawn: tuple[Example, str]) -> None:
    source = source_of(*drawn)
    if source is None:
        return
    fixed = fix_file(source, check_text(source, RULES, OPTIONS), RULES, OPTIONS)
    assert not fixed.done or not why_unsound(source.parsed, fixed.source.parsed, source.language)
    again = fix_file(fixed.source, fixed.checked, RULES, OPTIONS)
    assert again.source.text == fixed.source.text


@pytest.mark.alone
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a slow example takes too long to shrink
)
@given(mutations(), st.sampled_from((1, 60)))
def test_no_file_takes_a_second_of_processor_time(drawn: tuple[Example, str], times: int) -> None:
    example, text = drawn
    source = source_of(example, text * times)
    if source is None:
        return
    fastest = inf
    for _ in range(3):  # a busy machine makes one slower, never faster
        start = process_time()
        list(findings_of(source, check_text(source, RULES, OPTIONS), RULES))
        fastest = min(fastest, process_time() - start)
        if fastest < 1:
            return
    raise AssertionError(f"{fastest:.1f} s for {len(source.text)} characters")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(EXAMPLES), st.integers(25, 40))
def test_work_grows_with_the_file_and_not_with_its_square(example: Example, times: int) -> None:
    steps = [_steps(example, example.code * count) for count in (times, 2 * times)]
    assert steps[1] <= max(2.5 * steps[0], 400)


def _steps(example: Example, text: str) -> int:
    """Return how many expressions were followed for a text."""
    counted = 0
    step = Values._step

    def counting(self: Values) -> bool:
        nonlocal counted
        counted += 1
        return step(self)

    source = source_of(example, text)
    assert source is not None
    try:
        Values._step = counting  # type: ignore[method-assign]
        check_text(source, RULES, OPTIONS)
    finally:
        Values._step = step  # type: ignore[method-assign]
    return counted


def test_following_values_stops_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_MAX_STEPS", 50)
    fields = ", ".join(f"...s{number}" for number in range(100))
    made = "".join(f"const s{number} = {{ a{number}: 1 }};\n" for number in range(100))
    text = f"{made}ws.send(JSON.stringify({{ type: 'session.update', session: {{ {fields} }} }}));\n"
    source = source_of(Example("x", Language.TYPESCRIPT, EXAMPLES[0].kind, ""), text)
    assert source is not None
    assert check_text(source, RULES, OPTIONS).matches == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=40), max_size=6), st.booleans())
def test_any_notebook_is_read_or_told(lines: list[str], as_text: bool) -> None:
    source: object = "\n".join(lines) if as_text else lines
    text = json.dumps({"cells": [{"cell_type": "code", "source": source}]}, indent=1)
    target = LintTarget(Path("a.ipynb"), named=True, data=text.encode("utf-8", "replace"))
    found = read_source(target)
    if isinstance(found, SourceFile):
        list(findings_of(found, check_text(found, RULES, OPTIONS), RULES))
