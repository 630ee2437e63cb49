"""What load tests can say, for `explain`: the values are those of `sherpa-load` itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.results.problems import PROBLEMS
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

BY_CODE: Mapping[str, Problem] = {
    known.code: Problem(
        known.code.removeprefix("LOAD-"), known.title, known.cause, known.fix, severity=known.severity, probe="load"
    )
    for known in PROBLEMS
}
