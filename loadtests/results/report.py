"""The report of a run: budgets first, then what must be said, then everything that was measured. Pure.

The same Report as every other tool's: the terminal, the page, JSON and JUnit are renderings of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loadtests.callers.connect_errors import REFUSED
from loadtests.metrics.budgets import Verdict, judge
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.results import problems
from loadtests.results.redaction import without_secrets
from loadtests.results.report_metrics import metrics, series, tables
from loadtests.scenarios.table import Need, needed_by
from reports.model import EXIT_INTERRUPTED, Evidence, Finding, Moment, Report, Timeline
from reports.provenance import now, stamp, version
from reports.store.reader import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.metrics.budgets import Budget, Judged
    from loadtests.results.aggregator import Gathering
    from loadtests.results.problems import Problem
    from loadtests.scenarios.plan import Plan

TOOL, PROBE, TIMELINE = "sherpa-load run", "load", "load"
#: A generator that is later than this with one chunk in a hundred measures itself.
LATE_MS = 20.0
#: What failures said: so many of them are shown.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that is over, and how long it took."""

    gathering: Gathering
    seconds: float

    @property
    def was_looked_at(self) -> bool:
        """Whether anybody ever got a session."""
        return bool(self.gathering.figures.total("ready"))


def make_report(ran: Ran) -> Report:
    """Judge every budget and put everything together."""
    gathering = ran.gathering
    report = Report(
        tool=TOOL,
        version=version(),
        started=stamp(datetime.fromtimestamp(gathering.began, UTC)),
        seconds=ran.seconds,
        target=described(gathering.plan),
        findings=tuple(_findings(ran)),
        timelines=(_timeline(ran),),
        metrics=metrics(gathering),
        series=series(gathering, TIMELINE),
        tables=tables(gathering),
    )
    return without_secrets(report, gathering.plan)


def without_run(plan: Plan, known: Problem, *seen: str, tool: str = TOOL) -> Kept:
    """Make the report of a run that did not take place, or of which nothing is left."""
    finding = finding_of(known, "target" if known in _OF_TARGET else "run", *(Evidence("", text) for text in seen))
    finding = with_address(finding, plan)
    report = Report(
        tool=tool,
        version=version(),
        started=now(),
        seconds=0.0,
        target=described(plan),
        findings=(finding,),
    )
    report = without_secrets(report, plan)
    return Kept(report, EXIT_INTERRUPTED if known is problems.INTERRUPTED else report.exit_code())


_OF_TARGET = (problems.TARGET_DOWN, problems.TARGET_REFUSED)


def exit_code_of(gathering: Gathering, report: Report) -> int:
    """Give the exit code of a run; an interrupted one proved nothing."""
    return EXIT_INTERRUPTED if gathering.interrupted else report.exit_code()


def described(plan: Plan, callers: str = "") -> tuple[Evidence, ...]:
    """Say what was loaded, and how; `callers` in other words than the plan's own."""
    doors = dict.fromkeys(group.behaviour.door.value for group in plan.groups)
    return (
        Evidence("scenario", plan.scenario.name),
        Evidence("target", plan.url.partition("?")[0]),
        Evidence("callers", callers or f"{plan.users} callers for {plan.seconds:g} s"),
        Evidence("door", f"{' and '.join(doors)} door"),
    )


def _findings(ran: Ran) -> Iterator[Finding]:
    gathering = ran.gathering
    if gathering.interrupted:
        yield finding_of(problems.INTERRUPTED, "run", Evidence("", f"after {ran.seconds:.0f} s"))
    if not ran.was_looked_at and not gathering.interrupted:
        yield _unreached(gathering)
    elif gathering.is_down:
        yield finding_of(problems.TARGET_WENT_DOWN, "target", *_failures(gathering))
    for budget in gathering.plan.budgets:
        why = _why_not(budget, ran)
        yield _skipped(budget.text, why) if why else _judged(budget, ran)
    for text, wanted in gathering.plan.unjudged:
        yield _skipped(text, f"needs {wanted}")
    for trouble in gathering.troubles:
        yield finding_of(problems.INCOMPLETE, "run", Evidence("", trouble))
    if _lacks_its_echo(gathering):
        yield finding_of(problems.NO_ECHO, "echo")
    yield from _lateness(gathering)
    if ran.was_looked_at and not gathering.is_down:  # else it stands above
        yield from _told(gathering)


