from __future__ import annotations

import pytest

from probes.lint.matcher import find_matches, parse
from probes.lint.rule import Language
from probes.lint.rules.registry import RULES
from probes.lint.suppressions import apply_suppressions, find_suppressions

HEADER = "h = {'OpenAI-Beta': 'realtime=v1'}"
IGNORE = "sherpa-lint: ignore[beta-header] our own server"


def left(code: str, language: Language = Language.PYTHON) -> tuple[int, list[str]]:
    """How many hits are left, and the rules of suppressions that did nothing."""
    root = parse(code, language)
    silencers = find_suppressions(root, code)
    hits_left = apply_suppressions(find_matches(root, code, language, RULES.values()), silencers)
    return len(hits_left), [silencer.rule for silencer in silencers if not silencer.used]


@pytest.mark.parametrize(
    "code",
    [
        f"{HEADER}  # {IGNORE}",
        f"# {IGNORE}\n{HEADER}",
        f"# {IGNORE}\n# and more words\n{HEADER}",
        f"# Why: {IGNORE}\n{HEADER}",
        (
            "# sherpa-lint:ignore[ retired-model , beta-header ]\n"
            "h = {'OpenAI-Beta': 'realtime=v1', 'model': 'gpt-4o-realtime-preview'}"
        ),
        f'"""A docstring."""\n# sherpa-lint: ignore-file[beta-header] reason\nimport os\n{HEADER}\n{HEADER}',
    ],
)
def test_a_comment_silences_its_line_the_next_or_the_file(code: str) -> None:
    assert left(code) == (0, [])


@pytest.mark.parametrize(
    "code",
    [
        "const h = { 'OpenAI-Beta': 'realtime=v1' }; // IGNORE",
        "/* IGNORE */\nconst h = { 'OpenAI-Beta': 'realtime=v1' };",
        "const h = {\n  // IGNORE\n  'OpenAI-Beta': 'realtime=v1',\n};",
        "'use strict';\n// sherpa-lint: ignore-file[beta-header] x\nconst h = { 'OpenAI-Beta': 'realtime=v1' };",
        "const a = (\n  <div>\n    {/* IGNORE */}\n    {call({ 'OpenAI-Beta': 'realtime=v1' })}\n  </div>\n);",
    ],
)
def test_any_comment_of_a_script_does(code: str) -> None:
    assert left(code.replace("IGNORE", IGNORE), Language.TSX) == (0, [])


@pytest.mark.parametrize(
    ("code", "unused"),
    [
        (f"x = 1  # {IGNORE}\n{HEADER}", ["beta-header"]),
        (f"# {IGNORE}\nx = 1\n{HEADER}", ["beta-header"]),
        (f"{HEADER}  # sherpa-lint: ignore[retired-model]", ["retired-model"]),
        (f"{HEADER}  # sherpa-lint: ignore beta-header", [""]),
        (f"{HEADER}  # sherpa-lint: ignore[]", [""]),
        (f"import os\n# sherpa-lint: ignore-file[beta-header]\n{HEADER}", ["beta-header"]),
        (f"x = '{IGNORE}'; {HEADER}", []),
    ],
)
def test_elsewhere_it_silences_nothing_and_that_is_known(code: str, unused: list[str]) -> None:
    assert left(code) == (1, unused)


def test_a_file_without_suppressions_has_none() -> None:
    assert find_suppressions(parse(HEADER, Language.PYTHON), HEADER) == []
