"""The plan of a run: options and scenario combined and checked before anything is sent. Pure.

`sherpa-load` makes one to report invalid options early; the Locust processes make the same plan from their options.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadtests.metrics.budgets import BudgetError, parse_budget
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.scenarios.availability import required, runnable_phases, skipped_phases
from loadtests.scenarios.behaviour import TargetEndpoint
from loadtests.scenarios.options import (
    DEFAULT_MODEL,
    PlanError,
    RunOptions,
    check_command,
    checked_url,
    checked_users,
    origin_header,
    parse_duration,
    suggestion,
    token_header,
)
from loadtests.scenarios.safety import refusal_reason
from loadtests.scenarios.table import SCENARIOS, Requirement, budget_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from loadtests.metrics.budgets import Budget
    from loadtests.scenarios.availability import SkippedPhase
    from loadtests.scenarios.table import CallerGroup, LoadScenario, ScenarioPhase

__all__ = [
    "CHUNK_LENGTHS_MS",
    "DEFAULT_MODEL",
    "MissingRequirementError",
    "PlanError",
    "RunOptions",
    "RunPlan",
    "caller_groups",
    "find_scenario",
    "make_plan",
    "parse_duration",
    "suggestion",
]

CHUNK_LENGTHS_MS = (20, 100)


class MissingRequirementError(PlanError):
    """The scenario needs something that no option provides."""

    def __init__(self, scenario: str, requirement: Requirement) -> None:
        missing, option = _REQUIREMENT_TEXTS[requirement]
        super().__init__(f"{scenario} needs {missing}: pass {option}, or --simulate, which includes it")
        self.option = option


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """A run that can start. Times are seconds."""

    scenario: LoadScenario
    groups: tuple[CallerGroup, ...]
    url: str
    model: str
    users: int
    spawn_rate: float
    seconds: float
    budgets: tuple[Budget, ...]
    phases: tuple[ScenarioPhase, ...]
    """The phases that take place, with the actions that can be executed."""
    skipped_budgets: tuple[tuple[str, str], ...]
    """Budgets of the scenario that can't be checked, with the options that would be needed."""
    skipped_phases: tuple[tuple[str, str, str], ...]
    """Phases that don't take place, or not completely: name, what is left out, and the options that would be needed."""
    headers: tuple[str, ...]
    control_url: str | None
    deploy_command: str | None

    @property
    def first_disruption(self) -> float:
        """When the scenario first does something to the callers, as a share of the run; 0 if it never does."""
        return min((phase.at for phase in self.phases), default=0.0)

    @property
    def ramp_seconds(self) -> float:
        """How long until all callers are active."""
        return self.users / self.spawn_rate


def make_plan(options: RunOptions, environment: Mapping[str, str]) -> RunPlan:
    """Check the options and fill in defaults. Raises PlanError."""
    scenario = find_scenario(options.scenario)
    url = checked_url(options.url)
    users = checked_users(options.users if options.users is not None else scenario.users)
    seconds = _checked_seconds(options, scenario)
    spawn_rate = _checked_rate(options, scenario, users, seconds)
    for address in (url, *([options.control_url] if options.control_url else [])):
        reason = refusal_reason(address, users, seconds, permitted=options.permitted)
        if reason is not None:
            raise PlanError(reason)
    if options.echo and options.control_url:
        raise PlanError("--echo and --control exclude each other: --control measures more")
    check_command(options.deploy_command)
    available = _available(options)
    _check_requirements(scenario, available)
    skipped = {phase.name: phase for phase in skipped_phases(scenario, available)}
    missing = {
        text: _missing_for(text, available, skipped)
        for text in (scenario.budgets_for(users) if options.default_budgets else ())
    }
    phases = runnable_phases(scenario, available)
    budgets = _budgets((*(text for text, needs in missing.items() if not needs), *options.budgets), scenario)
    _check_phases(budgets, phases, skipped)
    return RunPlan(
        scenario=scenario,
        groups=tuple(_apply_options(group, options) for group in scenario.groups),
        url=url,
        model=options.model,
        users=users,
        spawn_rate=spawn_rate,
        seconds=seconds,
        budgets=budgets,
        phases=phases,
        skipped_budgets=tuple((text, _missing_options(needs)) for text, needs in missing.items() if needs),
        skipped_phases=tuple((one.name, one.description, _missing_options(one.missing)) for one in skipped.values()),
        headers=(*token_header(options.token_env, environment), *origin_header(options.origin)),
        control_url=options.control_url,
        deploy_command=options.deploy_command,
    )


def caller_groups(plan: RunPlan) -> Iterator[CallerGroup]:
    """Yield the group of each next caller, forever. The shares hold from the first callers on."""
    counts = [0.0 for _ in plan.groups]
    while True:
        number = min(range(len(counts)), key=lambda n: (counts[n] + 1) / plan.groups[n].share)
        counts[number] += 1
        yield plan.groups[number]


def find_scenario(name: str) -> LoadScenario:
    """Look up a scenario. Raises PlanError with a similar name."""
    if name not in SCENARIOS:
        raise PlanError(f"unknown scenario {name!r}{suggestion(name, SCENARIOS)}")
    return SCENARIOS[name]


