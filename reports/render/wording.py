"""Wording that several formats share: verdicts, counts, evidence, and the order in which findings are explained.

Free of any format: no escapes, no widths, no colours.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reports.model import (
    EXIT_COULD_NOT_RUN,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    Evidence,
    Finding,
    Place,
    Report,
    Severity,
)
from reports.render.terminal_text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Exit code -> verdict.
VERDICT_WORDS: Mapping[int, str] = {
    EXIT_OK: "passed",
    EXIT_FAILED: "failed",
    EXIT_USAGE: "invalid usage",
    EXIT_COULD_NOT_RUN: "couldn't run",
    EXIT_INTERRUPTED: "interrupted",
}

#: Words for counts of one and of several findings, in this order.
SEVERITY_LABELS: Mapping[Severity, tuple[str, str]] = {
    Severity.FAIL: ("failed", "failed"),
    Severity.ERROR: ("check couldn't run", "checks couldn't run"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.PASS: ("passed", "passed"),
    Severity.INFO: ("note", "notes"),
    Severity.SKIPPED: ("skipped", "skipped"),
}

#: Severities that need attention and are explained.
PROBLEM_SEVERITIES = frozenset({Severity.WARNING, Severity.FAIL, Severity.ERROR})

#: Values of `probe` for findings of the command itself.
OWN_PROBES = frozenset({"", "probe", "config", "usage"})


def verdict_word(exit_code: int) -> str:
    """Return the verdict for an exit code; an unknown one is a failure."""
    return VERDICT_WORDS.get(exit_code, VERDICT_WORDS[EXIT_FAILED])


def count_summary(report: Report) -> str:
    """Count the findings by severity: `1 failed, 2 warnings, 6 passed`."""
    counts = ((report.count(severity), labels) for severity, labels in SEVERITY_LABELS.items())
    return (
        ", ".join(f"{count} {singular if count == 1 else plural}" for count, (singular, plural) in counts if count)
        or "no checks"
    )


def is_strict(report: Report, exit_code: int) -> bool:
    """Return whether this run failed because of its warnings only."""
    return exit_code == EXIT_FAILED and not report.count(Severity.FAIL)


def evidence_text(item: Evidence) -> str:
    """Format evidence as `label: value`."""
    return f"{item.label}: {item.value}" if item.label else item.value


def place_text(place: Place) -> str:
    """Format a place as editors and terminals do: `src/bridge.ts:12:5`."""
    return f"{place.path}:{place.line}:{place.column}"


def explanation_lines(finding: Finding) -> list[tuple[str, str]]:
    """Return everything about a finding as (label, line) pairs. Only the first line of a part has its label."""
    parts = [
        *(
            ("at", sanitize(text))
            for text in ([place_text(finding.place), finding.place.text] if finding.place else [])
        ),
        *(("seen", sanitize(line)) for item in finding.evidence for line in evidence_text(item).splitlines()),
        *(("cause", sanitize(line)) for line in finding.cause.splitlines()),
        *(("next", sanitize(line)) for line in finding.fix.splitlines()),
        *(("more", sanitize(line)) for line in finding.link.splitlines()),
    ]
    lines, before = [], ""
    for word, text in parts:
        if text:
            lines.append(("" if word == before else word, text))
            before = word
    return lines


def explanation_text(finding: Finding) -> str:
    """Return everything about a finding as an indented block."""
    return "\n".join(f"{word:<6} {text}" for word, text in explanation_lines(finding))


def group_by_probe(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Group the findings by probe, in the order in which the probes first appear."""
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.probe].append(finding)
    return dict(groups)
