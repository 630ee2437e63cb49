"""The list of rules, for the terminal (`--list`) and as the table in `docs/lint.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint.rules.registry import RULES
from reports.render.terminal_text import pad

if TYPE_CHECKING:
    from probes.lint.rule import Rule


def rules_page() -> str:
    """Return all rules as aligned lines: id, severity, languages, whether `--fix` applies, what it finds."""
    rows = [("rule", "severity", "languages", "fix", "finds"), *map(_row, RULES.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(pad, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def rules_table() -> str:
    """Return all rules as a Markdown table."""
    rows = (_row(rule) for rule in RULES.values())
    lines = (
        f"| `{name}` | {severity} | {languages} | {fix} | {title} |" for name, severity, languages, fix, title in rows
    )
    return "\n".join(("| rule | severity | languages | `--fix` | finds |", "|---|---|---|---|---|", *lines)) + "\n"


def _row(rule: Rule) -> tuple[str, str, str, str, str]:
    return rule.id, rule.severity.value, _languages(rule), "yes" if rule.autofix else "", rule.title


#: Short names of the language families, for the column.
_SHORT = {"TypeScript, JavaScript": "TS JS", "Python": "Python"}


def _languages(rule: Rule) -> str:
    return ", ".join(_SHORT[family.value] for family in rule.languages)
