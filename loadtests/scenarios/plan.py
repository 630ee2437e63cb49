"""What a run will do, made of what the user asked for and of his scenario: checked once, before anything is sent. Pure.

`sherpa-load` makes one to refuse wrong usage in plain words; the Locust processes make the same one of their options.
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
from loadtests.scenarios.behaviour import Door
from loadtests.scenarios.safety import refusal
from loadtests.scenarios.table import SCENARIOS, Need, needed_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from loadtests.metrics.budgets import Budget
    from loadtests.scenarios.table import Group, Scenario

DEFAULT_MODEL = "gpt-realtime-2.1"
_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_SCHEMES = ("ws", "wss", "http", "https")
_ORIGIN = re.compile(r"https?://[\w.\-\[\]:]+", re.ASCII)
CHUNKS_MS = (20, 100)


class PlanError(ValueError):
    """What was asked for cannot be run; one plain line says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asked for. What is left out, the scenario says."""

    scenario: str
    url: str = ""
    users: int | None = None
    spawn_rate: float | None = None
    duration: str | None = None
    budgets: tuple[str, ...] = ()
    default_budgets: bool = True
    door: str | None = None
    chunk_ms: int | None = None
    model: str = DEFAULT_MODEL
    token_env: str | None = None
    origin: str | None = None
    """The page that callers claim to come from; by default they are no page."""
    control: str | None = None
    deploy_command: str | None = None
    echo: bool = False
    """The service behind the target answers with what it heard."""
    watches: bool = False
    """Somebody knows how much memory the target takes."""
    permitted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that may begin. Times are seconds."""

    scenario: Scenario
    groups: tuple[Group, ...]
    url: str
    model: str
    users: int
    spawn_rate: float
    seconds: float
    budgets: tuple[Budget, ...]
    unjudged: tuple[tuple[str, str], ...]
    """Budgets of the scenario that cannot be judged with what is at hand, and what that would take."""
    headers: tuple[str, ...]
    control: str | None
    deploy_command: str | None

    @property
    def ramp_seconds(self) -> float:
        """How long until everybody calls."""
        return self.users / self.spawn_rate


def make_plan(wish: Wish, environment: Mapping[str, str]) -> Plan:
    """Check a wish and fill it up. Raises PlanError."""
    scenario = scenario_named(wish.scenario)
    url = _checked_url(wish.url)
    users = _at_least_one(wish.users if wish.users is not None else scenario.users)
    seconds = _checked_seconds(wish, scenario)
    spawn_rate = _checked_rate(wish, scenario, users, seconds)
    for address in (url, *([wish.control] if wish.control else [])):
        refused = refusal(address, users, seconds, permitted=wish.permitted)
        if refused is not None:
            raise PlanError(refused)
    if wish.echo and wish.control:
        raise PlanError(
            "--echo and --control are two accounts of the same speech: --control tells more, leave --echo out"
        )
    _check_command(wish.deploy_command)
    at_hand = _at_hand(wish)
    _check_needs(scenario, at_hand)
    own = scenario.budgets_for(users) if wish.default_budgets else ()
    defaults = tuple(text for text in own if needed_by(text) <= at_hand)
    return Plan(
        scenario=scenario,
        groups=tuple(_changed(group, wish) for group in scenario.groups),
        url=url,
        model=wish.model,
        users=users,
        spawn_rate=spawn_rate,
        seconds=seconds,
        budgets=_budgets((*defaults, *wish.budgets), scenario),
        unjudged=tuple((text, _wanted(needed_by(text) - at_hand)) for text in own if text not in defaults),
        headers=(*_token(wish.token_env, environment), *_origin(wish.origin)),
        control=wish.control,
        deploy_command=wish.deploy_command,
    )


def turns_of(plan: Plan) -> Iterator[Group]:
    """Give, again and again, the group that the next caller belongs to: shares are kept from the first callers on."""
    given = [0.0 for _ in plan.groups]
    while True:
        number = min(range(len(given)), key=lambda n: (given[n] + 1) / plan.groups[n].share)
        given[number] += 1
        yield plan.groups[number]


def scenario_named(name: str) -> Scenario:
    """Find a scenario. Raises PlanError, naming a near one."""
    if name not in SCENARIOS:
        raise PlanError(f"there is no scenario {name!r}{near(name, SCENARIOS)}")
    return SCENARIOS[name]


def near(name: str, known: Iterable[str]) -> str:
    """Say what may have been meant, or what there is."""
    close = get_close_matches(name, list(known), n=1)
    return f": did you mean {close[0]}?" if close else f"; there are: {', '.join(known)}"


