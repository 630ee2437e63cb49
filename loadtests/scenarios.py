"""The scenarios: who calls, what is done to them meanwhile, and what must hold. A table; nothing here acts.

`director.py` does the acts, `users.py` are the callers, `stack.py` starts what `--simulate` loads. To add a scenario:
a value in the table, and a line in `docs/load.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from loadtests.behaviour import Behaviour

if TYPE_CHECKING:
    from collections.abc import Mapping


class Need(StrEnum):
    """What a scenario needs beside a target to call."""

    CONTROL = "control"
    """The control API of the simulator behind the target: to cut and to fail, and to account for every word."""
    RESTART = "restart"
    """A way to deploy the target anew while it is loaded."""
    MEMORY = "memory"
    """A way to read how much memory the target takes."""


@dataclass(frozen=True, slots=True)
class SetFaults:
    """From now on sessions upstream begin with these faults of the simulator; none: it is well again."""

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


Deed = SetFaults | CutUpstream | CutClients | Deploy


@dataclass(frozen=True, slots=True)
class Act:
    """Something done to the run. It begins a phase: what is measured from here on belongs to it as well."""

    at: float
    """When, as a share of the run: from 0 to 1."""
    phase: str
    """A budget can be about it: `p99(reconnect@storm)`."""
    deeds: tuple[Deed, ...] = ()
    """In this order, one right behind the other."""
    said: str = ""
    """What stands on the timeline of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Callers that behave alike."""

    name: str
    behaviour: Behaviour
    share: float = 1.0
    """How many of all callers, beside the shares of other groups."""
    apart: bool = False
    """They are slow or rude on purpose: what they count is counted, and how long things take them says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of run. Figures are its defaults: the command line may ask for others."""

    name: str
    summary: str
    """What it does, in a line."""
    measures: str
    """What it is for: which defect turns it red."""
    groups: tuple[Group, ...]
    budgets: tuple[str, ...]
    """As on the command line; `* callers` behind a number makes it so many for each caller: see `budgets_for`."""
    acts: tuple[Act, ...] = ()
    users: int = 40
    spawn_rate: float = 20.0
    seconds: float = 40.0
    least_seconds: float = 8.0
    """A shorter run would be over before its acts have had their effect."""
    simulator: tuple[str, ...] = ()
    """More words for `sherpa-sim serve` where the stack is our own."""
    bridge: Mapping[str, str] = field(default_factory=dict)
    """More settings for our own bridge, as variables."""

    @property
    def behaviour(self) -> Behaviour:
        """How its callers behave; where there are several groups, those of the first."""
        return self.groups[0].behaviour

    @property
    def needs(self) -> frozenset[Need]:
        """Give what its acts cannot do without."""
        deeds = [deed for act in self.acts for deed in act.deeds]
        needed = {Need.CONTROL} if any(isinstance(deed, SetFaults | CutUpstream) for deed in deeds) else set[Need]()
        if any(isinstance(deed, Deploy) for deed in deeds):
            needed.add(Need.RESTART)
        return frozenset(needed)

    def budgets_for(self, callers: int, at_hand: frozenset[Need]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give its budgets for so many callers, and beside them those that what is at hand cannot judge."""
        whole = [_TIMES_CALLERS.sub(lambda found: f"{float(found[1]) * callers:g}", text) for text in self.budgets]
        judged = tuple(text for text in whole if _needed_by(text) <= at_hand)
        return judged, tuple(text for text in whole if text not in judged)


_TIMES_CALLERS = re.compile(r"(\d+(?:\.\d+)?) \* callers")
#: Measures that no caller can take.
MEASURED_BY: Mapping[str, Need] = {
    **dict.fromkeys(
        ("lost_ms", "repeated_ms", "reordered_ms", "dials", "dials_per_second_max", "sessions_left"), Need.CONTROL
    ),
    "memory_grown_mb": Need.MEMORY,
}


def _needed_by(budget: str) -> set[Need]:
    return {need for name, need in MEASURED_BY.items() if re.search(rf"\b{name}\b", budget)}


def _callers(behaviour: Behaviour) -> tuple[Group, ...]:
    return (Group(name="callers", behaviour=behaviour),)


