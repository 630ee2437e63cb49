"""Runs the trials of a capacity search and builds its report.

`search.py` chooses the number of callers, `run.py` runs each trial, `capacity_report.py` evaluates them. All trials use
the same bridge and simulator, so that whatever a trial leaves behind affects the next one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from loadtests.capacity.capacity_report import Trial, search_findings, trials_series, trials_table
from loadtests.capacity.search import CapacitySearch, SearchStage
from loadtests.results import problems
from loadtests.results.report import describe_target, make_finding, report_without_run
from loadtests.run.run import RunEnvironment, RunRequest, check_request, open_environment, run_once, with_stack_name
from loadtests.run.stack import StackError
from loadtests.scenarios.plan import PlanError, make_plan
from reports.model import EXIT_COULD_NOT_RUN, EXIT_INTERRUPTED, Evidence, Moment, Report, ReportMetric, Timeline
from reports.provenance import format_time, installed_version
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtests.run.run import Hears
    from loadtests.scenarios.plan import RunPlan

TOOL, TIMELINE = "sherpa-load capacity", "capacity"
#: A shorter trial says little about a p99.
TRIAL_SECONDS = 20


@dataclass(slots=True)
class SearchProgress:
    """A search and its trials so far."""

    plan: RunPlan
    search: CapacitySearch
    started_monotonic: float = field(default_factory=monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    trials: list[Trial] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    interrupted: bool = False
    unreachable: StoredReport | None = None
    """The second trial in a row that could not connect: the target has crashed and does not recover."""

    def add(self, callers: int, kept: StoredReport) -> None:
        """Add the report of a trial."""
        one = Trial(callers=callers, stored=kept)
        self.trials.append(one)
        words = "held" if one.passed else f"failed: {one.failure}"
        at = monotonic() - self.started_monotonic
        self.moments.append(Moment(at=at, who="capacity", what=f"{callers} callers", detail=words))
        self.search.record(passed=one.passed)


def find_capacity(
    request: RunRequest,
    environment: Mapping[str, str],
    hears: Hears,
    *,
    start: int,
    maximum: int,
    confirmations: int = 1,
) -> StoredReport:
    """Search and report. Raises PlanError before anything is started. Ctrl-C ends the search with a report."""
    plan, request = _checked(request, environment, start, maximum)
    kept = _found(
        request,
        environment,
        hears,
        SearchProgress(plan, CapacitySearch(start=start, maximum=maximum, confirmations=confirmations)),
    )
    return with_stack_name(kept, request)


def _found(request: RunRequest, environment: Mapping[str, str], hears: Hears, tries: SearchProgress) -> StoredReport:
    plan = tries.plan
    try:
        with open_environment(request) as on:
            tries.plan = make_plan(on.options, environment)
            kept = run_search(tries, lambda callers: _tried(on, request, callers, environment, hears))
            return with_rerun_command(kept, _in_words(request))
    except StackError as error:
        return report_without_run(plan, problems.STACK_FAILED, str(error), tool=TOOL)
    except KeyboardInterrupt:
        tries.interrupted = True
        return search_report(tries)


def _checked(request: RunRequest, environment: Mapping[str, str], start: int, most: int) -> tuple[RunPlan, RunRequest]:
    if start > most:
        raise PlanError(f"--start: {start} callers are more than --most {most}")
    wish = replace(request.options, duration=request.options.duration or f"{TRIAL_SECONDS}s", users=most)
    request = replace(request, options=wish)
    return check_request(request, environment), request


def _in_words(request: RunRequest) -> str:
    """Return the command that runs one trial alone."""
    wish = request.options
    where = "--simulate" if request.simulate else f"--target {wish.url.partition('?')[0]}"
    more = [f"--control {wish.control_url}"] if wish.control_url else []
    more += [f"--budget {shlex.quote(text)}" for text in wish.budgets]
    return " ".join((f"sherpa-load run {wish.scenario} --users 1 {where}", *more))


def _tried(
    on: RunEnvironment, request: RunRequest, callers: int, environment: Mapping[str, str], hears: Hears
) -> StoredReport:
    def heard(told: Mapping[str, object]) -> None:
        hears(told if "doing" in told else {**told, "act": f"trying {callers}"})

    there = replace(on, options=replace(on.options, users=callers))
    return run_once(there, request.distribution, environment, heard, verbose=request.verbose)


def run_search(tries: SearchProgress, run: Callable[[int], StoredReport]) -> StoredReport:
    """Run trials until the search is done. If the target is unreachable from the start, return that report."""
    fell = False
    while tries.search.stage is not SearchStage.DONE:
        callers = tries.search.next_callers
        kept = run(callers)
        is_away, was_away = kept.exit_code == EXIT_COULD_NOT_RUN, fell
        fell = is_away
        if is_away and was_away:
            tries.unreachable = kept
            break
        if kept.exit_code == EXIT_INTERRUPTED:
            tries.interrupted = True
            break
        if kept.exit_code == EXIT_COULD_NOT_RUN and not tries.trials:
            return StoredReport(replace(kept.report, tool=TOOL), kept.exit_code)
        tries.add(callers, kept)
    return search_report(tries)


def with_rerun_command(kept: StoredReport, words: str) -> StoredReport:
    """Put the user's own options into the suggested command."""
    findings = tuple(replace(one, fix=one.fix.replace(_ALONE, words)) for one in kept.report.findings)
    return StoredReport(replace(kept.report, findings=findings), kept.exit_code)


_ALONE = "sherpa-load run conversation --users 1"


def search_report(tries: SearchProgress) -> StoredReport:
    """Build the report of the search."""
    is_cut_short = tries.interrupted or tries.unreachable is not None
    findings = list(search_findings(tries.search, tries.trials, interrupted=is_cut_short))
    if tries.unreachable is not None:
        findings = [*tries.unreachable.report.findings, *findings]
    if tries.interrupted:
        findings.insert(
            0, make_finding(problems.INTERRUPTED, "capacity", Evidence("", f"after {len(tries.trials)} trials"))
        )
    found = tries.search.result
    report = Report(
        tool=TOOL,
        version=installed_version(),
        started=format_time(tries.started_at),
        seconds=monotonic() - tries.started_monotonic,
        target=describe_target(tries.plan, f"up to {tries.plan.users} callers, {tries.plan.seconds:g} s each"),
        findings=tuple(findings),
        timelines=(Timeline(TIMELINE, tuple(tries.moments)),),
        metrics=(ReportMetric("load_capacity_callers_total", float(found)),) if found else (),
        series=trials_series(tries.trials, TIMELINE),
        tables=trials_table(tries.trials),
    )
    return StoredReport(report, EXIT_INTERRUPTED if tries.interrupted else report.exit_code())