def seconds_in(text: str) -> float:
    """Read `90`, `30s`, `5m`, `1h30m`. Raises PlanError."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        raise PlanError(f"--duration: {text!r} is no time: write for example 30s, 5m or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _checked_url(url: str) -> str:
    if not url:
        raise PlanError("nobody is named to call: give --target URL, or --simulate")
    whole = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(whole)
        named = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise PlanError(f"--target: {_shown(url)!r} is no address of a bridge: write for example ws://127.0.0.1:8765")
    if parts.username or parts.password:
        raise PlanError("--target: it holds a password; name the variable that holds a token with --client-token-env")
    return whole


def _shown(url: str) -> str:
    """Take away what may be a secret."""
    return re.sub(r"//[^/@]*@", "//...@", url.partition("?")[0])[:100]


def _at_least_one(users: int) -> int:
    if users < 1:
        raise PlanError(f"--users: {users} callers are nobody: 1 is the least")
    return users


def _checked_seconds(wish: Wish, scenario: Scenario) -> float:
    if wish.duration is None:
        return scenario.seconds
    seconds = seconds_in(wish.duration)
    if seconds < 1:
        raise PlanError(f"--duration: {wish.duration} is no time to call: 1 s is the least")
    if scenario.acts and seconds < scenario.least_seconds:
        raise PlanError(
            f"--duration: {scenario.name} needs {scenario.least_seconds:.0f} s at least for what is done meanwhile"
        )
    return seconds


def _checked_rate(wish: Wish, scenario: Scenario, users: int, seconds: float) -> float:
    """Take the wished rate; that of a scenario is raised until everybody calls in a quarter of the run."""
    if wish.spawn_rate is None:
        return max(scenario.spawn_rate, 4 * users / seconds)
    rate = wish.spawn_rate
    if not (math.isfinite(rate) and rate > 0):
        raise PlanError(f"--spawn-rate: {rate:g} callers a second begin nothing")
    if users / rate >= seconds:
        raise PlanError(f"--spawn-rate: at {rate:g} a second, the last of {users} callers begins when the run is over")
    return rate


def _at_hand(wish: Wish) -> frozenset[Need]:
    have = {
        Need.CONTROL: wish.control,
        Need.RESTART: wish.deploy_command,
        Need.MEMORY: wish.watches,
        Need.SPEECH: wish.control or wish.echo,
        Need.WORDS: wish.door in (None, Door.CLIENT),
    }
    return frozenset(need for need, given in have.items() if given)


#: What to say where a scenario cannot do its acts, or a budget cannot be judged.
_MISSING: Mapping[Need, tuple[str, str]] = {
    Need.CONTROL: ("the simulator behind the target, and its control API", "--control http://HOST:PORT/_sim"),
    Need.RESTART: ("a way to deploy the target", "--deploy-command CMD"),
    Need.MEMORY: ("a look at the target's memory", "--watch bridge=PID"),
    Need.SPEECH: ("an account of speech", "--control http://HOST:PORT/_sim, or --echo where the service echoes"),
    Need.WORDS: ("callers who are told what is dropped", "--door client"),
}


def _check_needs(scenario: Scenario, at_hand: frozenset[Need]) -> None:
    for need in sorted(scenario.needs - at_hand):
        what, option = _MISSING[need]
        raise PlanError(f"{scenario.name} needs {what}: give {option}; or --simulate, which has it")


def _wanted(missing: frozenset[Need]) -> str:
    return " and ".join(_MISSING[need][1] for need in sorted(missing))


def _check_command(command: str | None) -> None:
    try:
        words = shlex.split(command) if command is not None else ["none"]
    except ValueError as error:
        raise PlanError(f"--deploy-command: it cannot be read: {str(error).lower()}") from None
    if not words:
        raise PlanError("--deploy-command: it is empty")


def _changed(group: Group, wish: Wish) -> Group:
    behaviour = group.behaviour
    if wish.door is not None:
        if wish.door not in list(Door):
            raise PlanError(f"--door: there is no door {wish.door!r}{near(wish.door, list(Door))}")
        behaviour = replace(behaviour, door=Door(wish.door))
    if wish.chunk_ms is not None:
        if wish.chunk_ms not in CHUNKS_MS:
            raise PlanError(f"--chunk-ms: {wish.chunk_ms} is not one of {', '.join(map(str, CHUNKS_MS))}")
        behaviour = replace(behaviour, chunk_ms=wish.chunk_ms)
    return replace(group, behaviour=replace(behaviour, echo=wish.echo))


def _budgets(texts: Iterable[str], scenario: Scenario) -> tuple[Budget, ...]:
    """Read them; the same one twice is judged once. A phase must be one of the scenario's: `start`, or an act's."""
    budgets = {budget.text: budget for budget in map(_budget, texts)}
    phases = [FIRST_PHASE, *(act.phase for act in scenario.acts)] if scenario.acts else []
    for budget in budgets.values():
        if budget.phase is not None and budget.phase not in phases:
            known = near(budget.phase, phases) if phases else ": it has none"
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
        raise PlanError(f"--origin: {origin[:100]!r} is no origin: write for example https://app.example.com")
    return (f"Origin: {origin}",)


def _token(token_env: str | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    if token_env is None:
        return ()
    token = environment.get(token_env, "").strip()
    if not token:
        raise PlanError(f"--client-token-env: the variable {token_env[:60]} is not set")
    if not token.isprintable() or not token.isascii():
        raise PlanError(f"--client-token-env: what {token_env[:60]} holds is no token: it has characters none has")
    return (f"Authorization: Bearer {token}",)
