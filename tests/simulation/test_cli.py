"""The command `sherpa-bridge simulate`: its output and its exit codes."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from bridge.simulation.cli import _print_summary
from bridge.simulation.cli import simulate as simulate_command
from bridge.simulation.plan import draw_plan
from bridge.simulation.runner import simulate
from bridge.simulation.seeds import SimulationSummary, run_many, run_seeds
from tests.simulation import defects


def test_seeds_are_run_and_counted() -> None:
    result = CliRunner().invoke(simulate_command, ["--seeds", "3", "--faults", "latency,drop"])
    assert result.exit_code == 0
    assert re.search(r"^seeds +3$", result.output, re.MULTILINE)
    for word in ("client sessions", "simulated hours", "faults", "invariants"):
        assert word in result.output


def test_one_seed_is_printed_with_its_trace() -> None:
    result = CliRunner().invoke(simulate_command, ["--seed", "5"])
    assert result.exit_code == 0
    assert f"trace {simulate(draw_plan(5)).digest}" in result.output
    assert "caller-0.1 connects" in result.output


def test_an_unknown_kind_is_named_with_the_known_ones() -> None:
    result = CliRunner().invoke(simulate_command, ["--faults", "rain"])
    assert result.exit_code == 2
    assert "'rain'" in result.output
    assert "half-open" in result.output


def test_minutes_limit_a_run_as_well() -> None:
    result = CliRunner().invoke(simulate_command, ["--minutes", "0.001", "--faults", "none"])
    assert result.exit_code == 0
    assert "faults              none" in result.output


def test_a_violation_is_exit_code_1_and_names_its_seed(capsys: pytest.CaptureFixture[str]) -> None:
    summary = SimulationSummary()
    summary.add(simulate(draw_plan(0, ()), defect=defects.with_link(defects.DuplicatesAudio)))
    assert _print_summary(summary, " --faults none") == 1
    printed = capsys.readouterr().out
    assert "seed 0: caller-0.1: speech_is_accounted_for: " in printed
    assert "--seed 0 --faults none" in printed


@pytest.mark.slow
def test_several_processes_do_the_same_work() -> None:
    alone, parallel = run_seeds(range(6)), run_many(range(6), tuple(draw_plan(0).fault_kinds), jobs=2)
    assert (alone.runs, parallel.runs) == (6, 6)
    assert not parallel.failed
