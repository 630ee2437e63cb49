"""The table of scenarios. Values only.

`locust_plugin/fault_injector.py` executes the actions, `locust_plugin/users.py` has the callers, `run/stack.py` starts
what `--simulate` loads. To add a scenario, add an entry here, a row in `docs/load.md`, and a defect that it finds in
`tests/loadtests/scenarios/test_table_run.py`.
"""

from __future__ import annotations

from dataclasses import replace
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


def _single_group(behaviour: CallerBehaviour) -> tuple[CallerGroup, ...]:
    return (CallerGroup(name="callers", behaviour=behaviour),)


#: Short answers at four times the speed: many turns in a short run.
_QUICK_ANSWERS = ("pace:times=4", "say:text=Certainly. I look into it at once.")
#: Answers of about 40 s, sent at once: 4 MiB per turn for a caller that doesn't read.
_LONG_ANSWERS = ("pace:times=60", f"say:text={'I could go on and on about this. ' * 24}")
_OUTAGE = SetFaults(("http:status=503",))
_RECOVERED = SetFaults()
_ALL_AUDIO_ARRIVES = ("lost_ms == 0", "repeated_ms == 0", "reordered_ms == 0", "crosstalk_ms == 0")
_NO_STRANDED_CALLERS = (
    "stranded_calls == 0",
    "left_waiting == 0",
    "mute_sessions == 0",
    "silent_answers == 0",
    "uncalled_ends == 0",
)
_CLEAN_PROTOCOL = (
    "error_window_violations == 0",
    "endings_without_error == 0",
    "stale_events == 0",
    "unclean_ends == 0",
    *_NO_STRANDED_CALLERS,
    "sessions_left == 0",
)
_FINE = CallerBehaviour(chunk_ms=20, speech_ms=1000, pause_ms=400)
_COARSE = CallerBehaviour(chunk_ms=100, speech_ms=1000, pause_ms=400)

