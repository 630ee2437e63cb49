"""The last look over everything that is shown: known secrets are replaced by their hint.

A `Secret` already hides itself; this is for what others say: a server's error message or a header that repeats the key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.secret import Secret
    from reports.model import Evidence, Finding, Report

#: Shorter ones (self-hosted servers take `test`) are ordinary words: replacing them would only garble the report.
_SHORTEST = 8


class Secrets:
    """Every secret that a run has met. It grows: client secrets are minted on the way."""

    __slots__ = ("_known",)

    def __init__(self, known: Iterable[Secret] = ()) -> None:
        self._known: dict[str, str] = {}
        for secret in known:
            self.learn(secret)

    def learn(self, secret: Secret) -> None:
        """Hide this one from now on, also where it stands percent-encoded in an address."""
        value = secret.reveal()
        if len(value) < _SHORTEST:
            return
        for form in {value, quote(value, safe=""), quote(value)}:
            self._known[form] = secret.hint

    def hide(self, text: str) -> str:
        """Replace every known secret. Longer ones first: one may stand inside another (`Bearer sk-…`)."""
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, self._known[value])
        return text

    def hide_in_finding(self, finding: Finding) -> Finding:
        """Give the finding with every text of it looked over."""
        return replace(
            finding,
            title=self.hide(finding.title),
            evidence=self._in_evidence(finding.evidence),
            cause=self.hide(finding.cause),
            fix=self.hide(finding.fix),
            link=self.hide(finding.link),
        )

    def hide_in_report(self, report: Report) -> Report:
        """Give the report with every text of it looked over once more, by all that is known now."""
        return replace(
            report,
            target=self._in_evidence(report.target),
            findings=tuple(self.hide_in_finding(finding) for finding in report.findings),
            timeline=replace(
                report.timeline,
                moments=tuple(
                    replace(m, what=self.hide(m.what), detail=self.hide(m.detail)) for m in report.timeline.moments
                ),
            ),
        )

    def _in_evidence(self, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        return tuple(replace(item, value=self.hide(item.value)) for item in evidence)
