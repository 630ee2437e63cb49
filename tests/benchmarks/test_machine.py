"""Figures that were taken on a busy machine must not look like any other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.machine import MAX_OTHERS_SHARE, CpuSample, others_share, report_machine_load, verdict

_BUSY = "import time\nwhile time.process_time() < 0.2: pass"


def test_others_are_everybody_but_what_is_measured() -> None:
    before, after = CpuSample(at=10, busy=100, own=7), CpuSample(at=20, busy=113, own=16)
    assert others_share(before, after, cores=2) == pytest.approx(4 / 20)


def test_children_that_have_ended_count_as_own() -> None:
    before = CpuSample.now()
    subprocess.run([sys.executable, "-c", _BUSY], check=True)
    assert CpuSample.now().own - before.own >= 0.15


@pytest.mark.parametrize("share", [-0.02, 0.0, MAX_OTHERS_SHARE])
def test_the_load_of_an_idle_machine_is_reported_without_a_warning(share: float) -> None:
    assert verdict(share) == f"other programs used {max(0, share):.0%} of the machine during the measurement"


def test_results_from_a_busy_machine_have_a_warning() -> None:
    assert verdict(0.434).startswith("DO NOT KEEP: other programs used 43% of the machine")


def test_the_load_is_printed_after_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    with report_machine_load():
        sys.stdout.write("results\n")
    assert capsys.readouterr().out.startswith("results\n")
