"""One line per finding, as compilers and linters print them: `path:line:column: severity CODE title`.

For editors, `grep`, and pull requests. What passed is left out; the last line is a verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.model import Finding, Report, Severity
from reports.render.terminal_text import sanitize
from reports.render.wording import count_summary, verdict_word

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = frozenset({Severity.FAIL, Severity.ERROR, Severity.WARNING, Severity.INFO})


def render(report: Report, exit_code: int) -> str:
    """Write a line per finding in the order of the report, and a verdict."""
    lines = [*_lines(report), f"{verdict_word(exit_code)}: {count_summary(report)}"]
    return "\n".join(lines) + "\n"


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        if finding.severity in _SHOWN:
            yield sanitize(f"{_place(finding)}{finding.severity.value} {finding.code} {finding.title}")


def _place(finding: Finding) -> str:
    place = finding.place
    return f"{place.path}:{place.line}:{place.column}: " if place else ""
