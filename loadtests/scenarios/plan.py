"""The plan of a run: options and scenario combined and checked before anything is sent. Pure.

`sherpa-load` makes one to report invalid options early; the Locust processes make the same plan from their options.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadtests.metrics.budgets import BudgetError, parse_budget
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.scenarios.behaviour import TargetEndpoint
from loadtests.scenarios.safety import refusal_reason
from loadtests.scenarios.table import SCENARIOS, Requirement, budget_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from loadtests.metrics.budgets import Budget
    from loadtests.scenarios.table import CallerGroup, LoadScenario

DEFAULT_MODEL = "gpt-realtime-2.1"
_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_SCHEMES = ("ws", "wss", "http", "https")
_ORIGIN = re.compile(r"https?://[\w.\-\[\]:]+", re.ASCII)
CHUNK_LENGTHS_MS = (20, 100)


class PlanError(ValueError):
    """The run is not possible as requested; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The user's options. The scenario supplies what is left out."""

    scenario: str
    url: str = ""
    users: int | None = None
    spawn_rate: float | None = None
    duration: str | None = None
    budgets: tuple[str, ...] = ()
    default_budgets: bool = True
    endpoint: str | None = None
    chunk_ms: int | None = None
    model: str = DEFAULT_MODEL
    token_env: str | None = None
    origin: str | None = None
    """The `Origin` header of the callers; None sends none."""
    control_url: str | None = None
    deploy_command: str | None = None
    echo: bool = False
    """The service behind the target echoes what it receives."""
    memory_known: bool = False
    """The command that starts the run monitors the target's memory."""
    permitted: bool = False


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
    skipped_budgets: tuple[tuple[str, str], ...]
    """Budgets of the scenario that can't be checked, with the options that would be needed."""
    headers: tuple[str, ...]
    control_url: str | None
    deploy_command: str | None

    @property
    def ramp_seconds(self) -> float:
        """How long until all callers are active."""
        return self.users / self.spawn_rate


def make_plan(wish: RunOptions, environment: Mapping[str, str]) -> RunPlan:
    """Check the options and fill in defaults. Raises PlanError."""
    scenario = find_scenario(wish.scenario)
    url = _checked_url(wish.url)
    users = _at_least_one(wish.users if wish.users is not None else scenario.users)
    seconds = _checked_seconds(wish, scenario)
    spawn_rate = _checked_rate(wish, scenario, users, seconds)
    for address in (url, *([wish.control_url] if wish.control_url else [])):
        refused = refusal_reason(address, users, seconds, permitted=wish.permitted)
        if refused is not None:
            raise PlanError(refused)
    if wish.echo and wish.control_url:
        raise PlanError("--echo and --control exclude each other: --control measures more")
    _check_command(wish.deploy_command)
    at_hand = _at_hand(wish)
    _check_needs(scenario, at_hand)
    own = scenario.budgets_for(users) if wish.default_budgets else ()
    defaults = tuple(text for text in own if budget_requirements(text) <= at_hand)
    return RunPlan(
        scenario=scenario,
        groups=tuple(_changed(group, wish) for group in scenario.groups),
        url=url,
        model=wish.model,
        users=users,
        spawn_rate=spawn_rate,
        seconds=seconds,
        budgets=_budgets((*defaults, *wish.budgets), scenario),
        skipped_budgets=tuple(
            (text, _wanted(budget_requirements(text) - at_hand)) for text in own if text not in defaults
        ),
        headers=(*_token(wish.token_env, environment), *_origin(wish.origin)),
        control_url=wish.control_url,
        deploy_command=wish.deploy_command,
    )


def caller_groups(plan: RunPlan) -> Iterator[CallerGroup]:
    """Yield the group of each next caller, forever. The shares hold from the first callers on."""
    given = [0.0 for _ in plan.groups]
    while True:
        number = min(range(len(given)), key=lambda n: (given[n] + 1) / plan.groups[n].share)
        given[number] += 1
        yield plan.groups[number]


def find_scenario(name: str) -> LoadScenario:
    """Look up a scenario. Raises PlanError with a similar name."""
    if name not in SCENARIOS:
        raise PlanError(f"unknown scenario {name!r}{suggestion(name, SCENARIOS)}")
    return SCENARIOS[name]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a similar name, or all known ones, as the end of a message."""
    close = get_close_matches(name, list(known), n=1)
    return f": did you mean {close[0]}?" if close else f"; available: {', '.join(known)}"


def parse_duration(text: str) -> float:
    """Parse `90`, `30s`, `5m`, `1h30m` into seconds. Raises PlanError."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise PlanError(f"--duration: {text!r} is not a duration; for example: 30s, 5m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _checked_url(url: str) -> str:
    if not url:
        raise PlanError("no target: pass --target URL or --simulate")
    whole = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(whole)
        named = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise PlanError(f"--target: {_shown(url)!r} is not the address of a bridge; for example: ws://127.0.0.1:8765")
    if parts.username or parts.password:
        raise PlanError("--target: the URL contains a password; pass the token in a variable: --client-token-env NAME")
    return whole


def _shown(url: str) -> str:
    """Remove anything that may be a secret."""
    return re.sub(r"//[^/@]*@", "//...@", url.partition("?")[0])[:100]


def _at_least_one(users: int) -> int:
    if users < 1:
        raise PlanError(f"--users: {users} is too small; the minimum is 1")
    return users


