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

from loadtests.capacity.capacity_report import Trial, cost_metrics, search_findings, trials_series, trials_table
from loadtests.capacity.search import CapacitySearch, SearchStage
from loadtests.results import problems
from loadtests.results.findings import make_finding
from loadtests.results.report import describe_target, report_without_run
from loadtests.run.run import RunEnvironment, RunRequest, check_request, open_environment, run_once, with_stack_name
from loadtests.run.stack import StackError
from loadtests.scenarios.plan import PlanError, make_plan
from reports.model import EXIT_COULD_NOT_RUN, EXIT_INTERRUPTED, Evidence, Moment, Report, ReportMetric, Timeline
from reports.provenance import format_time, installed_version
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtests.run.run import OnProgress
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

    def add(self, callers: int, stored: StoredReport) -> None:
        """Add the report of a trial."""
        one = Trial(callers=callers, stored=stored)
        self.trials.append(one)
        rerun = "held" if one.passed else f"failed: {one.failure}"
        at = monotonic() - self.started_monotonic
        self.moments.append(Moment(at=at, who="capacity", what=f"{callers} callers", detail=rerun))
        self.search.record(passed=one.passed)


def find_capacity(
    request: RunRequest,
    environment: Mapping[str, str],
    on_progress: OnProgress,
    *,
    start: int,
    maximum: int,
    confirmations: int = 1,
) -> StoredReport:
    """Search and report. Raises PlanError before anything is started. Ctrl-C ends the search with a report."""
    plan, request = _checked(request, environment, start, maximum)
    stored = _search(
        request,
        environment,
        on_progress,
        SearchProgress(plan, CapacitySearch(start=start, maximum=maximum, confirmations=confirmations)),
    )
    return with_stack_name(stored, request)


def _search(
    request: RunRequest, environment: Mapping[str, str], on_progress: OnProgress, progress: SearchProgress
) -> StoredReport:
    plan = progress.plan
    try:
        with open_environment(request) as bench:
            progress.plan = make_plan(bench.options, environment)
            stored = run_search(progress, lambda callers: _trial(bench, request, callers, environment, on_progress))
            return with_rerun_command(stored, _rerun_command(request))
    except StackError as error:
        return report_without_run(plan, problems.STACK_FAILED, str(error), tool=TOOL)
    except KeyboardInterrupt:
        progress.interrupted = True
        return search_report(progress)


def _checked(
    request: RunRequest, environment: Mapping[str, str], start: int, maximum: int
) -> tuple[RunPlan, RunRequest]:
    if start > maximum:
        raise PlanError(f"--start: {start} callers are more than --most {maximum}")
    options = replace(request.options, duration=request.options.duration or f"{TRIAL_SECONDS}s", users=maximum)
    request = replace(request, options=options)
    return check_request(request, environment), request


def _rerun_command(request: RunRequest) -> str:
    """Return the command that runs one trial alone."""
    options = request.options
    target = "--simulate" if request.simulate else f"--target {options.url.partition('?')[0]}"
    more = [f"--control {options.control_url}"] if options.control_url else []
    more += [f"--budget {shlex.quote(text)}" for text in options.budgets]
    return " ".join((f"sherpa-load run {options.scenario} --users 1 {target}", *more))


def _trial(
    bench: RunEnvironment, request: RunRequest, callers: int, environment: Mapping[str, str], on_progress: OnProgress
) -> StoredReport:
    def report_progress(message: Mapping[str, object]) -> None:
        on_progress(message if "doing" in message else {**message, "act": f"trying {callers}"})

    sized = replace(bench, options=replace(bench.options, users=callers))
    return run_once(sized, request.distribution, environment, report_progress, verbose=request.verbose)


def run_search(progress: SearchProgress, run: Callable[[int], StoredReport]) -> StoredReport:
    """Run trials until the search is done. If the target is unreachable from the start, return that report."""
    was_unreachable = False
    while progress.search.stage is not SearchStage.DONE:
        callers = progress.search.next_callers
        stored = run(callers)
        is_unreachable = _could_not_run(stored)
        if is_unreachable and was_unreachable:
            progress.unreachable = stored
            break
        was_unreachable = is_unreachable
        if stored.exit_code == EXIT_INTERRUPTED:
            progress.interrupted = True
            break
        if is_unreachable and not progress.trials:
            return StoredReport(replace(stored.report, tool=TOOL), stored.exit_code)
        progress.add(callers, stored)
    return search_report(progress)


def _could_not_run(stored: StoredReport) -> bool:
    """Return whether a trial did not take place. One that decides nothing did, and counts as failed."""
    codes = {finding.code for finding in stored.report.findings}
    return stored.exit_code == EXIT_COULD_NOT_RUN and problems.INCONCLUSIVE.code not in codes


def with_rerun_command(stored: StoredReport, rerun: str) -> StoredReport:
    """Put the user's own options into the suggested command."""
    findings = tuple(replace(one, fix=one.fix.replace(_ALONE, rerun)) for one in stored.report.findings)
    return StoredReport(replace(stored.report, findings=findings), stored.exit_code)


_ALONE = "sherpa-load run conversation --users 1"


def search_report(progress: SearchProgress) -> StoredReport:
    """Build the report of the search."""
    is_cut_short = progress.interrupted or progress.unreachable is not None
    findings = list(search_findings(progress.search, progress.trials, interrupted=is_cut_short))
    if progress.unreachable is not None:
        findings = [*progress.unreachable.report.findings, *findings]
    if progress.interrupted:
        findings.insert(
            0, make_finding(problems.INTERRUPTED, "capacity", Evidence("", f"after {len(progress.trials)} trials"))
        )
    result = progress.search.result
    report = Report(
        tool=TOOL,
        version=installed_version(),
        started=format_time(progress.started_at),
        seconds=monotonic() - progress.started_monotonic,
        target=describe_target(progress.plan, f"up to {progress.plan.users} callers, {progress.plan.seconds:g} s each"),
        findings=tuple(findings),
        timelines=(Timeline(TIMELINE, tuple(progress.moments)),),
        metrics=(
            *([ReportMetric("load_capacity_callers_total", float(result))] if result else []),
            *cost_metrics(progress.search, progress.trials),
        ),
        series=trials_series(progress.trials, TIMELINE),
        tables=trials_table(progress.trials),
    )
    return StoredReport(report, EXIT_INTERRUPTED if progress.interrupted else report.exit_code())
