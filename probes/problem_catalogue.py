"""Every problem by its code, for `sherpa-probe explain`. A probe imports only its own problems, this all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.results.problems import PROBLEMS as LOAD_PROBLEMS
from probes.conformance.case_problems import case_problem
from probes.conformance.cases.r_recording import recording_case
from probes.conformance.registry import CASES
from probes.lint import problems as lint
from probes.problems import (
    bridge,
    bridge_codes,
    conformance,
    events,
    models,
    network,
    replay,
    service,
    tool,
)
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _all() -> Iterator[Problem]:
    modules = (tool, network, service, bridge, bridge_codes, conformance, events, models, replay, lint)
    for names in (*map(vars, modules), lint.BY_RULE):
        yield from (value for value in names.values() if isinstance(value, Problem))
    yield from map(case_problem, (*CASES, recording_case(None)))
    yield from LOAD_PROBLEMS


#: Every problem by its code.
PROBLEMS: Mapping[str, Problem] = {problem.code: problem for problem in _all()}
