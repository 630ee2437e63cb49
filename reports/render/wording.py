"""What several renderings say in the same words: verdicts, counts, what was seen, and in which order it is told.

Nothing of a format: no escapes, no widths, no colours.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reports.model import (
    EXIT_COULD_NOT_LOOK,
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
from reports.render.terminal_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The exit code in words.
VERDICTS: Mapping[int, str] = {
    EXIT_OK: "passed",
    EXIT_FAILED: "failed",
    EXIT_USAGE: "wrong usage",
    EXIT_COULD_NOT_LOOK: "could not look",
    EXIT_INTERRUPTED: "interrupted",
}

#: How many of each there are, in this order.
COUNTED: Mapping[Severity, str] = {
    Severity.FAIL: "failed",
    Severity.ERROR: "could not look",
    Severity.WARNING: "warned",
    Severity.PASS: "passed",
    Severity.INFO: "noted",
    Severity.SKIPPED: "skipped",
}

#: What needs attention, and is explained.
PROBLEMS = frozenset({Severity.WARNING, Severity.FAIL, Severity.ERROR})

#: What the command itself has to say, beside its probes.
OWN = frozenset({"", "probe", "config", "usage"})


def verdict(exit_code: int) -> str:
    """Say an exit code in words; an unknown one is a failure."""
    return VERDICTS.get(exit_code, VERDICTS[EXIT_FAILED])


def counted(report: Report) -> str:
    """Count everything: `1 failed, 6 passed, 1 skipped`."""
    counts = ((report.count(severity), word) for severity, word in COUNTED.items())
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing checked"


def is_strict(report: Report, exit_code: int) -> bool:
    """Say whether this run failed by its warnings: nothing else of it is a failure."""
    return exit_code == EXIT_FAILED and not report.count(Severity.FAIL)


def told(item: Evidence) -> str:
    """Say what was seen."""
    return f"{item.label}: {item.value}" if item.label else item.value


def spot(place: Place) -> str:
    """Name a place as editors and terminals know it: `src/bridge.ts:12:5`."""
    return f"{place.path}:{place.line}:{place.column}"


def explained(finding: Finding) -> list[tuple[str, str]]:
    """Lay out what is known of a finding, in lines fit for any text: (word, line), the word once per part."""
    parts = [
        *(("at", plain(text)) for text in ([spot(finding.place), finding.place.text] if finding.place else [])),
        *(("seen", plain(line)) for item in finding.evidence for line in told(item).splitlines()),
        *(("cause", plain(line)) for line in finding.cause.splitlines()),
        *(("next", plain(line)) for line in finding.fix.splitlines()),
        *(("more", plain(line)) for line in finding.link.splitlines()),
    ]
    lines, before = [], ""
    for word, text in parts:
        if text:
            lines.append(("" if word == before else word, text))
            before = word
    return lines


def paragraph(finding: Finding) -> str:
    """Write what is known of a finding as an indented block of lines."""
    return "\n".join(f"{word:<6} {text}" for word, text in explained(finding))


def by_probe(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Put the findings of each probe together, in the order in which the probes first appear."""
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.probe].append(finding)
    return dict(groups)
