"""The arithmetic of a fleet, compared with manual cases and with a Monte Carlo simulation."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.capacity.fleet import Fleet, backoff_cap_for, dials_per_second, peak_dials


def test_a_fleet_can_handle_all_callers_when_a_zone_fails() -> None:
    fleet = Fleet(callers=10_000, callers_per_core=200, cores=2, zones=3, headroom=0.3)
    assert fleet.callers_per_instance == 280
    assert fleet.instances == 54
    assert (fleet.instances - fleet.instances // 3) * fleet.callers_per_instance >= 10_000
    assert fleet.lost_with_a_zone == 3334


@given(
    callers=st.integers(1, 1_000_000),
    per_core=st.floats(1, 5000),
    cores=st.integers(1, 64),
    zones=st.integers(2, 6),
    spare=st.floats(0, 0.9),
)
def test_the_remaining_zones_are_large_enough_and_not_much_too_large(
    callers: int, per_core: float, cores: int, zones: int, spare: float
) -> None:
    fleet = Fleet(callers=callers, callers_per_core=per_core, cores=cores, zones=zones, headroom=spare)
    assert fleet.instances % zones == 0
    held = fleet.instances // zones * (zones - 1) * fleet.callers_per_instance
    assert held >= callers
    assert held < callers + (zones - 1) * fleet.callers_per_instance * 2


def test_a_fleet_costs_what_its_callers_and_its_instances_cost() -> None:
    fleet = Fleet(callers=1000, callers_per_core=80, cores=8, caller_hour_usd=2.5, instance_hour_usd=0.4)
    assert fleet.service_usd_per_hour == 2500
    assert fleet.instances_usd_per_hour == pytest.approx(fleet.instances * 0.4)


@pytest.mark.parametrize("name", ["caller_hour_usd", "instance_hour_usd"])
def test_nothing_costs_less_than_nothing(name: str) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Fleet(callers=1, callers_per_core=1, **{name: -0.1})  # type: ignore[arg-type]  # any of its numbers


@pytest.mark.parametrize("wrong", [{"callers": 0}, {"headroom": 1.0}, {"zones": 0}])
def test_a_fleet_of_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive, and 0 <= headroom < 1"):
        Fleet(**{"callers": 1, "callers_per_core": 1, **wrong})  # type: ignore[arg-type]  # that is what is tried


def test_without_an_outage_everybody_dials_once_within_the_first_limit() -> None:
    dials = dials_per_second(1000, seconds=5, first=2.0)
    assert dials == pytest.approx([500, 500, 0, 0, 0], abs=6)


def thrown(sessions: int, seconds: int, outage: float, last: float) -> list[float]:
    """Simulate every session with random delays."""
    dice, counted = Random(7), [0] * seconds
    for _ in range(sessions):
        at, limit = 0.0, 0.5
        while True:
            at += dice.uniform(0, limit)
            if at >= seconds:
                break
            counted[int(at)] += 1
            if at >= outage:
                break
            limit = min(last, limit * 2)
    return [float(n) for n in counted]


@pytest.mark.parametrize(("outage", "last"), [(0.0, 8.0), (3.0, 8.0), (12.0, 8.0), (12.0, 2.0)])
def test_what_is_expected_is_what_dice_give(outage: float, last: float) -> None:
    dials = dials_per_second(20_000, seconds=30, outage=outage, last=last)
    for expected, found in zip(dials, thrown(20_000, 30, outage, last), strict=True):
        assert abs(expected - found) < 60 + 0.06 * expected


def test_in_a_long_outage_a_longer_last_limit_means_fewer_dials() -> None:
    behind = [dials_per_second(10_000, seconds=60, outage=60, last=last)[50] for last in (4.0, 8.0, 30.0)]
    assert behind[0] > behind[1] > behind[2]
    assert behind[1] == pytest.approx(10_000 / 4, rel=0.05)
    wanted = backoff_cap_for(10_000, 500)
    assert dials_per_second(10_000, seconds=300, outage=300, last=wanted)[290] == pytest.approx(500, rel=0.05)


def test_the_first_second_is_the_worst_without_an_outage() -> None:
    assert peak_dials(1000) == pytest.approx(1000, rel=0.02)
    assert peak_dials(1000, first=4.0) == pytest.approx(250, rel=0.02)


@pytest.mark.parametrize("wrong", [{"sessions": -1}, {"seconds": 0}, {"first": 0.0}, {"first": 9.0}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="sessions"):
        dials_per_second(**{"sessions": 1, "seconds": 1, **wrong})  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(ValueError, match="allowed"):
        backoff_cap_for(1, 0)
