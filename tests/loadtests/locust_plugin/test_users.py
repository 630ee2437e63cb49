"""Callers in Locust's hands, in a process of their own: Locust patches whatever it runs in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CALLERS = 5


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ask", "force"])
def test_locusts_stop_ends_every_call_in_good_order_and_soon(how: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.loadtests.standalone_users", how],
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    seen = json.loads(run.stdout)
    assert seen["took"] < 2
    assert seen["goodbyes"] == CALLERS
    assert seen["counts"]["calls"] == CALLERS
    assert "unclean_ends" not in seen["counts"]
    assert "failed_calls" not in seen["counts"]
    assert sorted(caller for caller, *_ in seen["sent_audio"]) == [3_000_001 + step for step in range(CALLERS)]
    assert all(sent == sure for _, sent, sure, *_ in seen["sent_audio"])
    assert {"connect", "ready"} <= set(seen["shown"])
