"""How many callers a target holds inside its budgets: runs one behind the other, and what they say together.

`search.py` decides which number comes next, `run.py` does each run; `knee.py` says what they
show together. All runs are done against the same ground, so that what a target leaves behind shows in the next one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from loadtests.capacity.capacity_report import Try, findings_of, series_of, table_of
from loadtests.capacity.search import Search, Stage
from loadtests.results import problems
from loadtests.results.report import described, finding_of, without_run
from loadtests.run.run import Ground, Request, check, ground, named, one_run
from loadtests.run.stack import StackError
from loadtests.scenarios.plan import PlanError, make_plan
from reports.model import EXIT_COULD_NOT_LOOK, EXIT_INTERRUPTED, Evidence, Metric, Moment, Report, Timeline
from reports.provenance import stamp, version
from reports.store.reader import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtests.run.run import Hears
    from loadtests.scenarios.plan import Plan

TOOL, TIMELINE = "sherpa-load capacity", "capacity"
#: A try that is shorter says little of a p99.
TRY_SECONDS = 20


@dataclass(slots=True)
class Tries:
    """A search, and the runs that it made."""

    plan: Plan
    search: Search
    began: float = field(default_factory=monotonic)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    tries: list[Try] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    interrupted: bool = False
    gone: Kept | None = None
    """The second run in a row to which nobody opened: the target fell over and does not get up."""

    def note(self, callers: int, kept: Kept) -> None:
        """Take one run's report."""
        one = Try(callers=callers, kept=kept)
        self.tries.append(one)
        words = "held" if one.held else f"not held: {one.why}"
        at = monotonic() - self.began
        self.moments.append(Moment(at=at, who="capacity", what=f"{callers} callers", detail=words))
        self.search.note(held=one.held)


def find(
    request: Request,
    environment: Mapping[str, str],
    hears: Hears,
    *,
    start: int,
    most: int,
    confirmations: int = 1,
) -> Kept:
    """Search, and report. Raises PlanError before anything is started; Ctrl-C shows in the report."""
    plan, request = _checked(request, environment, start, most)
    kept = _found(request, environment, hears, Tries(plan, Search(start=start, most=most, confirmations=confirmations)))
    return named(kept, request)


def _found(request: Request, environment: Mapping[str, str], hears: Hears, tries: Tries) -> Kept:
    plan = tries.plan
    try:
        with ground(request) as on:
            tries.plan = make_plan(on.wish, environment)
            kept = searched(tries, lambda callers: _tried(on, request, callers, environment, hears))
            return with_command(kept, _in_words(request))
    except StackError as error:
        return without_run(plan, problems.STACK_FAILED, str(error), tool=TOOL)
    except KeyboardInterrupt:
        tries.interrupted = True
        return told(tries)


def _checked(request: Request, environment: Mapping[str, str], start: int, most: int) -> tuple[Plan, Request]:
    if start > most:
        raise PlanError(f"--start: {start} callers are more than the {most} of --most")
    wish = replace(request.wish, duration=request.wish.duration or f"{TRY_SECONDS}s", users=most)
    request = replace(request, wish=wish)
    return check(request, environment), request


def _in_words(request: Request) -> str:
    """Say what the command line was about, for whoever tries it alone."""
    wish = request.wish
    where = "--simulate" if request.simulate else f"--target {wish.url.partition('?')[0]}"
    more = [f"--control {wish.control}"] if wish.control else []
    more += [f"--budget {shlex.quote(text)}" for text in wish.budgets]
    return " ".join((f"sherpa-load run {wish.scenario} --users 1 {where}", *more))


def _tried(on: Ground, request: Request, callers: int, environment: Mapping[str, str], hears: Hears) -> Kept:
    def heard(told: Mapping[str, object]) -> None:
        hears(told if "doing" in told else {**told, "act": f"trying {callers}"})

    there = replace(on, wish=replace(on.wish, users=callers))
    return one_run(there, request.spread, environment, heard, verbose=request.verbose)


def searched(tries: Tries, run: Callable[[int], Kept]) -> Kept:
    """Run until the search is done. A target that is not there at the first knock is reported as it is."""
    fell = False
    while tries.search.stage is not Stage.DONE:
        callers = tries.search.next_callers
        kept = run(callers)
        is_away, was_away = kept.exit_code == EXIT_COULD_NOT_LOOK, fell
        fell = is_away
        if is_away and was_away:
            tries.gone = kept
            break
        if kept.exit_code == EXIT_INTERRUPTED:
            tries.interrupted = True
            break
        if kept.exit_code == EXIT_COULD_NOT_LOOK and not tries.tries:
            return Kept(replace(kept.report, tool=TOOL), kept.exit_code)
        tries.note(callers, kept)
    return told(tries)


def with_command(kept: Kept, words: str) -> Kept:
    """Let what is to be typed next be what was asked for, alone."""
    findings = tuple(replace(one, fix=one.fix.replace(_ALONE, words)) for one in kept.report.findings)
    return Kept(replace(kept.report, findings=findings), kept.exit_code)


_ALONE = "sherpa-load run conversation --users 1"


def told(tries: Tries) -> Kept:
    """Put everything together."""
    is_cut_short = tries.interrupted or tries.gone is not None
    findings = list(findings_of(tries.search, tries.tries, interrupted=is_cut_short))
    if tries.gone is not None:
        findings = [*tries.gone.report.findings, *findings]
    if tries.interrupted:
        findings.insert(0, finding_of(problems.INTERRUPTED, "capacity", Evidence("", f"after {len(tries.tries)} runs")))
    found = tries.search.found
    report = Report(
        tool=TOOL,
        version=version(),
        started=stamp(tries.started),
        seconds=monotonic() - tries.began,
        target=described(tries.plan, f"up to {tries.plan.users} callers, {tries.plan.seconds:g} s each"),
        findings=tuple(findings),
        timelines=(Timeline(TIMELINE, tuple(tries.moments)),),
        metrics=(Metric("load_capacity_callers_total", float(found)),) if found else (),
        series=series_of(tries.tries, TIMELINE),
        tables=table_of(tries.tries),
    )
    return Kept(report, EXIT_INTERRUPTED if tries.interrupted else report.exit_code())
