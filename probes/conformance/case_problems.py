"""What a failure of a case means: one problem a case, for reports and `sherpa-probe explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.problem import Problem

if TYPE_CHECKING:
    from probes.conformance.case import Case


def case_problem(case: Case) -> Problem:
    """Return what a failure of a case means, in general."""
    return Problem(
        f"CONFORMANCE-{case.id}",
        case.title,
        case.matters,
        f"sherpa-probe conformance --start 'COMMAND' --case {case.id} -v",
    )
