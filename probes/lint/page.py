"""The rules as a page: for the terminal (`--list`), and as the table of `docs/lint.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint.rules.registry import RULES
from reports.render.terminal_text import pad

if TYPE_CHECKING:
    from probes.lint.rule import Rule


def rules_page() -> str:
    """List every rule on a line of its own: id, severity, languages, whether `--fix` mends it, what it finds."""
    rows = [("rule", "severity", "languages", "fix", "finds"), *map(_row, RULES.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(pad, row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def rules_table() -> str:
    """Write them as a Markdown table."""
    rows = (_row(rule) for rule in RULES.values())
    lines = (f"| `{name}` | {severity} | {spoken} | {fix} | {title} |" for name, severity, spoken, fix, title in rows)
    return "\n".join(("| rule | severity | languages | `--fix` | finds |", "|---|---|---|---|---|", *lines)) + "\n"


def _row(rule: Rule) -> tuple[str, str, str, str, str]:
    return rule.id, rule.severity.value, _spoken(rule), "yes" if rule.autofix else "", rule.title


#: The families, short enough for a column.
_SHORT = {"TypeScript, JavaScript": "TS JS", "Python": "Python"}


def _spoken(rule: Rule) -> str:
    return ", ".join(_SHORT[family.value] for family in rule.patterns)
