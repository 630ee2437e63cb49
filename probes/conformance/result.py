"""The result of one case, and of the preflight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.conformance.case import Case
    from probes.conformance.verdict import Verdict
    from reports.model import Timeline
    from reports.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What one case found."""

    case: Case
    verdict: Verdict
    timeline: Timeline
    seconds: float = 0.0
    ends: tuple[str, ...] = ()
    """How the bridge ended sockets that the suite closed, where it was not clean. Judged apart from the verdict."""
    sockets: int = 0
    """How many sockets the suite closed."""
    output: str = field(default="")
    """The last lines of the bridge, where it was started by the suite and the case did not pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """Why no case can run with this bridge."""

    problem: Problem
    seen: str
