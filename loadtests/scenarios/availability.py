"""Which part of a scenario can be run with what is there. Pure.

Without the simulator's control API, nobody can cut upstream sockets or make the service fail. What the callers do
themselves is still worth a run: cut all client sockets at once, or send invalid messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadtests.scenarios.model import CutClients, CutUpstream, Deploy, Requirement, SetFaults

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loadtests.scenarios.model import Action, LoadScenario, ScenarioPhase

#: Action -> what it requires; None for what callers do themselves.
_REQUIRED: Mapping[type[Action], Requirement | None] = {
    SetFaults: Requirement.CONTROL,
    CutUpstream: Requirement.CONTROL,
    CutClients: None,
    Deploy: Requirement.RESTART,
}
_DESCRIPTIONS: Mapping[type[Action], str] = {
    SetFaults: "service faults changed",
    CutUpstream: "all upstream sockets cut",
    CutClients: "all client sockets cut",
    Deploy: "bridge drained and restarted",
}


@dataclass(frozen=True, slots=True)
class SkippedPhase:
    """What can't be done in a phase, and what it would take."""

    name: str
    description: str
    missing: frozenset[Requirement]


def runnable_phases(scenario: LoadScenario, available: frozenset[Requirement]) -> tuple[ScenarioPhase, ...]:
    """Return the phases with the actions that can be executed. A phase of which none is left does not take place."""
    return tuple(_runnable_phases(scenario, available))


def _runnable_phases(scenario: LoadScenario, available: frozenset[Requirement]) -> Iterator[ScenarioPhase]:
    for phase in scenario.phases:
        actions = tuple(action for action in phase.actions if _is_available(action, available))
        if actions == phase.actions:
            yield phase
        elif actions:
            yield replace(phase, actions=actions, description=_described(actions))


def skipped_phases(scenario: LoadScenario, available: frozenset[Requirement]) -> tuple[SkippedPhase, ...]:
    """Return what `runnable_phases` leaves out."""
    skipped = []
    for phase in scenario.phases:
        actions = tuple(action for action in phase.actions if not _is_available(action, available))
        missing = frozenset(need for action in actions if (need := _REQUIRED[type(action)]) is not None)
        if actions:
            description = phase.description if actions == phase.actions else _described(actions)
            skipped.append(SkippedPhase(phase.name, description, missing))
    return tuple(skipped)


def has_callers_side(scenario: LoadScenario) -> bool:
    """Return whether callers disrupt the target by themselves, so that the scenario is worth a run without control."""
    cuts = any(isinstance(action, CutClients) for phase in scenario.phases for action in phase.actions)
    return cuts or any(group.behaviour.bad_messages_per_second for group in scenario.groups)


def required(scenario: LoadScenario) -> frozenset[Requirement]:
    """Return what the scenario can't be run without."""
    needs = {need for phase in scenario.phases for action in phase.actions if (need := _REQUIRED[type(action)])}
    if has_callers_side(scenario):
        needs.discard(Requirement.CONTROL)
    if scenario.needs_service_faults:
        needs.add(Requirement.CONTROL)
    return frozenset(needs)


def _is_available(action: Action, available: frozenset[Requirement]) -> bool:
    need = _REQUIRED[type(action)]
    return need is None or need in available


def _described(actions: tuple[Action, ...]) -> str:
    return ", ".join(dict.fromkeys(_DESCRIPTIONS[type(action)] for action in actions))
