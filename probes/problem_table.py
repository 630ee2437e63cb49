"""Every problem by its code: what `explain` reads. A probe imports only its own; this costs all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes import (
    problems,
    problems_bridge,
    problems_bridge_codes,
    problems_events,
    problems_lint,
    problems_load,
    problems_models,
    problems_reports,
    problems_service,
    problems_watch,
    problems_way,
)
from probes.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def _all() -> tuple[Problem, ...]:
    modules = (
        problems_lint.BY_RULE,
        problems_load.BY_CODE,
        *map(
            vars,
            (
                problems,
                problems_way,
                problems_service,
                problems_bridge,
                problems_bridge_codes,
                problems_events,
                problems_lint,
                problems_models,
                problems_reports,
                problems_watch,
            ),
        ),
    )
    return tuple(value for names in modules for value in names.values() if isinstance(value, Problem))


#: Every problem, by the code that its first finder gives it.
PROBLEMS: Mapping[str, Problem] = {problem.code: problem for problem in _all()}
