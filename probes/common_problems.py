"""Every problem but those of the conformance suite's cases, by its code: they are values, and cost no imports.

The cases bring clients and servers with them; `problem_catalogue.py` has all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.results.problems import PROBLEMS as LOAD_PROBLEMS
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
    from collections.abc import Iterator


def _all() -> Iterator[Problem]:
    modules = (tool, network, service, bridge, bridge_codes, conformance, events, models, replay, lint)
    for names in (*map(vars, modules), lint.BY_RULE):
        yield from (value for value in names.values() if isinstance(value, Problem))
    yield from LOAD_PROBLEMS


#: These problems by their codes.
COMMON_PROBLEMS: dict[str, Problem] = {problem.code: problem for problem in _all()}
