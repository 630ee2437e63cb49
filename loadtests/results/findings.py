"""A finished run, and how its findings are made. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.results.resources import TARGET_PROCESS
from reports.model import Evidence, Finding

if TYPE_CHECKING:
    from loadtests.results.aggregator import RunAggregator
    from reports.problem import Problem

PROBE = "load"


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run and its duration."""

    aggregator: RunAggregator
    seconds: float

    @property
    def had_sessions(self) -> bool:
        """Whether any caller got a session."""
        return bool(self.aggregator.measurements.total("ready"))

    @property
    def target_ended(self) -> bool:
        """Whether the target's process ended: it was watched, or it answered before and nothing listens any more."""
        return TARGET_PROCESS in self.aggregator.ended or (self.aggregator.is_gone and self.had_sessions)

    @property
    def echo_missing(self) -> bool:
        """Whether callers expected an echo of their audio and none came."""
        aggregator = self.aggregator
        option = any(group.behaviour.echo for group in aggregator.plan.groups)
        measurements = aggregator.measurements
        return option and bool(measurements.total("turns")) and not measurements.total("echoed_ms")


def make_finding(problem: Problem, check: str, *evidence: Evidence) -> Finding:
    """Make the finding for a problem. Its row shows the first evidence."""
    return Finding(
        code=problem.code,
        severity=problem.severity,
        check=check,
        title=problem.title,
        evidence=evidence,
        cause=problem.cause,
        fix=problem.fix,
        link=f"sherpa-probe explain {problem.code}",
        probe=PROBE,
    )


def brief_finding(problem: Problem, check: str, title: str, *evidence: Evidence) -> Finding:
    """Make a finding that needs no attention, without cause and fix."""
    return Finding(
        code=problem.code, severity=problem.severity, check=check, title=title, evidence=evidence, probe=PROBE
    )
