"""Commands answer at once: they take little longer than Python takes to import the libraries that they need.

Ratios are compared, of the best of a few runs in turns, so that the verdict is the same on a slow or a busy machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
COMMANDS = {
    "sherpa-bridge": "bridge.server.cli",
    "sherpa-load": "loadtests.cli",
    "sherpa-probe": "probes.cli",
    "sherpa-report": "reports.cli",
    "sherpa-sim": "bridge.simulator.cli",
}
#: What is imported for a page of help, and for a look at a service.
HELP_LIBRARIES, ACCESS_LIBRARIES = "import click", "import click, httpx, msgspec, rich.console, trio, websockets"
ACCESS = "from probes.cli import main; main()"
#: How often both are run before a command is called slow.
TRIES = 12


def run(program: str, *words: str) -> tuple[float, str]:
    """Run a program as a process; returns its seconds and what it printed."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT / "tests", env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr
    return seconds, done.stdout


def best_ratio(measured: Callable[[], float], imports: str, enough: float) -> float:
    """Divide the best seconds of a command by those of an import; stop as soon as the ratio is small enough."""
    best = reference = float("inf")
    for _ in range(TRIES):
        reference = min(reference, run(imports)[0])
        best = min(best, measured())
        if best / reference < enough:
            break
    return best / reference


@pytest.mark.slow
@pytest.mark.parametrize("words", [*COMMANDS, "sherpa-sim serve"])
def test_help_takes_no_longer_than_the_library_that_prints_it(words: str) -> None:
    command, *more = words.split()
    program = f"import sys; sys.argv[0] = '{command}'; from {COMMANDS[command]} import main; main()"
    assert best_ratio(lambda: run(program, *more, "--help")[0], HELP_LIBRARIES, 2.0) < 2.0


@pytest.mark.slow
def test_access_to_the_simulator_takes_little_longer_than_its_imports() -> None:
    assert best_ratio(lambda: run(ACCESS, "access", "--simulate")[0], ACCESS_LIBRARIES, 3.0) < 3.0


@pytest.mark.slow
def test_access_adds_little_of_its_own_to_the_round_trips() -> None:
    """On loopback, round trips take next to nothing: what is left is the probe's own time, and the simulator's."""

    def seconds_of_the_probe() -> float:
        return float(json.loads(run(ACCESS, "access", "--simulate", "--json")[1])["seconds"])

    assert best_ratio(seconds_of_the_probe, ACCESS_LIBRARIES, 0.4) < 0.4
