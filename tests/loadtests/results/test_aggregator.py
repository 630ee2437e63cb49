"""What comes together of a run: figures, attempts, the timeline, and nothing counted as none of it."""

from __future__ import annotations

from loadtests.results.aggregator import expects_failures
from loadtests.scenarios.table import SCENARIOS
from tests.loadtests.factories import aggregated, worker_report


def test_what_processes_tell_adds_up() -> None:
    gathering = aggregated(worker_report(calls=2, well=1, turn=100), worker_report(calls=3, turn=300))
    assert gathering.measurements.total("calls") == 5
    assert gathering.measurements.total("turn") == 2
    assert gathering.health.answered


def test_what_no_caller_counted_is_none_of_it_once_somebody_called() -> None:
    gathering = aggregated(worker_report(calls=2))
    gathering.finish(10)
    assert gathering.measurements.total("errors") == 0
    assert gathering.measurements.total("lost_ms") is None, "only the simulator can tell"
    nobody = aggregated()
    nobody.finish(10)
    assert nobody.measurements.total("errors") is None


def test_in_every_phase_of_the_scenario_it_is_none_of_it() -> None:
    gathering = aggregated(worker_report(calls=2), scenario="reconnect-storm")
    gathering.finish(10)
    assert gathering.measurements.total("errors", "storm") == 0


def test_the_moment_when_everybody_calls_is_told_once() -> None:
    gathering = aggregated()
    for second, callers in enumerate([1, 2, 1, 2]):
        gathering.tick(float(second), callers)
    assert [(moment.at, moment.what, moment.detail) for moment in gathering.moments] == [
        (1.0, "callers", "all 2 active")
    ]
    assert gathering.callers == [(0.0, 1.0), (1.0, 2.0), (2.0, 1.0), (3.0, 2.0)]


def test_a_target_that_is_clearly_down_ends_the_run() -> None:
    gathering = aggregated()
    for second in range(12):
        gathering.merge(worker_report(failed=2), float(second))
        gathering.tick(float(second), 2)
    assert gathering.is_down
    assert gathering.moments[-1].detail == "is down; the run ends here"


def test_progress_says_what_is_known_so_far() -> None:
    gathering = aggregated(worker_report(calls=2, turn=100, turns=3, failed_calls=1, failed_connects=2))
    gathering.tick(2.0, 2)
    told = gathering.progress(2.0)
    assert (told["callers"], told["users"], told["turns"], told["failed"]) == (2, 2, 3, 3)
    assert told["ready_ms"] is None


def test_many_kinds_of_failures_do_not_grow_without_end() -> None:
    gathering = aggregated()
    for kind in range(100):
        gathering.count_failure(f"kind {kind}", 1)
    gathering.count_failure("kind 0", 7)
    assert len(gathering.failures) == 20
    assert gathering.failures["kind 0"] == 7


def test_a_target_that_is_made_to_fail_does_not_end_the_run() -> None:
    gathering = aggregated()
    for second in range(30):
        gathering.merge(worker_report(failed=2), float(second))
        gathering.tick(float(second), 2, failures_expected=second < 25)
    assert not gathering.is_down


def test_a_scenario_fails_on_purpose_from_its_faults_until_it_is_well_again_and_while_it_deploys() -> None:
    herd, flood, deploy = (SCENARIOS[name] for name in ("thundering-herd", "error-flood", "deploy"))
    assert [expects_failures(herd, phases) for phases in range(3)] == [False, True, False]
    assert [expects_failures(flood, phases) for phases in range(4)] == [False, True, True, False]
    assert [expects_failures(deploy, phases) for phases in range(2)] == [False, True]