def _checked_seconds(options: RunOptions, scenario: LoadScenario) -> float:
    if options.duration is None:
        return scenario.seconds
    seconds = parse_duration(options.duration)
    if seconds < 1:
        raise PlanError(f"--duration: {options.duration} is too short; the minimum is 1 s")
    if scenario.phases and seconds < scenario.min_seconds:
        raise PlanError(f"--duration: {scenario.name} needs at least {scenario.min_seconds:.0f} s for its phases")
    return seconds


def _checked_rate(options: RunOptions, scenario: LoadScenario, users: int, seconds: float) -> float:
    """Return the requested rate.

    A scenario's own rate is raised if needed, so that all callers are active after a quarter of the run.
    """
    if options.spawn_rate is None:
        return max(scenario.spawn_rate, 4 * users / seconds)
    rate = options.spawn_rate
    if not (math.isfinite(rate) and rate > 0):
        raise PlanError(f"--spawn-rate: {rate:g} callers per second is not a valid rate")
    if users / rate >= seconds:
        raise PlanError(f"--spawn-rate: at {rate:g} per second, the last of {users} callers would start after the run")
    return rate


def _available(options: RunOptions) -> frozenset[Requirement]:
    have = {
        Requirement.CONTROL: options.control_url,
        Requirement.RESTART: options.deploy_command,
        Requirement.MEMORY: options.memory_known,
        Requirement.AUDIO_AUDIT: options.control_url or options.echo,
        Requirement.LOSS_REPORTS: options.endpoint in (None, TargetEndpoint.CLIENT),
    }
    return frozenset(requirement for requirement, counts in have.items() if counts)


#: Requirement -> what is missing, and the option that provides it.
_REQUIREMENT_TEXTS: Mapping[Requirement, tuple[str, str]] = {
    Requirement.CONTROL: ("the control API of the simulator behind the target", "--control http://HOST:PORT/_sim"),
    Requirement.RESTART: ("a command that redeploys the target", "--deploy-command CMD"),
    Requirement.MEMORY: ("the target's memory usage", "--watch bridge=PID"),
    Requirement.AUDIO_AUDIT: (
        "audio tracking at the far end",
        "--control http://HOST:PORT/_sim, or --echo if the service echoes",
    ),
    Requirement.LOSS_REPORTS: ("reports of dropped audio", "--endpoint client"),
}


def _check_requirements(scenario: LoadScenario, available: frozenset[Requirement]) -> None:
    for requirement in sorted(required(scenario) - available):
        raise MissingRequirementError(scenario.name, requirement)


def _missing_for(
    text: str, available: frozenset[Requirement], skipped: Mapping[str, SkippedPhase]
) -> frozenset[Requirement]:
    """Return what a budget of the scenario lacks: for its measurement, or for the phase that it covers."""
    phase = skipped.get(parse_budget(text).phase or "")
    return budget_requirements(text) - available | (phase.missing if phase is not None else frozenset())


def _check_phases(
    budgets: Iterable[Budget], phases: Sequence[ScenarioPhase], skipped: Mapping[str, SkippedPhase]
) -> None:
    """Check that no budget from the command line covers a phase that does not take place."""
    running = {None, FIRST_PHASE, *(phase.name for phase in phases)}
    for budget in budgets:
        if budget.phase not in running:
            option = _missing_options(skipped[str(budget.phase)].missing)
            raise PlanError(f"--budget {budget.text!r}: the phase {budget.phase!r} needs {option}")


def _missing_options(missing: frozenset[Requirement]) -> str:
    return " and ".join(_REQUIREMENT_TEXTS[requirement][1] for requirement in sorted(missing))


def _apply_options(group: CallerGroup, options: RunOptions) -> CallerGroup:
    behaviour = group.behaviour
    if options.endpoint is not None:
        if options.endpoint not in list(TargetEndpoint):
            raise PlanError(
                f"--endpoint: unknown endpoint {options.endpoint!r}{suggestion(options.endpoint, list(TargetEndpoint))}"
            )
        behaviour = replace(behaviour, endpoint=TargetEndpoint(options.endpoint))
    if options.chunk_ms is not None:
        if options.chunk_ms not in CHUNK_LENGTHS_MS:
            raise PlanError(f"--chunk-ms: {options.chunk_ms} is not one of {', '.join(map(str, CHUNK_LENGTHS_MS))}")
        behaviour = replace(behaviour, chunk_ms=options.chunk_ms)
    return replace(group, behaviour=replace(behaviour, echo=options.echo))


def _budgets(texts: Iterable[str], scenario: LoadScenario) -> tuple[Budget, ...]:
    """Parse the budgets and drop duplicates. A phase must be `start` or a phase of the scenario."""
    budgets = {budget.text: budget for budget in map(_budget, texts)}
    phases = [FIRST_PHASE, *(phase.name for phase in scenario.phases)] if scenario.phases else []
    for budget in budgets.values():
        if budget.phase is not None and budget.phase not in phases:
            names = suggestion(budget.phase, phases) if phases else ": it has no phases"
            raise PlanError(f"--budget {budget.text!r}: {scenario.name} has no phase {budget.phase!r}{names}")
    return tuple(budgets.values())


def _budget(text: str) -> Budget:
    try:
        return parse_budget(text)
    except BudgetError as error:
        raise PlanError(f"--budget: {error}") from None
