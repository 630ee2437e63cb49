"""Every problem by its code, for `sherpa-probe explain`. A probe imports only its own problems, this all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.common_problems import COMMON_PROBLEMS
from probes.conformance.case_problems import case_problem
from probes.conformance.cases.r_recording import recording_case
from probes.conformance.registry import CASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.conformance.case import Case
    from reports.problem import Problem

#: The cases of the conformance suite, by the code of a failure.
CASES_BY_CODE: Mapping[str, Case] = {case_problem(case).code: case for case in (*CASES, recording_case(None))}
#: Every problem by its code.
PROBLEMS: Mapping[str, Problem] = COMMON_PROBLEMS | {code: case_problem(case) for code, case in CASES_BY_CODE.items()}
