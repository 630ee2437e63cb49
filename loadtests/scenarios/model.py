"""The parts of a scenario: who calls, what happens to them and when, and the budgets. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtests.scenarios.behaviour import CallerBehaviour


class Requirement(StrEnum):
    """What a scenario needs besides a target."""

    CONTROL = "control"
    """The control API of the simulator behind the target: to cut, to inject faults, and to audit the audio."""
    RESTART = "restart"
    """A command that redeploys the target under load."""
    MEMORY = "memory"
    """The target's memory usage."""
    AUDIO_AUDIT = "speech"
    """An audit of the audio at the far end: by the simulator, or by the service's echo."""
    LOSS_REPORTS = "words"
    """Reports of dropped and resent audio, which only the client endpoint has."""


@dataclass(frozen=True, slots=True)
class SetFaults:
    """Add these faults to sessions that start from now on; none restores the scenario's own service faults."""

    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CutUpstream:
    """Close every upstream socket at once: `drop` as a network failure, `close` with 1012, or `reset`."""

    how: str = "drop"


@dataclass(frozen=True, slots=True)
class CutClients:
    """Drop every caller's socket at once."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """Drain and restart the target."""


Action = SetFaults | CutUpstream | CutClients | Deploy


@dataclass(frozen=True, slots=True)
class ScenarioPhase:
    """A part of a run, from its actions to the next phase. Measurements are also kept per phase."""

    at: float
    """When it starts, as a share of the run from 0 to 1."""
    name: str
    """Budgets can be limited to it: `p99(reconnect@storm)`."""
    actions: tuple[Action, ...] = ()
    """Executed in this order, one right after the other."""
    description: str = ""
    """The text on the report's timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerGroup:
    """Callers with the same behaviour."""

    name: str
    behaviour: CallerBehaviour
    share: float = 1.0
    """Their share of all callers, relative to the other groups."""
    counts_only: bool = False
    """They are slow or send invalid messages on purpose: count what they do, but ignore how long it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadScenario:
    """One kind of run. Numbers are defaults that the command line can change."""

    name: str
    summary: str
    """What it does, in one line."""
    measures: str
    """What it tests: the defect that makes it fail."""
    groups: tuple[CallerGroup, ...]
    budgets: tuple[str, ...]
    """As on the command line; `N * callers` is multiplied out, see `budgets_for`."""
    phases: tuple[ScenarioPhase, ...] = ()
    users: int = 40
    spawn_rate: float = 20.0
    seconds: float = 40.0
    min_seconds: float = 8.0
    """The shortest useful run: a shorter one ends before its phases take effect."""
    service_faults: tuple[str, ...] = ()
    """Faults of the simulator during the whole run, applied if there is a control API."""
    needs_service_faults: bool = False
    """Whether the scenario is pointless without these faults."""
    calls_for_memory: int = 0
    """With fewer calls, its budget for memory can't tell a leak with each call from none."""
    bridge_settings: Mapping[str, str] = field(default_factory=dict)
    """Additional settings for the simulated bridge, as environment variables."""

    @property
    def behaviour(self) -> CallerBehaviour:
        """The behaviour of its callers; of the first group if there are several."""
        return self.groups[0].behaviour

    def budgets_for(self, callers: int) -> tuple[str, ...]:
        """Return its budgets for this number of callers."""
        return tuple(_TIMES_CALLERS.sub(lambda match: f"{float(match[1]) * callers:g}", text) for text in self.budgets)

    def scaled_counts(self, callers: int) -> frozenset[str]:
        """Return its budgets for counts whose limit depends on the number of callers: with few of them, on chance."""
        pairs = zip(self.budgets, self.budgets_for(callers), strict=True)
        return frozenset(text for given, text in pairs if given != text and "_mb" not in given)


_TIMES_CALLERS = re.compile(r"(\d+(?:\.\d+)?) \* callers")
#: Measurements that callers can't take by themselves.
MEASURE_REQUIREMENTS: Mapping[str, frozenset[Requirement]] = {
    **dict.fromkeys(("dials", "dials_per_second_max", "sessions_left"), frozenset({Requirement.CONTROL})),
    **dict.fromkeys(("lost_ms", "reordered_ms", "crosstalk_ms"), frozenset({Requirement.AUDIO_AUDIT})),
    "repeated_ms": frozenset({Requirement.AUDIO_AUDIT, Requirement.LOSS_REPORTS}),
    "silently_lost_ms": frozenset({Requirement.CONTROL, Requirement.LOSS_REPORTS}),
    "echoed_ms": frozenset({Requirement.AUDIO_AUDIT}),
    "memory_grown_mb": frozenset({Requirement.MEMORY}),
}
#: What only a service that can be made to fail causes.
_CAUSE_REQUIREMENTS: Mapping[str, frozenset[Requirement]] = {
    "upstream_errors": frozenset({Requirement.CONTROL, Requirement.LOSS_REPORTS}),
}


def budget_requirements(budget: str) -> frozenset[Requirement]:
    """Return what a budget requires to be checked."""
    requirements = {**MEASURE_REQUIREMENTS, **_CAUSE_REQUIREMENTS}
    return frozenset(
        need for name, needs in requirements.items() if re.search(rf"\b{name}\b", budget) for need in needs
    )
