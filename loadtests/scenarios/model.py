"""What a scenario is: who calls, what is done to them meanwhile and when, and what must hold. Nothing acts here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtests.scenarios.behaviour import CallerBehaviour


class Requirement(StrEnum):
    """What a scenario needs beside a target to call."""

    CONTROL = "control"
    """The control API of the simulator behind the target: to cut and to fail, and to account for every word."""
    RESTART = "restart"
    """A way to deploy the target anew while it is loaded."""
    MEMORY = "memory"
    """A way to read how much memory the target takes."""
    AUDIO_AUDIT = "speech"
    """An account of speech from the far end: the simulator's, or the service's echo."""
    LOSS_REPORTS = "words"
    """Callers who are told what is dropped and what is sent again: the client protocol has words for it."""


@dataclass(frozen=True, slots=True)
class SetFaults:
    """From now on sessions upstream begin with these faults as well; none: the service is as at the beginning."""

    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CutUpstream:
    """End every socket upstream at once: `drop` as a network does, `close` with 1012, or `reset`."""

    how: str = "drop"


@dataclass(frozen=True, slots=True)
class CutClients:
    """Break every caller's own socket at once."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """Drain the target and start it anew."""


Action = SetFaults | CutUpstream | CutClients | Deploy


@dataclass(frozen=True, slots=True)
class ScenarioPhase:
    """Something done to the run. It begins a phase: what is measured from here on belongs to it as well."""

    at: float
    """When, as a share of the run: from 0 to 1."""
    name: str
    """A budget can be about it: `p99(reconnect@storm)`."""
    actions: tuple[Action, ...] = ()
    """In this order, one right behind the other."""
    description: str = ""
    """What stands on the timeline of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerGroup:
    """Callers that behave alike."""

    name: str
    behaviour: CallerBehaviour
    share: float = 1.0
    """How many of all callers, beside the shares of other groups."""
    counts_only: bool = False
    """They are slow or rude on purpose: what they count is counted, and how long things take them says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadScenario:
    """One kind of run. Figures are its defaults: the command line may ask for others."""

    name: str
    summary: str
    """What it does, in a line."""
    measures: str
    """What it is for: which defect turns it red."""
    groups: tuple[CallerGroup, ...]
    budgets: tuple[str, ...]
    """As on the command line; `* callers` behind a number makes it so many for each caller: see `budgets_for`."""
    phases: tuple[ScenarioPhase, ...] = ()
    users: int = 40
    spawn_rate: float = 20.0
    seconds: float = 40.0
    min_seconds: float = 8.0
    """A shorter run would be over before its acts have had their effect."""
    service_faults: tuple[str, ...] = ()
    """How the service behaves from beginning to end, as faults of the simulator: where that can be asked, it is."""
    needs_service_faults: bool = False
    """Without a service that behaves so there is nothing to see."""
    bridge_settings: Mapping[str, str] = field(default_factory=dict)
    """More settings for our own bridge, as variables."""

    @property
    def behaviour(self) -> CallerBehaviour:
        """How its callers behave; where there are several groups, those of the first."""
        return self.groups[0].behaviour

    @property
    def requirements(self) -> frozenset[Requirement]:
        """Give what its acts cannot do without."""
        deeds = [deed for act in self.phases for deed in act.actions]
        ill = self.needs_service_faults or any(isinstance(deed, SetFaults | CutUpstream) for deed in deeds)
        needed = {Requirement.CONTROL} if ill else set[Requirement]()
        if any(isinstance(deed, Deploy) for deed in deeds):
            needed.add(Requirement.RESTART)
        return frozenset(needed)

    def budgets_for(self, callers: int) -> tuple[str, ...]:
        """Give its budgets for so many callers."""
        return tuple(_TIMES_CALLERS.sub(lambda found: f"{float(found[1]) * callers:g}", text) for text in self.budgets)


_TIMES_CALLERS = re.compile(r"(\d+(?:\.\d+)?) \* callers")
#: Measures that callers cannot take by themselves.
MEASURE_REQUIREMENTS: Mapping[str, frozenset[Requirement]] = {
    **dict.fromkeys(("dials", "dials_per_second_max", "sessions_left"), frozenset({Requirement.CONTROL})),
    **dict.fromkeys(("lost_ms", "reordered_ms", "crosstalk_ms"), frozenset({Requirement.AUDIO_AUDIT})),
    "repeated_ms": frozenset({Requirement.AUDIO_AUDIT, Requirement.LOSS_REPORTS}),
    "silently_lost_ms": frozenset({Requirement.CONTROL, Requirement.LOSS_REPORTS}),
    "echoed_ms": frozenset({Requirement.AUDIO_AUDIT}),
    "memory_grown_mb": frozenset({Requirement.MEMORY}),
}


def budget_requirements(budget: str) -> frozenset[Requirement]:
    """Say what a budget cannot be judged without."""
    return frozenset(
        need for name, needs in MEASURE_REQUIREMENTS.items() if re.search(rf"\b{name}\b", budget) for need in needs
    )
