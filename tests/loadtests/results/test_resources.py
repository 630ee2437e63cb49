"""What processes use: their own figures, those that a bridge shows, and what grows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest

from loadtests.results.resources import Machine, Process, Resources, Use, grown_mb, note_resources, read_metrics
from tests.loadtests.factories import gathered


@dataclass
class Told:
    """A process that uses what a test says."""

    uses: list[Use | None] = field(default_factory=list)

    def look(self) -> Use | None:
        return self.uses.pop(0)


def test_cpu_is_what_was_used_since_the_last_look_and_memory_what_is_used_now() -> None:
    resources = Resources({"bridge": Told([Use(10.0, 40e6), Use(10.5, 42e6), Use(12.5, 41e6)])})
    for at in (0.0, 1.0, 3.0):
        resources.look(at)
    assert resources.points == {
        "bridge": {"cpu": [(1.0, 50.0), (3.0, 100.0)], "memory": [(0.0, 40.0), (1.0, 42.0), (3.0, 41.0)]}
    }


def test_a_process_that_was_started_anew_uses_nothing_below_nothing() -> None:
    resources = Resources({"bridge": Told([Use(10.0, 40e6), None, Use(0.1, 20e6), Use(0.2, 20e6)])})
    for at in range(4):
        resources.look(float(at))
    assert [y for _, y in resources.points["bridge"]["cpu"]] == [pytest.approx(10.0)]


def test_a_process_of_this_machine_is_looked_at_with_all_below_it() -> None:
    use = Process(os.getpid).look()
    assert use is not None
    assert use.memory_bytes > 10e6
    assert Process(2**22 + 1).look() is None


def test_this_machine_uses_at_least_what_this_process_does() -> None:
    machine, process = Machine().look(), Process(os.getpid()).look()
    assert machine is not None
    assert process is not None
    assert machine.cpu_seconds >= process.cpu_seconds
    assert machine.memory_bytes >= process.memory_bytes / 2


def test_figures_of_several_processes_on_one_page_add_up() -> None:
    page = """# HELP process_cpu_seconds_total CPU
process_cpu_seconds_total{worker="1"} 1.5
process_cpu_seconds_total{worker="2"} 2.5
process_resident_memory_bytes{worker="1"} 1e7
process_resident_memory_bytes{worker="2"} 2e+07
"""
    assert read_metrics(page) == Use(4.0, 3e7)
    assert read_metrics("process_cpu_seconds_total 1.5\n") is None
    assert read_metrics("") is None


def test_growth_is_from_when_everybody_called_to_the_end() -> None:
    points = [(float(at), 10.0 * min(at, 5) + max(0, at - 10)) for at in range(20)]
    assert grown_mb(points, since=5) == pytest.approx(8)
    assert grown_mb(points[:9], since=5) is None
    assert grown_mb([(float(at), 50.0 - at) for at in range(20)], since=0) == 0


def test_growth_of_the_bridge_becomes_a_figure() -> None:
    gathering = gathered()
    gathering.resources = {"bridge": {"memory": [[at, 40 + at] for at in range(10)]}}
    note_resources(gathering)
    assert gathering.figures.total("memory_grown_mb") == 6
    other = gathered()
    note_resources(other)
    assert other.figures.total("memory_grown_mb") is None
