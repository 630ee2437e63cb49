"""Callers under Locust's control, in a process of their own, since Locust patches its process."""

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
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    result = json.loads(run.stdout)
    assert result["took"] < 2
    assert result["goodbyes"] == CALLERS
    assert result["counts"]["calls"] == CALLERS
    assert "unclean_ends" not in result["counts"]
    assert "failed_calls" not in result["counts"]
    assert sorted(caller for caller, *_ in result["sent_audio"]) == [3_000_001 + step for step in range(CALLERS)]
    assert all(sent == expected for _, sent, expected, *_ in result["sent_audio"])
    assert {"connect", "ready"} <= set(result["shown"])
