"""Every problem by its code: what `explain` reads. A probe imports only its own; this costs all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint import problems as lint
from probes.problems import bridge, bridge_codes, events, load, models, network, reports, service, tool, watch
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def _all() -> tuple[Problem, ...]:
    modules = (
        lint.BY_RULE,
        load.BY_CODE,
        *map(vars, (tool, network, service, bridge, bridge_codes, events, lint, models, reports, watch)),
    )
    return tuple(value for names in modules for value in names.values() if isinstance(value, Problem))


#: Every problem, by the code that its first finder gives it.
PROBLEMS: Mapping[str, Problem] = {problem.code: problem for problem in _all()}
