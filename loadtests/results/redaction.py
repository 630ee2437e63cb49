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
_HIDDEN = "…"


def make_redactor(plan: RunPlan) -> Callable[[str], str]:
    """Return a function that redacts a text. A target can send the token back, and a command can print a key."""
    tokens = [header.removeprefix(_BEARER) for header in plan.headers if header.startswith(_BEARER)]

    def hidden(text: str) -> str:
        for token in tokens:
            text = text.replace(token, _HIDDEN)
        return hide_credentials(text)

    return hidden


def redact_report(report: Report, plan: RunPlan) -> Report:
    """Redact every text in a report that comes from outside."""
    hidden = make_redactor(plan)

    def of_finding(found: Finding) -> Finding:
        evidence = tuple(replace(one, value=hidden(one.value)) for one in found.evidence)
        return replace(found, title=hidden(found.title), evidence=evidence)

    def of_moment(moment: Moment) -> Moment:
        return replace(moment, detail=hidden(moment.detail))

    return replace(
        report,
        findings=tuple(map(of_finding, report.findings)),
        timelines=tuple(replace(one, moments=tuple(map(of_moment, one.moments))) for one in report.timelines),
    )
