"""The scenarios: a table of what is done to callers and what must hold. Nothing here acts.

`director.py` does the acts, `users.py` are the callers, `stack.py` starts what `--simulate` loads. To add a scenario:
a value in the table, a line in `docs/load.md`, and a defect in `tests/loadtests/scenarios/test_table_run.py` that it
finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.scenarios.behaviour import CallerBehaviour
from loadtests.scenarios.model import (
    MEASURE_REQUIREMENTS,
    Action,
    CallerGroup,
    CutClients,
    CutUpstream,
    Deploy,
    LoadScenario,
    Requirement,
    ScenarioPhase,
    SetFaults,
    budget_requirements,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MEASURE_REQUIREMENTS",
    "SCENARIOS",
    "Action",
    "CallerGroup",
    "CutClients",
    "CutUpstream",
    "Deploy",
    "LoadScenario",
    "Requirement",
    "ScenarioPhase",
    "SetFaults",
    "budget_requirements",
]


def _callers(behaviour: CallerBehaviour) -> tuple[CallerGroup, ...]:
    return (CallerGroup(name="callers", behaviour=behaviour),)


#: Answers of a few words, spoken four times as fast: many turns in a short run.
_LIVELY = ("pace:times=4", "say:text=Certainly. I look into it at once.")
#: Answers of some forty seconds, all at once: four MiB a turn for whoever does not read.
_LONG_WINDED = ("pace:times=60", f"say:text={'I could go on and on about this. ' * 24}")
_OUTAGE = SetFaults(("http:status=503",))
_WELL = SetFaults()
_EVERYTHING_ARRIVES = ("lost_ms == 0", "repeated_ms == 0", "reordered_ms == 0", "crosstalk_ms == 0")
_NOBODY_LEFT = (
    "stranded_calls == 0",
    "left_waiting == 0",
    "mute_sessions == 0",
    "silent_answers == 0",
    "uncalled_ends == 0",
)
_GOOD_MANNERS = (
    "error_window_violations == 0",
    "endings_without_error == 0",
    "stale_events == 0",
    "unclean_ends == 0",
    *_NOBODY_LEFT,
    "sessions_left == 0",
)
_TALK = CallerBehaviour(chunk_ms=20, speech_ms=1000, pause_ms=400)
_COARSE = CallerBehaviour(chunk_ms=100, speech_ms=1000, pause_ms=400)

_ALL = (
    LoadScenario(
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
        service_faults=_LIVELY,
    ),
    LoadScenario(
        name="early-audio",
        summary="callers speak as soon as their socket is open, long before there is a session",
        measures="whether the first words of each call arrive: a bridge must hold them",
        groups=_callers(CallerBehaviour(chunk_ms=20, speech_ms=1000, pause_ms=400, turns=2, speaks_before_ready=True)),
        budgets=(
            "p99(ready) < 3s",
            "turns >= 1 * callers",
            "dropped_ms == 0",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=25.0,
        service_faults=(*_LIVELY, "create:seconds=1"),
    ),
    LoadScenario(
        name="reconnect-storm",
        summary="all sockets upstream are cut in one moment, later those of all callers",
        measures="how soon everybody is back, how many dials a second that costs, and whether a word is lost",
        groups=_callers(_COARSE),
        phases=(
            ScenarioPhase(0.35, "storm", (CutUpstream(),), "all sockets upstream cut"),
            ScenarioPhase(0.7, "callers-cut", (CutClients(),), "all callers cut"),
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
        service_faults=_LIVELY,
    ),
    LoadScenario(
        name="flapping",
        summary="all sockets upstream are cut again and again, each time in another way",
        measures="whether speech survives one loss behind the other, and no event of a dead session comes through",
        groups=_callers(_COARSE),
        phases=(
            ScenarioPhase(0.2, "drop", (CutUpstream("drop"),), "all sockets upstream dropped"),
            ScenarioPhase(0.3, "close", (CutUpstream("close"),), "all sockets upstream closed, 1012"),
            ScenarioPhase(0.4, "reset", (CutUpstream("reset"),), "all sockets upstream reset"),
            ScenarioPhase(0.5, "again", (CutUpstream("drop"),), "all sockets upstream dropped"),
        ),
        budgets=(
            "reconnections >= 3 * callers",
            "p99(reconnect) < 10s",
            "dropped_ms == 0",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        min_seconds=14.0,
        service_faults=_LIVELY,
    ),
    LoadScenario(
        name="error-flood",
        summary="callers send messages that nobody understands, and the service fails in every way at once",
        measures="whether errors stay at one in two seconds for each caller, and none that ends a call vanishes",
        groups=_callers(CallerBehaviour(chunk_ms=100, speech_ms=1000, pause_ms=400, bad_messages_per_second=20.0)),
        phases=(
            ScenarioPhase(
                0.2,
                "failing",
                (SetFaults(("storm:per-second=50", "reply:how=fail")), CutUpstream("close")),
                "service fails",
            ),
            ScenarioPhase(0.35, "outage", (_OUTAGE, CutUpstream("close")), "service refuses everybody"),
            ScenarioPhase(0.6, "well", (_WELL,), "service is well again"),
        ),
        budgets=("errors >= 1 * callers", "silently_lost_ms == 0", "dropped_ms@start == 0", *_GOOD_MANNERS),
        service_faults=_LIVELY,
    ),
    LoadScenario(
        name="slow-create",
        summary="the service takes three seconds to create a session, and callers do not wait for it",
        measures="whether ready means ready, and what is said meanwhile is held",
        groups=_callers(CallerBehaviour(chunk_ms=20, speech_ms=1000, pause_ms=400, turns=2, speaks_before_ready=True)),
        budgets=(
            "min(ready) >= 3s",
            "p99(ready) < 5s",
            "dropped_ms == 0",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=30.0,
        min_seconds=12.0,
        service_faults=(*_LIVELY, "create:seconds=3"),
        needs_service_faults=True,
    ),
    LoadScenario(
        name="slow-reader",
        summary="every other caller hardly reads what it is sent, and answers are long",
        measures="whether the bridge bounds what waits for one caller, and the others notice nothing",
        groups=(
            CallerGroup(name="readers", behaviour=_COARSE),
            CallerGroup(
                name="slow",
                behaviour=CallerBehaviour(
                    chunk_ms=100, speech_ms=600, pause_ms=400, answer_timeout_ms=1500, read_bytes_per_second=4000
                ),
                counts_only=True,
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
        min_seconds=12.0,
        service_faults=_LONG_WINDED,
    ),
    LoadScenario(
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
        min_seconds=14.0,
        service_faults=(*_LIVELY, "expire:seconds=8"),
        needs_service_faults=True,
    ),
    LoadScenario(
        name="barge-in",
        summary="callers cut into each answer and speak on at once",
        measures="whether answers stop and no race of it shows as an error",
        groups=_callers(CallerBehaviour(chunk_ms=20, speech_ms=800, pause_ms=100, interrupt_after_ms=300)),
        budgets=(
            "turns >= 1 * callers",
            "p95(first_audio) < 2s",
            "errors == 0",
            *_EVERYTHING_ARRIVES,
            *_GOOD_MANNERS,
        ),
        seconds=30.0,
        service_faults=("pace:times=2",),
    ),
    LoadScenario(
        name="deploy",
        summary="the bridge is drained and started anew while everybody talks",
        measures="whether calls end with a reason, callers get in again soon, and nobody is left behind",
        groups=_callers(_COARSE),
        phases=(ScenarioPhase(0.3, "deploy", (Deploy(),), "bridge drained and started anew"),),
        budgets=(
            "count(reconnect@deploy) >= 1 * callers",
            "p99(reconnect@deploy) < 20s",
            "error_window_violations == 0",
            "endings_without_error == 0",
            *_NOBODY_LEFT,
            "lost_ms == 0",
            "sessions_left == 0",
        ),
        min_seconds=18.0,
        seconds=45.0,
        service_faults=_LIVELY,
        bridge_settings={"SHERPA_BRIDGE_DRAIN_SECONDS": "2"},
    ),
    LoadScenario(
        name="thundering-herd",
        summary="everybody calls in one moment, and later comes back in one, while the service refuses for a while",
        measures="whether back-off keeps the dials within bounds, and everybody gets in at last",
        groups=_callers(_COARSE),
        phases=(
            ScenarioPhase(
                0.25, "outage", (_OUTAGE, CutUpstream("close"), CutClients()), "all cut, service refuses everybody"
            ),
            ScenarioPhase(0.4, "well", (_WELL,), "service is well again"),
        ),
        budgets=(
            "dials_per_second_max@outage <= 4 * callers",
            "count(ready@well) >= 0.9 * callers",
            "p99(connect) < 5s",
            "silently_lost_ms == 0",
            "dropped_ms@start == 0",
            "error_window_violations == 0",
            "endings_without_error == 0",
            *_NOBODY_LEFT,
            "stale_events == 0",
            "sessions_left == 0",
        ),
        users=100,
        spawn_rate=1000.0,
        min_seconds=18.0,
        service_faults=_LIVELY,
    ),
    LoadScenario(
        name="soak",
        summary="callers come, talk for two turns, go, and come again; give it hours with --duration",
        measures="whether anything is left behind by each call: sessions, memory, time",
        groups=_callers(CallerBehaviour(chunk_ms=100, speech_ms=600, pause_ms=300, turns=2)),
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
        service_faults=_LIVELY,
    ),
)
SCENARIOS: Mapping[str, LoadScenario] = {scenario.name: scenario for scenario in _ALL}
