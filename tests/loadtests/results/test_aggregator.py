"""The aggregator: measurements, attempts, the timeline, and counts of 0."""

from __future__ import annotations

from loadtests.results.aggregator import expects_failures
from loadtests.scenarios.table import SCENARIOS
from tests.loadtests.factories import aggregated, worker_report


def test_what_processes_tell_adds_up() -> None:
    aggregator = aggregated(worker_report(calls=2, well=1, turn=100), worker_report(calls=3, turn=300))
    assert aggregator.measurements.total("calls") == 5
    assert aggregator.measurements.total("turn") == 2
    assert aggregator.health.answered


def test_counts_that_no_caller_increased_are_0() -> None:
    aggregator = aggregated(worker_report(calls=2))
    aggregator.finish(10)
    assert aggregator.measurements.total("errors") == 0
    assert aggregator.measurements.total("lost_ms") is None, "only the simulator can tell"
    nobody = aggregated()
    nobody.finish(10)
    assert nobody.measurements.total("errors") is None


def test_a_cost_that_is_known_in_part_is_not_the_cost_of_the_run() -> None:
    aggregator = aggregated(worker_report(calls=2, input_tokens=10, cost_usd=0.5, unpriced=1))
    aggregator.finish(10)
    assert aggregator.measurements.total("cost_usd") is None
    assert aggregator.priced_usd == 0.5
    assert aggregator.measurements.counts_by_second("cost_usd") == {}


def test_usage_that_no_response_told_is_not_0() -> None:
    silent, told = aggregated(worker_report(calls=2)), aggregated(worker_report(calls=2, input_tokens=10))
    silent.finish(10)
    told.finish(10)
    assert silent.measurements.total("cost_usd") is None
    assert (told.measurements.total("cost_usd"), told.measurements.total("output_tokens")) == (0, 0)


def test_callers_are_counted_for_as_long_as_they_are_active() -> None:
    aggregator = aggregated()
    for at, callers in ((0.0, 1), (2.0, 3), (3.0, 0), (9.0, 0)):
        aggregator.tick(at, callers)
    assert aggregator.caller_seconds == 5


def test_in_every_phase_of_the_scenario_it_is_none_of_it() -> None:
    aggregator = aggregated(worker_report(calls=2), scenario="reconnect-storm")
    aggregator.finish(10)
    assert aggregator.measurements.total("errors", "storm") == 0


def test_the_moment_when_all_callers_are_active_is_reported_once() -> None:
    aggregator = aggregated()
    for second, callers in enumerate([1, 2, 1, 2]):
        aggregator.tick(float(second), callers)
    assert [(moment.at, moment.what, moment.detail) for moment in aggregator.moments] == [
        (1.0, "callers", "all 2 active")
    ]
    assert aggregator.callers == [(0.0, 1.0), (1.0, 2.0), (2.0, 1.0), (3.0, 2.0)]


def test_a_target_that_is_clearly_down_ends_the_run() -> None:
    aggregator = aggregated()
    for second in range(12):
        aggregator.merge(worker_report(failed=2), float(second))
        aggregator.tick(float(second), 2)
    assert aggregator.is_down
    assert aggregator.moments[-1].detail == "is down; the run ends here"


def test_progress_shows_the_measurements_so_far() -> None:
    aggregator = aggregated(worker_report(calls=2, turn=100, turns=3, failed_calls=1, failed_connects=2))
    aggregator.tick(2.0, 2)
    progress = aggregator.progress(2.0)
    assert (progress["callers"], progress["users"], progress["turns"], progress["failed"]) == (2, 2, 3, 3)
    assert progress["ready_ms"] is None


def test_many_kinds_of_failures_do_not_grow_without_end() -> None:
    aggregator = aggregated()
    for kind in range(100):
        aggregator.count_failure(f"kind {kind}", 1)
    aggregator.count_failure("kind 0", 7)
    assert len(aggregator.failures) == 20
    assert aggregator.failures["kind 0"] == 7


def test_a_target_that_is_made_to_fail_does_not_end_the_run() -> None:
    aggregator = aggregated()
    for second in range(30):
        aggregator.merge(worker_report(failed=2), float(second))
        aggregator.tick(float(second), 2, failures_expected=second < 25)
    assert not aggregator.is_down


def test_failures_are_expected_during_faults_and_deploys() -> None:
    herd, flood, deploy = (SCENARIOS[name] for name in ("thundering-herd", "error-flood", "deploy"))
    assert [expects_failures(herd.phases, phases) for phases in range(3)] == [False, True, False]
    assert [expects_failures(flood.phases, phases) for phases in range(4)] == [False, True, True, False]
    assert [expects_failures(deploy.phases, phases) for phases in range(2)] == [False, True]
