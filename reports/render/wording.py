"""What several renderings say in the same words: verdicts, counts, what was seen, and in which order it is told.

Nothing of a format: no escapes, no widths, no colours.
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

#: The exit code in words.
VERDICT_WORDS: Mapping[int, str] = {
    EXIT_OK: "passed",
    EXIT_FAILED: "failed",
    EXIT_USAGE: "invalid usage",
    EXIT_COULD_NOT_RUN: "couldn't run",
    EXIT_INTERRUPTED: "interrupted",
}

#: What is counted, in this order: the words for one finding, and for several.
SEVERITY_LABELS: Mapping[Severity, tuple[str, str]] = {
    Severity.FAIL: ("failed", "failed"),
    Severity.ERROR: ("check couldn't run", "checks couldn't run"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.PASS: ("passed", "passed"),
    Severity.INFO: ("note", "notes"),
    Severity.SKIPPED: ("skipped", "skipped"),
}

#: What needs attention, and is explained.
PROBLEM_SEVERITIES = frozenset({Severity.WARNING, Severity.FAIL, Severity.ERROR})

#: What the command itself has to say, beside its probes.
OWN_PROBES = frozenset({"", "probe", "config", "usage"})


def verdict_word(exit_code: int) -> str:
    """Say an exit code in words; an unknown one is a failure."""
    return VERDICT_WORDS.get(exit_code, VERDICT_WORDS[EXIT_FAILED])


def count_summary(report: Report) -> str:
    """Count the findings by severity: `1 failed, 2 warnings, 6 passed`."""
    counts = ((report.count(severity), words) for severity, words in SEVERITY_LABELS.items())
    return ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in counts if count) or "no checks"


def is_strict(report: Report, exit_code: int) -> bool:
    """Say whether this run failed by its warnings: nothing else of it is a failure."""
    return exit_code == EXIT_FAILED and not report.count(Severity.FAIL)


def evidence_text(item: Evidence) -> str:
    """Say what was seen."""
    return f"{item.label}: {item.value}" if item.label else item.value


def place_text(place: Place) -> str:
    """Name a place as editors and terminals know it: `src/bridge.ts:12:5`."""
    return f"{place.path}:{place.line}:{place.column}"


def explanation_lines(finding: Finding) -> list[tuple[str, str]]:
    """Lay out what is known of a finding, in lines fit for any text: (word, line), the word once per part."""
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
    """Write what is known of a finding as an indented block of lines."""
    return "\n".join(f"{word:<6} {text}" for word, text in explanation_lines(finding))


def group_by_probe(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Put the findings of each probe together, in the order in which the probes first appear."""
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.probe].append(finding)
    return dict(groups)
