from __future__ import annotations

from pathlib import Path

from probes.lint.page import rules_page, rules_table
from probes.lint.rules.registry import RULES

DOCS = Path(__file__).parents[3] / "docs" / "lint.md"


def test_the_page_has_a_line_for_every_rule() -> None:
    lines = rules_page().splitlines()
    assert [line.split()[0] for line in lines] == ["rule", *RULES]
    assert lines[1].split()[1:5] == ["fail", "TS", "JS,", "Python"]


def test_the_documentation_shows_the_rules_as_they_are() -> None:
    assert f"-->\n\n{rules_table()}\n<!-- end of rules -->" in DOCS.read_text(encoding="utf-8")


def test_the_documentation_names_the_options() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert all(word in text for word in ("--fix", "--select", "--ignore", "--list", "sherpa-lint: ignore-file["))
