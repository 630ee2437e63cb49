"""Resource usage: of processes, from a metrics page, and memory growth."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from loadtests.results.resources import (
    MachineSource,
    ProcessSource,
    ResourceMonitor,
    ResourceUsage,
    ended_on_run_clock,
    memory_growth_mb,
    on_run_clock,
    parse_process_metrics,
    record_memory_growth,
)
from tests.loadtests.factories import aggregated
from tests.loadtests.results.memory_curves import SLOW_READER_6, SOAK_40, SOAK_40_LEAKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class FakeSource:
    """A source whose usage the test sets."""

    uses: list[ResourceUsage | None] = field(default_factory=list)

    ended: bool = False

    def read(self) -> ResourceUsage | None:
        return self.uses.pop(0)

    def has_ended(self) -> bool:
        return self.ended


def test_cpu_is_the_usage_since_the_last_sample_and_memory_the_usage_now() -> None:
    resources = ResourceMonitor(
        {"bridge": FakeSource([ResourceUsage(10.0, 40e6), ResourceUsage(10.5, 42e6), ResourceUsage(12.5, 41e6)])}
    )
    for at in (0.0, 1.0, 3.0):
        resources.sample(at)
    assert resources.points == {
        "bridge": {"cpu": [(1.0, 50.0), (3.0, 100.0)], "memory": [(0.0, 40.0), (1.0, 42.0), (3.0, 41.0)]}
    }


def test_a_restarted_process_has_no_negative_usage() -> None:
    resources = ResourceMonitor(
        {"bridge": FakeSource([ResourceUsage(10.0, 40e6), None, ResourceUsage(0.1, 20e6), ResourceUsage(0.2, 20e6)])}
    )
    for at in range(4):
        resources.sample(float(at))
    assert [y for _, y in resources.points["bridge"]["cpu"]] == [pytest.approx(10.0)]


def test_a_process_is_measured_with_its_children() -> None:
    use = ProcessSource(os.getpid).read()
    assert use is not None
    assert use.memory_bytes > 10e6
    assert ProcessSource(2**22 + 1).read() is None


def test_this_machine_uses_at_least_what_this_process_does() -> None:
    machine, process = MachineSource().read(), ProcessSource(os.getpid()).read()
    assert machine is not None
    assert process is not None
    assert machine.cpu_seconds >= process.cpu_seconds
    assert machine.memory_bytes >= process.memory_bytes / 2


def test_values_of_several_processes_on_one_page_add_up() -> None:
    page = """# HELP process_cpu_seconds_total CPU
process_cpu_seconds_total{worker="1"} 1.5
process_cpu_seconds_total{worker="2"} 2.5
process_resident_memory_bytes{worker="1"} 1e7
process_resident_memory_bytes{worker="2"} 2e+07
"""
    assert parse_process_metrics(page) == ResourceUsage(4.0, 3e7)
    assert parse_process_metrics("process_cpu_seconds_total 1.5\n") is None
    assert parse_process_metrics("") is None


def every_second(values: Sequence[float]) -> list[tuple[float, float]]:
    return [(float(at), mb) for at, mb in enumerate(values)]


def test_a_leak_counts_with_its_rate_over_the_whole_run() -> None:
    assert memory_growth_mb(every_second([50.0 + 2 * at for at in range(61)]), since=10, until=60) == pytest.approx(100)
    assert memory_growth_mb(every_second([50.0 - at for at in range(61)]), since=10, until=60) == 0


def test_what_a_runtime_needs_at_first_is_no_growth() -> None:
    warm = [50.0 + min(at, 25) for at in range(61)]
    assert memory_growth_mb(every_second(warm), since=0, until=60) == 0
    step = [50.0 + 20 * (at > 50) for at in range(61)]
    assert memory_growth_mb(every_second(step), since=0, until=60) == 0
    collected = [50.0 + at % 7 for at in range(121)]
    assert memory_growth_mb(every_second(collected), since=0, until=120) == pytest.approx(0, abs=1)


def test_an_honest_bridge_on_node_does_not_grow_and_one_that_leaks_does() -> None:
    honest = memory_growth_mb(every_second(SOAK_40), since=2, until=len(SOAK_40))
    leaking = memory_growth_mb(every_second(SOAK_40_LEAKING), since=2, until=len(SOAK_40_LEAKING))
    slow = memory_growth_mb(every_second(SLOW_READER_6), since=2, until=len(SLOW_READER_6))
    assert honest is not None
    assert leaking is not None
    assert slow is not None
    assert honest < 10
    assert 55 < leaking < 75
    assert slow < 4 * 6


def test_too_few_points_say_nothing_and_very_many_take_no_longer() -> None:
    assert memory_growth_mb(every_second([50.0] * 9), since=2, until=30) is None
    hours = [50.0 + at / 3600 for at in range(8 * 3600)]
    assert memory_growth_mb(every_second(hours), since=0, until=8 * 3600) == pytest.approx(8, abs=0.1)


def test_memory_growth_of_the_bridge_is_recorded_while_all_callers_are_active() -> None:
    aggregator = aggregated(duration="40s")
    aggregator.resources = {"bridge": {"memory": [[at, 40 + min(at, 40)] for at in range(60)]}}
    record_memory_growth(aggregator, seconds=46.0)
    assert aggregator.measurements.total("memory_grown_mb") == pytest.approx(40, abs=1)
    other = aggregated()
    record_memory_growth(other, seconds=10.0)
    assert other.measurements.total("memory_grown_mb") is None


def test_a_process_that_ended_is_known_with_its_time_unless_it_was_restarted() -> None:
    gone, restarted = FakeSource([None] * 4), FakeSource([None] * 4)
    monitor = ResourceMonitor({"bridge": gone, "simulator": restarted}, began=1000.0)
    for at in range(4):
        gone.ended, restarted.ended = at >= 2, at == 2
        monitor.sample(float(at))
    assert ended_on_run_clock(monitor.export(), started_at=1000.5) == {"bridge": 1.5}


def test_a_process_has_ended_when_nothing_is_left_of_it_but_its_exit_code() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    source = ProcessSource(child.pid)
    assert not source.has_ended()
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert source.has_ended()
    child.wait()
    assert source.has_ended()


def test_points_are_moved_to_the_clock_of_the_run() -> None:
    monitor = ResourceMonitor({"bridge": FakeSource([ResourceUsage(1, 40e6), ResourceUsage(2, 50e6)])}, began=1000.0)
    for at in (1.0, 5.0):
        monitor.sample(at)
    points = on_run_clock(monitor.export(), started_at=1003.0)
    assert points == {"bridge": {"cpu": [(2.0, 25.0)], "memory": [(2.0, 50.0)]}}
