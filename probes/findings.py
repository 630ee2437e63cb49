"""Making findings: one small set of verbs for every probe, so that codes and texts look alike everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.model import Evidence, Finding, Severity

if TYPE_CHECKING:
    from bridge.protocol.refusals import Refusal


def explained_by(code: str) -> str:
    """Name the command that tells more about a code."""
    return f"sherpa-probe explain {code}"


def seen(label: str, value: object) -> Evidence:
    """Note something that was seen; `-` where it is empty."""
    return Evidence(label, str(value) or "-")


@dataclass(frozen=True, slots=True)
class Row:
    """The row of one check of one probe: all its findings are made here. Codes are `<PROBE>-<SLUG>`."""

    probe: str
    check: str

    def code(self, slug: str) -> str:
        """Name a finding of this probe."""
        return f"{self.probe.upper()}-{slug}"

    def passed(self, title: str, *evidence: Evidence, slug: str = "") -> Finding:
        """All is well; the slug is the check's own name unless another one tells more."""
        return self._plain(Severity.PASS, slug or f"{_slug(self.check)}-OK", title, evidence)

    def noted(self, slug: str, title: str, *evidence: Evidence) -> Finding:
        """Worth knowing, neither good nor bad."""
        return self._plain(Severity.INFO, slug, title, evidence)

    def skipped(self, why: str, *evidence: Evidence) -> Finding:
        """Not looked at, and why."""
        return self._plain(Severity.SKIPPED, f"{_slug(self.check)}-SKIPPED", f"skipped: {why}", evidence)

    def refused(
        self, refusal: Refusal, *evidence: Evidence, severity: Severity = Severity.FAIL, cause: str = "", fix: str = ""
    ) -> Finding:
        """Something said no: title, cause and fix come from the table of refusals unless this place knows better."""
        return self.problem(
            refusal.slug,
            refusal.title,
            *evidence,
            cause=cause or refusal.cause,
            fix=fix or refusal.fix,
            severity=severity,
            link=explained_by(self.code(refusal.slug)),
        )

    def problem(
        self,
        slug: str,
        title: str,
        *evidence: Evidence,
        cause: str,
        fix: str,
        severity: Severity = Severity.FAIL,
        link: str = "",
    ) -> Finding:
        """Something is wrong. The first evidence is what the row shows; `fix` is the next thing to do or type."""
        return Finding(
            code=self.code(slug),
            severity=severity,
            check=self.check,
            title=title,
            evidence=evidence,
            cause=cause,
            fix=fix,
            link=link,
        )

    def warned(self, slug: str, title: str, *evidence: Evidence, cause: str, fix: str) -> Finding:
        """It works, and will not stay so or is not what was meant."""
        return self.problem(slug, title, *evidence, cause=cause, fix=fix, severity=Severity.WARNING)

    def unseen(self, slug: str, title: str, *evidence: Evidence, cause: str, fix: str) -> Finding:
        """It could not be looked at: no network, nothing listening, no answer at all."""
        return self.problem(slug, title, *evidence, cause=cause, fix=fix, severity=Severity.ERROR)

    def _plain(self, severity: Severity, slug: str, title: str, evidence: tuple[Evidence, ...]) -> Finding:
        return Finding(
            code=self.code(slug),
            severity=severity,
            check=self.check,
            title=title,
            evidence=evidence,
        )


def _slug(check: str) -> str:
    return check.upper().replace(", ", "-").replace(" ", "-").replace("/", "-")
