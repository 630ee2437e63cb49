"""The state of one simulator that its REST side, its WebSocket side and its control API share.

It holds what the simulator received (the journal), the running sessions, the scenario chosen for each API key, and how
often each key has come. No I/O.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.simulator.faults.scenarios import SCENARIOS, SimulatorScenario, scenario_for_key
from bridge.simulator.service.journal import Journal
from bridge.simulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.simulator.faults.base import ApiEndpoint, Fault
    from bridge.simulator.service.connection import Connection

#: How many keys the simulator remembers a choice or a number of attempts for. It forgets the oldest.
_MAX_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class ScenarioChoice:
    """A scenario and the faults to apply with it, in order."""

    scenario: SimulatorScenario
    faults: tuple[Fault, ...] = ()


class SimulatorState:
    """What one simulator knows and remembers. Every collection in it is bounded."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.journal = Journal()
        self.connections: dict[str, Connection] = {}
        """The running sessions by session id."""
        self.choices: dict[str, ScenarioChoice] = {}
        """What the control API or a test chose for an API key; `""` is every key without a choice of its own."""
        self._attempts: Counter[tuple[str, ApiEndpoint]] = Counter()

    def choose(self, scenario: str = "good", faults: Sequence[Fault] = (), *, key: str = "") -> None:
        """Set scenario and faults for the next attempts of a key, or of every key without a choice of its own.

        Running sessions are not affected. Raises KeyError if there is no such scenario.
        """
        self.choices[key] = ScenarioChoice(SCENARIOS[scenario], tuple(faults))
        if len(self.choices) > _MAX_KEYS:
            del self.choices[next(known for known in self.choices if known)]

    def clear_choice(self, key: str = "") -> None:
        """Undo `choose`: from its next attempt on, the key gets what the settings say."""
        self.choices.pop(key, None)

    def reset(self) -> None:
        """Clear the journal, all choices and all numbers of attempts. Running sessions go on."""
        self.journal.clear()
        self.choices.clear()
        self._attempts.clear()

    def choice_for(self, key: str) -> ScenarioChoice | None:
        """Return the scenario of a key and all faults to apply: its own, those chosen, those of the settings.

        A choice for the key itself comes first, then the scenario that the key names, then the choice for every key,
        then the settings. None if the key names a scenario that does not exist.
        """
        default = ScenarioChoice(SCENARIOS[self.settings.scenario])
        chosen = self.choices.get(key)
        if chosen is None:
            base = self.choices.get("", default)
            scenario = scenario_for_key(key, base.scenario.name)
            if scenario is None:
                return None
            chosen = ScenarioChoice(scenario, base.faults)
        faults = (*chosen.scenario.faults, *chosen.faults, *self.settings.faults)
        return ScenarioChoice(chosen.scenario, faults)

    def count_attempt(self, key: str, endpoint: ApiEndpoint) -> int:
        """Count one more attempt of a key at an endpoint and return its number, from 1."""
        self._attempts[key, endpoint] += 1
        if len(self._attempts) > _MAX_KEYS:
            del self._attempts[next(iter(self._attempts))]
        return self._attempts[key, endpoint]
