"""Resource usage: of processes, from a metrics page, and memory growth."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest

from loadtests.results.resources import (
    MachineSource,
    ProcessSource,
    ResourceMonitor,
    ResourceUsage,
    memory_growth_mb,
    parse_process_metrics,
    record_memory_growth,
)
from tests.loadtests.factories import aggregated


@dataclass
class FakeSource:
    """A source whose usage the test sets."""

    uses: list[ResourceUsage | None] = field(default_factory=list)

    def read(self) -> ResourceUsage | None:
        return self.uses.pop(0)


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


def test_growth_is_from_when_everybody_called_to_the_end() -> None:
    points = [(float(at), 10.0 * min(at, 5) + max(0, at - 10)) for at in range(20)]
    assert memory_growth_mb(points, since=5) == pytest.approx(8)
    assert memory_growth_mb(points[:9], since=5) is None
    assert memory_growth_mb([(float(at), 50.0 - at) for at in range(20)], since=0) == 0


def test_memory_growth_of_the_bridge_is_recorded() -> None:
    aggregator = aggregated()
    aggregator.resources = {"bridge": {"memory": [[at, 40 + at] for at in range(10)]}}
    record_memory_growth(aggregator)
    assert aggregator.measurements.total("memory_grown_mb") == 6
    other = aggregated()
    record_memory_growth(other)
    assert other.measurements.total("memory_grown_mb") is None
