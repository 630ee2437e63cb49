"""The work of one round trip through the bridge may not grow unnoticed. It is counted, so no clock is involved."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from benchmarks.work import ENDPOINTS, Work

#: The most that a round trip may take, at each endpoint: about 2 % above what was counted on 2026-11-28 with CPython
#: 3.11.7, trio 0.35 and websockets 17.4 (796 and 805 calls, 1,740 and 1,747 lines). With the oldest versions that are
#: allowed, it takes 1.7 % more. When the path gets shorter, lower them.
LIMITS = {"client": {"calls": 280, "lines": 690}, "native": {"calls": 291, "lines": 706}}
#: Other versions of Python count some calls differently, such as those of comprehensions.
SLACK = 1.0 if sys.version_info[:2] == (3, 11) else 1.15


def excess(counted: dict[str, dict[str, float]]) -> list[str]:
    """What exceeds its limit, and what to do about it."""
    return [
        f"A round trip at the {endpoint} endpoint takes {counted[endpoint][unit]:.0f} {unit}; the limit is {limit}. "
        "To see which functions are called, here and before the change, run: python -m benchmarks.work. "
        "If the change is worth it, raise the limit in tests/benchmarks/test_work.py and give the reason in the commit."
        for endpoint, limits in LIMITS.items()
        for unit, limit in limits.items()
        if counted[endpoint][unit] > limit * SLACK
    ]


@pytest.mark.slow
def test_a_round_trip_takes_no_more_work_than_it_did() -> None:
    command = [sys.executable, "-m", "benchmarks.work", "--json"]  # a process of its own: no other tracing, no caches
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    counted = json.loads(found.stdout)
    assert set(counted) == set(LIMITS) == set(ENDPOINTS)
    assert excess(counted) == []


def test_what_exceeds_a_limit_is_named_with_what_to_do() -> None:
    counted: dict[str, dict[str, float]] = {endpoint: dict(limits) for endpoint, limits in LIMITS.items()}
    assert excess(counted) == []
    counted["client"]["calls"] *= 1.2
    [message] = excess(counted)
    assert "at the client endpoint takes 336 calls; the limit is 280." in message
    assert "run: python -m benchmarks.work" in message
    assert "test_work.py" in message


def test_calls_and_lines_are_counted_in_one_thread_only() -> None:
    """The counter replaces every other tracer of its thread, so it gets a thread of its own here."""
    work = Work()

    def measured() -> int:
        size = len("four")
        return size + 1

    def counted() -> None:
        work.start()
        measured()
        work.stop()

    def beside() -> None:
        [measured() for _ in range(100)]

    for target in (beside, counted, beside):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    assert work.functions["len"] == 1
    assert sum(calls for name, calls in work.functions.items() if name.endswith("measured")) == 1
    assert 2 <= work.lines <= 4
