"""GitHub workflow commands: annotations in the log and, for a finding with a place, beside the source.

The runner reads one command per line from stdout; the last line is a verdict for people. GitHub shows at most ten
errors and ten warnings per step, so the worst come first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reports.model import Finding, Report, Severity
from reports.render.terminal_text import sanitize
from reports.render.wording import count_summary, explanation_lines, is_strict, verdict_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reports.model import Place

#: Severity -> annotation, the worst first.
_COMMANDS: Mapping[Severity, str] = {
    Severity.FAIL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "notice",
}


def render(report: Report, exit_code: int) -> str:
    """Write one command per finding, and a verdict."""
    commands = {**_COMMANDS, Severity.WARNING: "error"} if is_strict(report, exit_code) else _COMMANDS
    lines = [
        _command(commands[severity], finding)
        for severity in _COMMANDS
        for finding in report.findings
        if finding.severity is severity
    ]
    duration = f"{report.seconds:.2f} s"
    last = (
        f"{verdict_word(exit_code)}: {count_summary(report)} in {duration} (exit {exit_code}) - {sanitize(report.tool)}"
    )
    return "\n".join([*lines, last]) + "\n"


def _command(name: str, finding: Finding) -> str:
    properties = {**(_place(finding.place) if finding.place else {}), "title": f"{finding.code}: {finding.title}"}
    pairs = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    lines = explanation_lines(replace(finding, place=None))
    message = "\n".join(f"{word}: {text}" if word else text for word, text in lines)
    return f"::{name} {pairs}::{_data(message or sanitize(finding.title))}"


def _place(place: Place) -> dict[str, str]:
    """Return the properties of a place. GitHub accepts columns only within one line."""
    lines = {"file": place.path, "line": str(place.line), "endLine": str(max(place.line, place.end_line))}
    if place.end_line > place.line:
        return lines
    return {**lines, "col": str(place.column), "endColumn": str(max(place.column, place.end_column))}


def _data(text: str) -> str:
    """Escape a message for the runner."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property, in which colons and commas must be escaped, too."""
    return _data(sanitize(text)).replace(":", "%3A").replace(",", "%2C")
