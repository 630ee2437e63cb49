"""GitLab's code quality report: findings with a place, which GitLab shows in merge requests.

A JSON list of issues with description, check name, fingerprint, severity and place; see GitLab's documentation of
`artifacts:reports:codequality`. Findings without a place have no form there and are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING

from reports.model import Finding, Report, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEVERITIES: Mapping[Severity, str] = {
    Severity.FAIL: "major",
    Severity.ERROR: "critical",
    Severity.WARNING: "minor",
    Severity.INFO: "info",
}


def render(report: Report, _exit_code: int) -> str:
    """Write the issues as a JSON list; the exit code has no place in it."""
    seen: Counter[str] = Counter()
    shown = [finding for finding in report.findings if finding.place and finding.severity in _SEVERITIES]
    return json.dumps([_issue(finding, seen) for finding in shown], indent=2) + "\n"


def _issue(finding: Finding, seen: Counter[str]) -> Mapping[str, object]:
    place = finding.place
    assert place is not None  # noqa: S101 - render takes only those with one
    # The line's text rather than its number: an issue stays the same when code above it changes.
    identity = f"{finding.code} {place.path} {place.text.strip()}"
    seen[identity] += 1
    return {
        "description": f"{finding.title}. {finding.fix}",
        "check_name": finding.code,
        "fingerprint": hashlib.sha256(f"{identity} {seen[identity]}".encode()).hexdigest(),
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": place.path, "lines": {"begin": place.line, "end": place.end_line}},
    }
