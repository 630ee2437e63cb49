from __future__ import annotations

import pytest

from probes.lint.languages import Language
from probes.lint.matcher import find_matches, parse
from probes.lint.rules.registry import RULES
from probes.lint.suppressions import apply_suppressions, find_suppressions

HEADER = "h = {'OpenAI-Beta': 'realtime=v1'}"
IGNORE = "sherpa-lint: ignore[beta-header] our own server"


def check(code: str, language: Language = Language.PYTHON) -> tuple[int, list[str]]:
    """Return the number of matches that are not suppressed, and the rules of unused suppressions."""
    root = parse(code, language)
    found = find_suppressions(root, code)
    kept = apply_suppressions(find_matches(root, code, language, RULES.values()), found)
    return len(kept), [suppression.rule for suppression in found if not suppression.used]


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
def test_a_comment_suppresses_on_its_line_the_next_or_in_the_file(code: str) -> None:
    assert check(code) == (0, [])


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
def test_every_kind_of_script_comment_counts(code: str) -> None:
    assert check(code.replace("IGNORE", IGNORE), Language.TSX) == (0, [])


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
def test_elsewhere_it_suppresses_nothing_and_stays_unused(code: str, unused: list[str]) -> None:
    assert check(code) == (1, unused)


def test_a_file_without_suppressions_has_none() -> None:
    assert find_suppressions(parse(HEADER, Language.PYTHON), HEADER) == []
