"""Makes findings. All probes use these functions, so codes and texts have the same form everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.model import Evidence, Finding, Severity

if TYPE_CHECKING:
    from bridge.protocol.refusals.lookup import Refusal
    from reports.model import ReportMetric, Series, Table, Timeline
    from reports.problem import Problem

    #: What a probe yields: findings, and what it measured on the way.
    ProbeItem = Finding | Timeline | ReportMetric | Series | Table


def explain_command(code: str) -> str:
    """Return the command that explains a code."""
    return f"sherpa-probe explain {code}"


def evidence_of(label: str, value: object) -> Evidence:
    """Make a piece of evidence from any value, shown as `label: value`; an empty value becomes `-`."""
    return Evidence(label, str(value) or "-")


def headline(value: object) -> Evidence:
    """Make the evidence without a label that the row of a failed check shows; an empty value becomes `-`."""
    return evidence_of("", value)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The row of one check in the report of one probe; makes the check's findings. Codes are `<PROBE>-<SLUG>`."""

    probe: str
    check: str

    def code(self, slug: str) -> str:
        """Return the code for a slug of this probe."""
        return f"{self.probe.upper()}-{slug}"

    def passed(self, title: str, *evidence: Evidence, slug: str = "") -> Finding:
        """Return the finding that the check passed. The slug is the check's name by default."""
        return self._plain(Severity.PASS, slug or f"{slug_of(self.check)}-OK", title, evidence)

    def noted(self, slug: str, title: str, *evidence: Evidence) -> Finding:
        """Return a note, which is neither success nor failure."""
        return self._plain(Severity.INFO, slug, title, evidence)

    def skipped(self, why: str, *evidence: Evidence) -> Finding:
        """Return the finding that the check was skipped, with the reason."""
        return self._plain(Severity.SKIPPED, f"{slug_of(self.check)}-SKIPPED", f"skipped: {why}", evidence)

    def not_checked(self, what: str, command: str) -> Finding:
        """Return the finding that something was not checked at all, with the command that checks it."""
        slug, title = f"{slug_of(self.check)}-NOT-CHECKED", f"not checked: {what}; run: {command}"
        return self._plain(Severity.SKIPPED, slug, title, ())

    def refused(self, refusal: Refusal, *evidence: Evidence, cause: str = "", fix: str = "") -> Finding:
        """Return the failure for a refusal. Title, cause and fix are those of the refusal, unless given."""
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
        problem: Problem,
        *evidence: Evidence,
        title: str = "",
        cause: str = "",
        fix: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """Return the finding for a problem. Its texts and severity are those of the problem, unless given.

        The first evidence is what the row shows.
        """
        return Finding(
            code=self.code(problem.slug),
            severity=severity or problem.severity,
            check=self.check,
            title=title or problem.title,
            evidence=evidence,
            cause=cause or problem.cause,
            fix=fix or problem.fix,
            link=explain_command(self.code(problem.slug)),
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
    """Return a check's name in the form that codes use: `tcp, tls` becomes TCP-TLS."""
    return check.upper().replace(", ", "-").replace(" ", "-").replace("/", "-")
