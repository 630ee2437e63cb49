"""What is loaded when the bridge starts is left out of garbage collection, in one process and in several.

What comes later is looked at often while it is young, and hardly ever when it is old.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: Starts the command, and says in place of serving what the garbage collector leaves alone and looks at, and when.
PROGRAM = """
import gc, sys, trio
from bridge.server.process import supervisor
from bridge.server.cli import main
def say(*_, **__): print(gc.get_freeze_count(), len(gc.get_objects()), *gc.get_threshold())
trio.run = supervisor.WorkerSupervisor.run = say
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_objects_of_the_start_are_out_of_collections_before_sessions_come(workers: str) -> None:
    words = ("serve", "--port", "0", "--simulate", "--workers", workers)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    kept, watched, young, middle, old = map(int, done.stdout.split())
    assert kept > 10_000
    assert watched < 1_000
    assert young <= 1_000
    assert young * middle * old > 10_000_000
