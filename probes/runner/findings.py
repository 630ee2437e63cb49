"""Making findings: one small set of verbs for every probe, so that codes and texts look alike everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.model import Evidence, Finding, Severity

if TYPE_CHECKING:
    from bridge.protocol.refusals.lookup import Refusal
    from reports.model import ReportMetric, Series, Timeline
    from reports.problem import Problem

    #: What a probe yields: findings, and what it measured on the way.
    ProbeItem = Finding | Timeline | ReportMetric | Series


def explain_command(code: str) -> str:
    """Name the command that tells more about a code."""
    return f"sherpa-probe explain {code}"


def evidence_of(label: str, value: object) -> Evidence:
    """Make a piece of evidence from any value, shown as `label: value`; an empty value becomes `-`."""
    return Evidence(label, str(value) or "-")


def headline(value: object) -> Evidence:
    """Make the evidence without a label that the row of a failed check shows; an empty value becomes `-`."""
    return evidence_of("", value)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The row of one check of one probe: all its findings are made here. Codes are `<PROBE>-<SLUG>`."""

    probe: str
    check: str

    def code(self, slug: str) -> str:
        """Name a finding of this probe."""
        return f"{self.probe.upper()}-{slug}"

    def passed(self, title: str, *evidence: Evidence, slug: str = "") -> Finding:
        """All is well; the slug is the check's own name unless another one tells more."""
        return self._plain(Severity.PASS, slug or f"{slug_of(self.check)}-OK", title, evidence)

    def noted(self, slug: str, title: str, *evidence: Evidence) -> Finding:
        """Worth knowing, neither good nor bad."""
        return self._plain(Severity.INFO, slug, title, evidence)

    def skipped(self, why: str, *evidence: Evidence) -> Finding:
        """Not looked at, and why."""
        return self._plain(Severity.SKIPPED, f"{slug_of(self.check)}-SKIPPED", f"skipped: {why}", evidence)

    def refused(self, refusal: Refusal, *evidence: Evidence, cause: str = "", fix: str = "") -> Finding:
        """Something said no: title, cause and fix come from the table of refusals unless this place knows better."""
        return Finding(
            code=self.code(refusal.slug),
            severity=Severity.FAIL,
            check=self.check,
            title=refusal.title,
            evidence=evidence,
            cause=cause or refusal.cause,
            fix=fix or refusal.fix,
            link=explain_command(self.code(refusal.slug)),
            probe=self.probe,
        )

    def problem(
        self,
        known: Problem,
        *evidence: Evidence,
        title: str = "",
        cause: str = "",
        fix: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """Something is wrong: its words come from the table of problems unless this place knows better.

        The first evidence is what the row shows.
        """
        return Finding(
            code=self.code(known.slug),
            severity=severity or known.severity,
            check=self.check,
            title=title or known.title,
            evidence=evidence,
            cause=cause or known.cause,
            fix=fix or known.fix,
            link=explain_command(self.code(known.slug)),
            probe=self.probe,
        )

    def _plain(self, severity: Severity, slug: str, title: str, evidence: tuple[Evidence, ...]) -> Finding:
        return Finding(
            code=self.code(slug),
            severity=severity,
            check=self.check,
            title=title,
            evidence=evidence,
            probe=self.probe,
        )


def slug_of(check: str) -> str:
    """Write a check's name as it stands in codes: `tcp, tls` is TCP-TLS."""
    return check.upper().replace(", ", "-").replace(" ", "-").replace("/", "-")
