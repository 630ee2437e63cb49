"""Turns results of cases into findings, the matrix and metrics. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, assert_never

from probes.conformance.case_problems import case_problem
from probes.conformance.verdict import Failed, Inconclusive, NonStrict, NotApplicable, Passed
from probes.problems.conformance import NOT_CLEAN, STALE
from probes.runner.findings import CheckRow, evidence_of, headline
from reports.model import MATRIX, Finding, ReportMetric, Severity, Table, TableRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.conformance.case import Case
    from probes.conformance.options import ConformancePlan
    from probes.conformance.result import CaseResult, Unreachable
    from probes.conformance.verdict import Verdict
    from reports.model import Evidence

PROBE: Final = "conformance"
_SHOWN_ENDS: Final = 3


def verdict_word(verdict: Verdict) -> str:
    """Return the verdict as the matrix and metrics call it."""
    match verdict:
        case Passed():
            return "pass"
        case Failed():
            return "fail"
        case NonStrict():
            return "non-strict"
        case NotApplicable():
            return "not applicable"
        case Inconclusive():
            return "inconclusive"
        case _:
            assert_never(verdict)


@dataclass(slots=True)
class Scoring:
    """Makes the findings of one run."""

    plan: ConformancePlan
    results: list[CaseResult] = field(default_factory=list)

    def finding(self, result: CaseResult) -> Finding:
        """Return the finding of one case, with the severity that its verdict has in this run."""
        self.results.append(result)
        case, row = result.case, CheckRow(PROBE, result.case.id)
        unscored = self.plan.not_scored.get(case.id)
        match result.verdict:
            case Passed():
                if case.id in self.plan.expected_failures:
                    return row.problem(STALE, headline(f"{case.title}: passes now"), fix=_remove(case.id))
                return row.passed(case.title, slug=f"{case.id}-OK")
            case NotApplicable(reason):
                return row.noted(f"{case.id}-NOT-APPLICABLE", f"{case.title}: not applicable: {reason}")
            case Inconclusive(reason):
                seen = (headline(f"{case.title}: inconclusive"), evidence_of("reason", reason), *self._more(result))
                severity = Severity.INFO if unscored else Severity.ERROR
                return self._problem(row, case, seen, severity)
            case Failed(expected, seen) | NonStrict(expected, seen):
                return self._failed(row, result, expected, seen)
            case _:
                assert_never(result.verdict)

    def _failed(self, row: CheckRow, result: CaseResult, expected: str, seen: str) -> Finding:
        case = result.case
        severity = Severity.FAIL if isinstance(result.verdict, Failed) else Severity.WARNING
        evidence = [headline(case.title), evidence_of("expected", expected), evidence_of("seen", seen)]
        known = self.plan.expected_failures.get(case.id)
        if known is not None:
            severity = Severity.INFO
            evidence.append(evidence_of("known", known.reason or "in the file of expected failures"))
        elif case.id in self.plan.not_scored:
            severity = Severity.INFO
            evidence.append(evidence_of("not scored", self.plan.not_scored[case.id]))
        return self._problem(row, case, (*evidence, *self._more(result)), severity)

    def _problem(self, row: CheckRow, case: Case, evidence: tuple[Evidence, ...], severity: Severity) -> Finding:
        return row.problem(
            case_problem(case), *evidence, fix=f"{self.plan.repeat} --case {case.id} -v", severity=severity
        )

    def _more(self, result: CaseResult) -> Iterator[Evidence]:
        yield evidence_of("contract", f"{result.case.section}: {result.case.expects}")
        if result.output:
            yield evidence_of("bridge's output", result.output)

    def unreachable(self, found: Unreachable) -> Finding:
        """Return the finding for a bridge with which no case can run."""
        return CheckRow(PROBE, "bridge").problem(found.problem, headline(found.seen))

    def closing(self) -> Iterator[Finding | ReportMetric | Table]:
        """Yield what the whole run says: how sockets ended, stale expectations, the matrix and the metrics."""
        if not self.results:
            return
        yield self._ends()
        yield self.matrix()
        counts = Counter(verdict_word(result.verdict).replace(" ", "_").replace("-", "_") for result in self.results)
        for word in ("pass", "fail", "non_strict", "not_applicable", "inconclusive"):
            yield ReportMetric(f"conformance_{word}_total", counts[word])

    def _ends(self) -> Finding:
        row = CheckRow(PROBE, "ends")
        unclean = [(result.case.id, end) for result in self.results for end in result.ends]
        total = sum(result.sockets for result in self.results)
        if not total:
            return row.skipped("no case left a socket open, or saw one end")
        if not unclean:
            return row.passed(f"each of {total} sockets ended with a close frame from both sides")
        ends = Counter(end for _, end in unclean)
        seen = "; ".join(f"{end}: {count} of {total}" for end, count in ends.most_common(_SHOWN_ENDS))
        first = unclean[0][0]
        return row.problem(NOT_CLEAN, headline(seen), fix=f"{self.plan.repeat} --case {first} -v")

    def matrix(self) -> Table:
        """Return the verdict of every case, as a column of the matrix of bridges and cases."""
        rows = sorted(self.results, key=lambda result: result.case.id)
        return Table(
            name=MATRIX,
            heading="case",
            columns=(self.plan.label,),
            rows=tuple(
                TableRow(name=f"{result.case.id} {result.case.title}", cells=(verdict_word(result.verdict),))
                for result in rows
            ),
        )


def _remove(case_id: str) -> str:
    return f"Remove {case_id} from the file of expected failures"
