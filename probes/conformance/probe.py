"""The probe `conformance`: runs the cases against one bridge, as its client and its upstream at once."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.conformance.findings import Scoring
from probes.conformance.result import CaseResult
from probes.conformance.run import ConformanceRun
from probes.conformance.verdict import NotApplicable, Passed
from reports.model import Evidence, ReportMetric

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from probes.conformance.options import ConformancePlan
    from probes.runner.findings import ProbeItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceTarget:
    """A bridge to judge, and what to run."""

    plan: ConformancePlan
    token: str = ""
    on_progress: Callable[[str], None] = lambda _: None
    all_timelines: bool = False
    """Also report the wire logs of cases that passed."""
    warnings: tuple[str, ...] = ()

    def describe(self) -> tuple[Evidence, ...]:
        """Name the bridge, its dialect and the number of cases."""
        return (
            Evidence("bridge", self.plan.label),
            Evidence("profile", self.plan.profile.name),
            Evidence("cases", str(len(self.plan.cases))),
        )


async def conformance(target: ConformanceTarget) -> AsyncGenerator[ProbeItem, None]:
    """Run the cases; yield findings, wire logs, the matrix and metrics. It ends what it started, if cancelled too."""
    scoring = Scoring(target.plan)
    run = ConformanceRun(plan=target.plan, token=target.token, on_progress=target.on_progress)
    results: list[CaseResult] = []
    async with aclosing(run.results()) as found:
        async for result in found:
            if not isinstance(result, CaseResult):
                yield scoring.unreachable(result)
                continue
            results.append(result)
    for result in sorted(results, key=lambda one: one.case.id):
        yield scoring.finding(result)
        if target.all_timelines or not isinstance(result.verdict, Passed | NotApplicable):
            yield result.timeline
    for item in scoring.closing():
        yield item
    yield ReportMetric("conformance_lateness_seconds", run.lateness.worst)