def _checked_seconds(wish: RunOptions, scenario: LoadScenario) -> float:
    if wish.duration is None:
        return scenario.seconds
    seconds = parse_duration(wish.duration)
    if seconds < 1:
        raise PlanError(f"--duration: {wish.duration} is too short; the minimum is 1 s")
    if scenario.phases and seconds < scenario.min_seconds:
        raise PlanError(f"--duration: {scenario.name} needs at least {scenario.min_seconds:.0f} s for its phases")
    return seconds


def _checked_rate(wish: RunOptions, scenario: LoadScenario, users: int, seconds: float) -> float:
    """Return the requested rate.

    A scenario's own rate is raised if needed, so that all callers are active after a quarter of the run.
    """
    if wish.spawn_rate is None:
        return max(scenario.spawn_rate, 4 * users / seconds)
    rate = wish.spawn_rate
    if not (math.isfinite(rate) and rate > 0):
        raise PlanError(f"--spawn-rate: {rate:g} callers per second is not a valid rate")
    if users / rate >= seconds:
        raise PlanError(f"--spawn-rate: at {rate:g} per second, the last of {users} callers would start after the run")
    return rate


def _at_hand(wish: RunOptions) -> frozenset[Requirement]:
    have = {
        Requirement.CONTROL: wish.control_url,
        Requirement.RESTART: wish.deploy_command,
        Requirement.MEMORY: wish.memory_known,
        Requirement.AUDIO_AUDIT: wish.control_url or wish.echo,
        Requirement.LOSS_REPORTS: wish.endpoint in (None, TargetEndpoint.CLIENT),
    }
    return frozenset(need for need, given in have.items() if given)


#: Requirement -> what is missing, and the option that provides it.
_MISSING: Mapping[Requirement, tuple[str, str]] = {
    Requirement.CONTROL: ("the control API of the simulator behind the target", "--control http://HOST:PORT/_sim"),
    Requirement.RESTART: ("a command that redeploys the target", "--deploy-command CMD"),
    Requirement.MEMORY: ("the target's memory usage", "--watch bridge=PID"),
    Requirement.AUDIO_AUDIT: (
        "audio tracking at the far end",
        "--control http://HOST:PORT/_sim, or --echo if the service echoes",
    ),
    Requirement.LOSS_REPORTS: ("reports of dropped audio", "--endpoint client"),
}


def _check_needs(scenario: LoadScenario, at_hand: frozenset[Requirement]) -> None:
    for need in sorted(scenario.requirements - at_hand):
        what, option = _MISSING[need]
        raise PlanError(f"{scenario.name} needs {what}: pass {option}, or --simulate, which includes it")


def _wanted(missing: frozenset[Requirement]) -> str:
    return " and ".join(_MISSING[need][1] for need in sorted(missing))


def _check_command(command: str | None) -> None:
    try:
        words = shlex.split(command) if command is not None else ["none"]
    except ValueError as error:
        raise PlanError(f"--deploy-command: it can't be parsed: {str(error).lower()}") from None
    if not words:
        raise PlanError("--deploy-command: it is empty")


def _changed(group: CallerGroup, wish: RunOptions) -> CallerGroup:
    behaviour = group.behaviour
    if wish.endpoint is not None:
        if wish.endpoint not in list(TargetEndpoint):
            raise PlanError(
                f"--endpoint: unknown endpoint {wish.endpoint!r}{suggestion(wish.endpoint, list(TargetEndpoint))}"
            )
        behaviour = replace(behaviour, endpoint=TargetEndpoint(wish.endpoint))
    if wish.chunk_ms is not None:
        if wish.chunk_ms not in CHUNK_LENGTHS_MS:
            raise PlanError(f"--chunk-ms: {wish.chunk_ms} is not one of {', '.join(map(str, CHUNK_LENGTHS_MS))}")
        behaviour = replace(behaviour, chunk_ms=wish.chunk_ms)
    return replace(group, behaviour=replace(behaviour, echo=wish.echo))


def _budgets(texts: Iterable[str], scenario: LoadScenario) -> tuple[Budget, ...]:
    """Parse the budgets and drop duplicates. A phase must be `start` or a phase of the scenario."""
    budgets = {budget.text: budget for budget in map(_budget, texts)}
    phases = [FIRST_PHASE, *(act.name for act in scenario.phases)] if scenario.phases else []
    for budget in budgets.values():
        if budget.phase is not None and budget.phase not in phases:
            known = suggestion(budget.phase, phases) if phases else ": it has no phases"
            raise PlanError(f"--budget {budget.text!r}: {scenario.name} has no phase {budget.phase!r}{known}")
    return tuple(budgets.values())


def _budget(text: str) -> Budget:
    try:
        return parse_budget(text)
    except BudgetError as error:
        raise PlanError(f"--budget: {error}") from None


def _origin(origin: str | None) -> tuple[str, ...]:
    if origin is None:
        return ()
    if not _ORIGIN.fullmatch(origin):
        raise PlanError(f"--origin: {origin[:100]!r} is not an origin; for example: https://app.example.com")
    return (f"Origin: {origin}",)


def _token(token_env: str | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    if token_env is None:
        return ()
    token = environment.get(token_env, "").strip()
    if not token:
        raise PlanError(f"--client-token-env: the variable {token_env[:60]} is not set")
    if not token.isprintable() or not token.isascii():
        raise PlanError(f"--client-token-env: {token_env[:60]} is not a token: it contains invalid characters")
    return (f"Authorization: Bearer {token}",)
