"""Removes secrets from everything a report shows: the run's token, and whatever looks like a credential."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reports.redaction import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtests.scenarios.plan import RunPlan
    from reports.model import Finding, Moment, Report

_BEARER = "Authorization: Bearer "
_REDACTED = "…"


def make_redactor(plan: RunPlan) -> Callable[[str], str]:
    """Return a function that redacts a text. A target can send the token back, and a command can print a key."""
    tokens = [header.removeprefix(_BEARER) for header in plan.headers if header.startswith(_BEARER)]

    def redacted(text: str) -> str:
        for token in tokens:
            text = text.replace(token, _REDACTED)
        return hide_credentials(text)

    return redacted


def redact_report(report: Report, plan: RunPlan) -> Report:
    """Redact every text in a report that comes from outside."""
    redacted = make_redactor(plan)

    def redact_finding(finding: Finding) -> Finding:
        evidence = tuple(replace(one, value=redacted(one.value)) for one in finding.evidence)
        return replace(finding, title=redacted(finding.title), evidence=evidence)

    def redact_moment(moment: Moment) -> Moment:
        return replace(moment, detail=redacted(moment.detail))

    return replace(
        report,
        findings=tuple(map(redact_finding, report.findings)),
        timelines=tuple(replace(one, moments=tuple(map(redact_moment, one.moments))) for one in report.timelines),
    )