def _why_not(budget: Budget, ran: Ran) -> str:
    """Say why a budget cannot be judged; nothing where it can."""
    gathering = ran.gathering
    if not ran.was_looked_at:
        return "nobody got a session"
    if Need.SPEECH in needed_by(budget.text) and _lacks_its_echo(gathering):
        return "no echo came"
    if gathering.interrupted or gathering.is_down:
        judged = judge(budget, gathering.figures, ran.seconds)
        is_short = judged.verdict is not Verdict.KEPT and budget.than in (">", ">=")
        if judged.verdict is Verdict.UNMEASURED or is_short or (budget.phase or FIRST_PHASE) not in gathering.begun:
            return "the run did not come that far"
    return ""


def _lacks_its_echo(gathering: Gathering) -> bool:
    figures = gathering.figures
    wanted = any(group.behaviour.echo for group in gathering.plan.groups)
    return wanted and bool(figures.total("turns")) and not figures.total("echoed_ms")


def _unreached(gathering: Gathering) -> Finding:
    if any(REFUSED in words for words in gathering.failures):
        known = problems.TARGET_REFUSED
    else:
        known = problems.NO_SESSION if gathering.figures.total("connect") else problems.TARGET_DOWN
    found = finding_of(known, "target", *_failures(gathering), *_complaints(gathering))
    return with_address(found, gathering.plan)


def with_address(found: Finding, plan: Plan) -> Finding:
    """Let what is to be typed next name the target."""
    return replace(found, fix=found.fix.replace("--url URL", f"--url {plan.url.partition('?')[0]}"))


def _failures(gathering: Gathering) -> tuple[Evidence, ...]:
    return tuple(Evidence("", f"{count} x {words}") for words, count in gathering.failures.most_common(_SHOWN))


def _complaints(gathering: Gathering) -> tuple[Evidence, ...]:
    return tuple(Evidence("", f"{count} x error {code}") for code, count in gathering.complaints.most_common(_SHOWN))


def _told(gathering: Gathering) -> Iterator[Finding]:
    """Say what callers were told, whether or not a budget is about it."""
    seen = (*_failures(gathering), *_complaints(gathering))
    if seen:
        yield noted(problems.FAILURES, "callers were told", "; ".join(one.value for one in seen))


def _judged(budget: Budget, ran: Ran) -> Finding:
    judged = judge(budget, ran.gathering.figures, ran.seconds)
    if judged.verdict is Verdict.KEPT:
        return noted(problems.BUDGET_KEPT, budget.text, judged.words)
    if judged.verdict is Verdict.UNMEASURED:
        known, title = problems.NOTHING_MEASURED, f"{budget.text} was not measured: it never happened"
    else:
        known, title = problems.BUDGET_BROKEN, f"{budget.text} is broken: {judged.words}"
    return replace(finding_of(known, budget.text, *_seen(judged, ran.gathering)), title=title)


def _seen(judged: Judged, gathering: Gathering) -> Iterator[Evidence]:
    yield Evidence("", judged.words)
    speech = gathering.speech
    if judged.budget.name == "lost_ms" and speech is not None and speech.worst:
        yield Evidence("most", ", ".join(f"caller {caller}: {ms:.0f} ms" for caller, ms in speech.worst))
    if judged.budget.name in ("failed_calls", "failed_connects"):
        yield from _failures(gathering)
    if judged.budget.name == "errors":
        yield from _complaints(gathering)


def _skipped(text: str, why: str) -> Finding:
    return noted(problems.BUDGET_SKIPPED, text, f"skipped: {why}")


def _lateness(gathering: Gathering) -> Iterator[Finding]:
    late = gathering.figures.percentile("pace_lag", 99)
    if late is None:
        return
    words = f"1 chunk in 100 was more than {late:.1f} ms late"
    if late <= LATE_MS:
        yield noted(problems.GENERATOR_OK, "generator", words)
        return
    yield finding_of(problems.GENERATOR_LATE, "generator", Evidence("", words))


def finding_of(known: Problem, check: str, *evidence: Evidence) -> Finding:
    """Make the finding of a problem; the first evidence is what its row shows."""
    return Finding(
        code=known.code,
        severity=known.severity,
        check=check,
        title=known.title,
        evidence=evidence,
        cause=known.cause,
        fix=known.fix,
        link=f"sherpa-probe explain {known.code}",
        probe=PROBE,
    )


def noted(known: Problem, check: str, title: str, *evidence: Evidence) -> Finding:
    """Make the finding of what needs nobody's attention."""
    return Finding(code=known.code, severity=known.severity, check=check, title=title, evidence=evidence, probe=PROBE)


def _timeline(ran: Ran) -> Timeline:
    moments = (
        Moment(at=0.0, who=PROBE, what="begin", detail=ran.gathering.plan.scenario.name),
        *ran.gathering.moments,
        Moment(at=ran.seconds, who=PROBE, what="end", detail="interrupted" if ran.gathering.interrupted else ""),
    )
    return Timeline(TIMELINE, tuple(sorted(moments, key=lambda moment: moment.at)))