_ALL = (
    LoadScenario(
        name="conversation",
        summary="callers take turns, without disruption",
        measures="the latency of a turn, and whether all audio arrives exactly once and in order",
        groups=_single_group(_FINE),
        budgets=(
            "p99(ready) < 2s",
            "p95(first_audio) < 2s",
            "p99(audio_gap) < 300ms",
            "turns >= 1 * callers",
            "unanswered_turns == 0",
            "errors == 0",
            "failed_calls == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        seconds=30.0,
        service_faults=_QUICK_ANSWERS,
    ),
    LoadScenario(
        name="early-audio",
        summary="callers speak as soon as their socket is open, before there is a session",
        measures="whether the first words of each call arrive: the bridge must buffer them",
        groups=_single_group(
            CallerBehaviour(chunk_ms=20, speech_ms=1000, pause_ms=400, turns=2, speaks_before_ready=True)
        ),
        budgets=(
            "p99(ready) < 3s",
            "turns >= 1 * callers",
            "dropped_ms == 0",
            "errors == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        seconds=25.0,
        service_faults=(*_QUICK_ANSWERS, "create:seconds=1"),
    ),
    LoadScenario(
        name="reconnect-storm",
        summary="all upstream sockets are cut at once, later all client sockets",
        measures="how fast callers reconnect, how many dials per second that takes, and whether audio is lost",
        groups=_single_group(_COARSE),
        phases=(
            ScenarioPhase(0.35, "storm", (CutUpstream(),), "all upstream sockets cut"),
            ScenarioPhase(0.65, "callers-cut", (CutClients(),), "all client sockets cut"),
        ),
        budgets=(
            "count(reconnect@storm) >= 1 * callers",
            "p99(reconnect@storm) < 3s",
            "p99(reconnect@callers-cut) < 5s",
            "dials_per_second_max@storm <= 1.2 * callers",
            "dropped_ms == 0",
            "errors == 0",
            "failed_calls == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        users=100,
        spawn_rate=50.0,
        service_faults=_QUICK_ANSWERS,
    ),
    LoadScenario(
        name="flapping",
        summary="all upstream sockets are cut four times, each time in another way",
        measures="whether audio survives repeated losses, and no event of a previous session arrives",
        groups=_single_group(_COARSE),
        phases=(
            ScenarioPhase(0.2, "drop", (CutUpstream("drop"),), "all upstream sockets dropped"),
            ScenarioPhase(0.3, "close", (CutUpstream("close"),), "all upstream sockets closed with 1012"),
            ScenarioPhase(0.4, "reset", (CutUpstream("reset"),), "all upstream sockets reset"),
            ScenarioPhase(0.5, "again", (CutUpstream("drop"),), "all upstream sockets dropped"),
        ),
        budgets=(
            "reconnections >= 3 * callers",
            "p99(reconnect) < 10s",
            "dropped_ms == 0",
            "errors == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        min_seconds=14.0,
        service_faults=_QUICK_ANSWERS,
    ),
    LoadScenario(
        name="error-flood",
        summary="half of the callers send invalid messages, some not JSON; the service fails in several ways at once",
        measures="whether each caller gets at most one error in 2 s, no error is swallowed, and the bridge survives",
        groups=(
            CallerGroup(name="rude", behaviour=replace(_COARSE, bad_messages_per_second=20.0)),
            CallerGroup(name="polite", behaviour=_COARSE),
        ),
        phases=(
            ScenarioPhase(
                0.2,
                "failing",
                (SetFaults(("storm:per-second=50", "reply:how=fail")), CutUpstream("close")),
                "service fails",
            ),
            ScenarioPhase(0.35, "outage", (_OUTAGE, CutUpstream("close")), "service refuses every connection"),
            ScenarioPhase(0.6, "well", (_RECOVERED,), "service works again"),
        ),
        budgets=(
            "errors >= 1 * callers",
            "unanswered_messages == 0",
            "upstream_errors >= 0.2 * callers",
            "silently_lost_ms == 0",
            "dropped_ms@start == 0",
            *_CLEAN_PROTOCOL,
        ),
        service_faults=_QUICK_ANSWERS,
    ),
    LoadScenario(
        name="slow-create",
        summary="the service takes 3 s to create a session, and callers don't wait for it",
        measures="whether session_ready is sent at the right time, and early audio is buffered",
        groups=_single_group(
            CallerBehaviour(chunk_ms=20, speech_ms=1000, pause_ms=400, turns=2, speaks_before_ready=True)
        ),
        budgets=(
            "min(ready) >= 3s",
            "p99(ready) < 5s",
            "dropped_ms == 0",
            "errors == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        seconds=30.0,
        min_seconds=12.0,
        service_faults=(*_QUICK_ANSWERS, "create:seconds=3"),
        needs_service_faults=True,
    ),
    LoadScenario(
        name="slow-reader",
        summary="half of the callers hardly read their long answers",
        measures="whether the bridge limits what it buffers for one caller, and other callers are unaffected",
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
        service_faults=_LONG_ANSWERS,
    ),
    LoadScenario(
        name="expiry",
        summary="sessions expire after 8 s instead of an hour",
        measures="whether the bridge rolls over to a new session in time, unnoticed by callers",
        groups=_single_group(_COARSE),
        budgets=(
            "dials >= 1.5 * callers",
            "p99(reconnect) < 2s",
            "dropped_ms == 0",
            "errors == 0",
            "failed_calls == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        min_seconds=14.0,
        service_faults=(*_QUICK_ANSWERS, "expire:seconds=8"),
        needs_service_faults=True,
    ),
    LoadScenario(
        name="barge-in",
        summary="callers interrupt each answer and continue speaking",
        measures="whether answers stop, and no race condition shows up as an error",
        groups=_single_group(CallerBehaviour(chunk_ms=20, speech_ms=800, pause_ms=100, interrupt_after_ms=300)),
        budgets=(
            "turns >= 1 * callers",
            "p95(first_audio) < 2s",
            "errors == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        seconds=30.0,
        service_faults=("pace:times=2",),
    ),
    LoadScenario(
        name="deploy",
        summary="the bridge is drained and restarted during calls",
        measures="whether calls end with a reason, and every caller reconnects soon",
        groups=_single_group(_COARSE),
        phases=(ScenarioPhase(0.3, "deploy", (Deploy(),), "bridge drained and restarted"),),
        budgets=(
            "count(reconnect@deploy) >= 1 * callers",
            "p99(reconnect@deploy) < 20s",
            "error_window_violations == 0",
            "endings_without_error == 0",
            *_NO_STRANDED_CALLERS,
            "lost_ms == 0",
            "sessions_left == 0",
        ),
        min_seconds=18.0,
        seconds=45.0,
        service_faults=_QUICK_ANSWERS,
        bridge_settings={"SHERPA_BRIDGE_DRAIN_SECONDS": "2"},
    ),
    LoadScenario(
        name="thundering-herd",
        summary="everyone calls at once, and reconnects at once while the service refuses connections",
        measures="whether back-off limits the dials, and every caller reconnects in the end",
        groups=_single_group(_COARSE),
        phases=(
            ScenarioPhase(
                0.25,
                "outage",
                (_OUTAGE, CutUpstream("close"), CutClients()),
                "all sockets cut, service refuses everyone",
            ),
            ScenarioPhase(0.4, "well", (_RECOVERED,), "service works again"),
        ),
        budgets=(
            "dials_per_second_max@outage <= 4 * callers",
            "count(ready@well) >= 0.9 * callers",
            "p99(connect) < 5s",
            "silently_lost_ms == 0",
            "dropped_ms@start == 0",
            "error_window_violations == 0",
            "endings_without_error == 0",
            *_NO_STRANDED_CALLERS,
            "stale_events == 0",
            "sessions_left == 0",
        ),
        users=100,
        spawn_rate=1000.0,
        min_seconds=18.0,
        service_faults=_QUICK_ANSWERS,
    ),
    LoadScenario(
        name="soak",
        summary="callers come, take two turns, leave and call again; run it for hours with --duration",
        measures="whether calls leak sessions or memory, or become slower",
        groups=_single_group(CallerBehaviour(chunk_ms=100, speech_ms=600, pause_ms=300, turns=2)),
        calls_for_memory=400,  # 100 KB with each call: the budget of 40 MB
        budgets=(
            "calls >= 1.5 * callers",
            "memory_grown_mb < 40",
            "p95(first_audio) < 2s",
            "failed_calls == 0",
            "failed_connects == 0",
            "errors == 0",
            *_ALL_AUDIO_ARRIVES,
            *_CLEAN_PROTOCOL,
        ),
        seconds=75.0,
        service_faults=_QUICK_ANSWERS,
    ),
)
SCENARIOS: Mapping[str, LoadScenario] = {scenario.name: scenario for scenario in _ALL}