#: Answers of a few words, spoken four times as fast: many turns in a short run.
_LIVELY = ("--pace", "4", "--fault", "say:text=Certainly. I look into it at once.")
#: Answers of some forty seconds, all at once: four MiB a turn for whoever does not read.
_LONG_WINDED = ("--pace", "60", "--fault", f"say:text={'I could go on and on about this. ' * 24}")
_OUTAGE = SetFaults(("http:status=503",))
_WELL = SetFaults()
_EVERYTHING_ARRIVES = ("lost_ms == 0", "repeated_ms == 0", "reordered_ms == 0")
_GOOD_MANNERS = (
    "error_window_violations == 0",
    "endings_without_error == 0",
    "stale_events == 0",
    "unclean_ends == 0",
    "sessions_left == 0",
)
_TALK = Behaviour(chunk_ms=20, speech_ms=1000, pause_ms=400)
_COARSE = Behaviour(chunk_ms=100, speech_ms=1000, pause_ms=400)

_ALL = (
    Scenario(
        name="conversation",
        summary="callers talk, turn by turn, and nothing is done to them",
        measures="the latency of a turn, and whether every millisecond of speech arrives once and in order",
        groups=_callers(_TALK),
        budgets=(
            "p99(ready) < 2s",
            "p95(first_audio) < 2s",
            "p99(audio_gap) < 300ms",
            "turns >= 1 * callers",
            "unanswered_turns == 0",
            "errors == 0",
            "failed_calls == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=30.0,
        simulator=_LIVELY,
    ),
    Scenario(
        name="early-audio",
        summary="callers speak as soon as their socket is open, long before there is a session",
        measures="whether the first words of each call arrive: a bridge must hold them",
        groups=_callers(Behaviour(chunk_ms=20, speech_ms=1000, pause_ms=400, turns=2, speaks_before_ready=True)),
        budgets=(
            "p99(ready) < 3s",
            "turns >= 1 * callers",
            "dropped_ms == 0",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=25.0,
        simulator=(*_LIVELY, "--fault", "create:seconds=1"),
    ),
    Scenario(
        name="reconnect-storm",
        summary="all sockets upstream are cut in one moment, later those of all callers",
        measures="how soon everybody is back, how many dials a second that costs, and whether a word is lost",
        groups=_callers(_COARSE),
        acts=(
            Act(0.35, "storm", (CutUpstream(),), "all sockets upstream cut"),
            Act(0.7, "callers-cut", (CutClients(),), "all callers cut"),
        ),
        budgets=(
            "count(reconnect@storm) >= 1 * callers",
            "p99(reconnect@storm) < 3s",
            "p99(reconnect@callers-cut) < 5s",
            "dials_per_second_max@storm <= 1.2 * callers",
            "dropped_ms == 0",
            "errors == 0",
            "failed_calls == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        users=100,
        spawn_rate=50.0,
        simulator=_LIVELY,
    ),
    Scenario(
        name="flapping",
        summary="all sockets upstream are cut again and again, each time in another way",
        measures="whether speech survives one loss behind the other, and no event of a dead session comes through",
        groups=_callers(_COARSE),
        acts=(
            Act(0.2, "drop", (CutUpstream("drop"),), "all sockets upstream dropped"),
            Act(0.3, "close", (CutUpstream("close"),), "all sockets upstream closed, 1012"),
            Act(0.4, "reset", (CutUpstream("reset"),), "all sockets upstream reset"),
            Act(0.5, "again", (CutUpstream("drop"),), "all sockets upstream dropped"),
        ),
        budgets=(
            "reconnections >= 3 * callers",
            "p99(reconnect) < 10s",
            "dropped_ms == 0",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        least_seconds=14.0,
        simulator=_LIVELY,
    ),
    Scenario(
        name="error-flood",
        summary="callers send messages that nobody understands, and the service fails in every way at once",
        measures="whether errors stay at one in two seconds for each caller, and none that ends a call vanishes",
        groups=_callers(Behaviour(chunk_ms=100, speech_ms=1000, pause_ms=400, bad_messages_per_second=20.0)),
        acts=(
            Act(
                0.25,
                "failing",
                (SetFaults(("storm:per-second=50", "reply:how=fail")), CutUpstream("close")),
                "service fails",
            ),
            Act(0.5, "outage", (_OUTAGE, CutUpstream("close")), "service refuses everybody"),
            Act(0.75, "well", (_WELL,), "service is well again"),
        ),
        budgets=("errors >= 1 * callers", *_GOOD_MANNERS),
        simulator=_LIVELY,
    ),
    Scenario(
        name="slow-create",
        summary="the service takes three seconds to create a session, and callers do not wait for it",
        measures="whether ready means ready, and what is said meanwhile is held",
        groups=_callers(Behaviour(chunk_ms=20, speech_ms=1000, pause_ms=400, turns=2, speaks_before_ready=True)),
        budgets=(
            "min(ready) >= 3s",
            "p99(ready) < 5s",
            "dropped_ms == 0",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=30.0,
        least_seconds=12.0,
        simulator=(*_LIVELY, "--fault", "create:seconds=3"),
    ),
    Scenario(
        name="slow-reader",
        summary="every other caller hardly reads what it is sent, and answers are long",
        measures="whether the bridge bounds what waits for one caller, and the others notice nothing",
        groups=(
            Group(name="readers", behaviour=_COARSE),
            Group(
                name="slow",
                behaviour=Behaviour(
                    chunk_ms=100, speech_ms=600, pause_ms=400, listen_ms=1500, reads_bytes_per_second=4000
                ),
                apart=True,
            ),
        ),
        budgets=(
            "p95(first_audio) < 2s",
            "p99(audio_gap) < 500ms",
            "memory_grown_mb < 4 * callers",
            "lost_ms == 0",
            "stale_events == 0",
            "sessions_left == 0",
        ),
        users=12,
        least_seconds=12.0,
        simulator=_LONG_WINDED,
    ),
    Scenario(
        name="expiry",
        summary="sessions live for eight seconds instead of an hour",
        measures="whether the bridge rolls over to a fresh session in time, and nobody notices",
        groups=_callers(_COARSE),
        budgets=(
            "dials >= 1.5 * callers",
            "p99(reconnect) < 2s",
            "dropped_ms == 0",
            "errors == 0",
            "failed_calls == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        least_seconds=14.0,
        simulator=(*_LIVELY, "--time-scale", "450"),
    ),
    Scenario(
        name="barge-in",
        summary="callers cut into each answer and speak on at once",
        measures="whether answers stop and no race of it shows as an error",
        groups=_callers(Behaviour(chunk_ms=20, speech_ms=800, pause_ms=100, interrupts_after_ms=300)),
        budgets=(
            "turns >= 1 * callers",
            "p95(first_audio) < 2s",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=30.0,
        simulator=("--pace", "2"),
    ),
    Scenario(
        name="deploy",
        summary="the bridge is drained and started anew while everybody talks",
        measures="whether calls end with a reason, callers get in again soon, and nobody is left behind",
        groups=_callers(_COARSE),
        acts=(Act(0.4, "deploy", (Deploy(),), "bridge drained and started anew"),),
        budgets=(
            "count(reconnect@deploy) >= 1 * callers",
            "p99(reconnect@deploy) < 20s",
            "error_window_violations == 0",
            "endings_without_error == 0",
            "lost_ms == 0",
            "sessions_left == 0",
        ),
        least_seconds=14.0,
        seconds=45.0,
        simulator=_LIVELY,
        bridge={"SHERPA_BRIDGE_DRAIN_SECONDS": "2"},
    ),
    Scenario(
        name="thundering-herd",
        summary="everybody calls in one moment, and later comes back in one, while the service refuses for a while",
        measures="whether back-off keeps the dials within bounds, and everybody gets in at last",
        groups=_callers(_COARSE),
        acts=(
            Act(0.3, "outage", (_OUTAGE, CutUpstream("close"), CutClients()), "all cut, service refuses everybody"),
            Act(0.5, "well", (_WELL,), "service is well again"),
        ),
        budgets=(
            "dials_per_second_max@outage <= 4 * callers",
            "count(ready@well) >= 0.9 * callers",
            "p99(connect) < 5s",
            "error_window_violations == 0",
            "endings_without_error == 0",
            "stale_events == 0",
            "sessions_left == 0",
        ),
        users=100,
        spawn_rate=1000.0,
        least_seconds=14.0,
        simulator=_LIVELY,
    ),
    Scenario(
        name="soak",
        summary="callers come, talk for two turns, go, and come again; give it hours with --duration",
        measures="whether anything is left behind by each call: sessions, memory, time",
        groups=_callers(Behaviour(chunk_ms=100, speech_ms=600, pause_ms=300, turns=2)),
        budgets=(
            "calls >= 1.5 * callers",
            "memory_grown_mb < 40",
            "p95(first_audio) < 2s",
            "failed_calls == 0",
            "failed_connects == 0",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=75.0,
        simulator=_LIVELY,
    ),
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
