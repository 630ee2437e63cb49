"""Ratios, goals and percentiles of the relay benchmark, from figures that are made up."""

from __future__ import annotations

import pytest

from benchmarks.relay.goals import ROWS, Goal, Round, Row, cpu_us, judge, judge_all, median, medians, p50_ms
from benchmarks.relay.load import Load, Measurement, percentile
from benchmarks.relay.relays import RELAYS
from benchmarks.relay.scenarios import SCENARIOS, half_load

FLAT = Load(sessions=50)
ROW = Row(
    key="r",
    title="ours: theirs",
    unit="us",
    figure=cpu_us,
    ours=("flat-out", "client"),
    peer=("flat-out", "node"),
    goal=Goal(ratio_most=1.2),
)


def costing(microseconds: float, load: Load = FLAT, **changes: float) -> Measurement:
    one = Measurement(relay="any", load=load, seconds=1.0, round_trips=1000, cpu_seconds=microseconds / 1000)
    return Measurement(**{name: getattr(one, name) for name in one.__dataclass_fields__} | changes)


def a_round(ours: float, peer: float) -> Round:
    return {("flat-out", "client"): costing(ours), ("flat-out", "node"): costing(peer)}


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    outcome = judge(ROW, [a_round(20, 10), a_round(200, 50), a_round(30, 10)])
    assert outcome is not None
    assert (outcome.ours, outcome.peer, outcome.ratio) == pytest.approx((30, 10, 3))
    assert (outcome.low, outcome.high, outcome.met) == (2, 4, False)


def test_a_ratio_at_the_goal_meets_it() -> None:
    outcome = judge(ROW, [a_round(12, 10)])
    assert outcome is not None
    assert outcome.ratio == pytest.approx(1.2)
    assert Goal(ratio_most=1.2).met(0, 1.2)
    assert not Goal(ratio_most=1.2).met(0, 1.21)


def test_without_the_peer_our_figure_is_shown_without_a_verdict() -> None:
    outcome = judge(ROW, [{("flat-out", "client"): costing(30)}])
    assert outcome is not None
    assert outcome.ours == pytest.approx(30)
    assert (outcome.peer, outcome.ratio, outcome.met) == (None, None, None)


def test_without_our_own_figure_there_is_no_row() -> None:
    assert judge(ROW, [{("flat-out", "node"): costing(30)}]) is None
    assert judge_all([], ROWS) == []


def test_a_load_that_the_bridge_could_not_carry_never_meets_a_goal() -> None:
    speech = Load(sessions=50, pace=50)
    outcome = judge(ROW, [{("flat-out", "client"): costing(5, speech), ("flat-out", "node"): costing(10)}])
    assert outcome is not None
    assert outcome.overloaded
    assert outcome.met is False
    assert outcome.ours is None, "a cost of chunks that were not answered is no cost of a round trip"


def test_a_relay_that_carried_too_little_has_no_cost() -> None:
    found = medians([{("speech", "client"): costing(5, Load(sessions=50, pace=50)), ("speech", "node"): costing(5)}])
    assert list(found) == [("speech", "node")]


def test_idle_sessions_have_no_cost_of_a_round_trip() -> None:
    assert medians([{("idle", "client"): costing(5, SCENARIOS["idle"].load)}]) == {}


def test_callers_without_a_relay_are_not_listed_among_relays() -> None:
    direct = Measurement(relay="direct", load=FLAT, seconds=1.0, round_trips=1, cpu_seconds=1.0)
    assert medians([{("half-load", "direct"): direct}]) == {}


def test_a_gain_is_the_peers_figure_by_ours() -> None:
    row = Row(key="r", title="", unit="", figure=cpu_us, ours=ROW.ours, peer=ROW.peer, goal=Goal(gain_least=1.8))
    outcome = judge(row, [a_round(10, 19)])
    assert outcome is not None
    assert outcome.ratio == pytest.approx(1.9)
    assert outcome.met


def test_the_time_without_a_relay_is_subtracted_from_both_sides() -> None:
    row = Row(
        key="r",
        title="",
        unit="",
        figure=p50_ms,
        ours=("half-load", "client"),
        peer=("half-load", "node"),
        beyond=("half-load", "direct"),
        goal=Goal(value_below=0.5, no_worse=True),
    )
    times = {"client": 0.5, "node": 0.4, "direct": 0.2}
    outcome = judge(row, [{("half-load", name): costing(1, p50_ms=ms) for name, ms in times.items()}])
    assert outcome is not None
    assert (outcome.ours, outcome.peer) == pytest.approx((0.3, 0.2))
    assert outcome.met is False, "below 0.5 ms, but more than Node"
    times["node"] = 0.1
    outcome = judge(row, [{("half-load", name): costing(1, p50_ms=ms) for name, ms in times.items()}])
    assert outcome is not None
    assert (outcome.peer, outcome.ratio, outcome.met) == (0, None, False), "faster than no relay is no time at all"


def test_a_difference_that_no_timer_shows_is_no_worse() -> None:
    goal = Goal(value_below=0.5, no_worse=True)
    assert goal.met(0.24, None, 0.2) is True
    assert goal.met(0.26, None, 0.2) is False
    assert goal.met(0.24, None) is None


def test_an_absolute_goal_needs_no_peer() -> None:
    assert Goal(value_below=40).met(39.9, None) is True
    assert Goal(value_below=40).met(40, None) is False
    assert Goal().met(1, 1) is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_row_names_measurements_that_are_made(row: Row) -> None:
    for key in filter(None, (row.ours, row.peer, row.beyond)):
        scenario, relay = key
        assert relay in SCENARIOS[scenario].relays
        assert not SCENARIOS[scenario].slow


def test_every_scenario_names_relays_that_exist() -> None:
    assert {relay for scenario in SCENARIOS.values() for relay in scenario.relays} == set(RELAYS)


def test_cost_of_a_round_trip_counts_all_processes_or_the_busiest() -> None:
    one = costing(300, busiest_cpu_seconds=0.1)
    assert (one.cpu_us, one.busiest_cpu_us) == pytest.approx((300, 100))


def test_a_relay_keeps_up_with_what_was_due() -> None:
    assert costing(1, Load(sessions=20, pace=50)).kept_up
    assert not costing(1, Load(sessions=30, pace=50)).kept_up


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (51, 100, 100)
    assert percentile([], 50) == 0


def test_the_median_of_an_even_number_is_between_the_two_in_the_middle() -> None:
    assert (median([3, 1, 2]), median([4, 1, 2, 3])) == (2, 2.5)


def test_half_load_is_half_a_core_of_the_bridge() -> None:
    assert half_load(costing(100, Load(sessions=10, pace=50))).sessions == 100
    assert half_load(None).sessions == SCENARIOS["half-load"].load.sessions
    assert half_load(costing(1)).sessions == 300, "no more than the load generator can time"


def test_half_load_ignores_what_was_measured_in_overload() -> None:
    assert half_load(costing(100, Load(sessions=150, pace=50)), costing(200)).sessions == 50


def test_medians_are_by_scenario_and_relay_over_the_rounds_that_have_them() -> None:
    found = medians([a_round(10, 5), a_round(30, 5), {("flat-out", "client"): costing(20)}])
    assert found == pytest.approx({("flat-out", "client"): 20, ("flat-out", "node"): 5})
