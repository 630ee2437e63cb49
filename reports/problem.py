"""What a problem is: an entry in the catalogue of findings that this toolkit defines itself.

Refusals of the service are not among them: they are defined in `bridge/protocol/refusals/`. The values are in
`probes/problems/`, `probes/lint/problems.py` and `loadtests/results/problems.py`; `probes/problem_catalogue.py`
collects them for `sherpa-probe explain`.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.model import Severity


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of finding. Title, cause and fix are general; a finding may replace them with something more precise."""

    code: str
    """`<PROBE>-<SLUG>`, upper case with dashes. Stable: users look it up and filter by it."""
    title: str
    """One plain sentence without a full stop."""
    cause: str
    """Why it happens, in whole sentences."""
    fix: str
    """What to do next. Each line is a command, or a sentence with a capital and without a full stop."""
    severity: Severity = Severity.FAIL
    """FAIL: the target answered wrongly. ERROR: it could not be checked. INFO: neither good nor bad."""

    @property
    def probe(self) -> str:
        """The probe that defines the code, in lower case. Other probes share its problems under their own name."""
        return self.code.partition("-")[0].lower()

    @property
    def slug(self) -> str:
        """The code without the probe's name."""
        return self.code.partition("-")[2]
