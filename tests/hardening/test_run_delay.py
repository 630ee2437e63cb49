"""What the machine takes is told apart from what a process takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.hardening.run_delay import RunDelay

_SPIN = "while True: pass"
#: So much processor time is taken, in seconds.
_WORK_SECONDS = 0.2


def test_a_process_that_is_not_there_waited_for_nothing() -> None:
    assert RunDelay(2**30).seconds() == 0


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts it")
def test_work_beside_others_on_one_processor_waits_for_as_long_as_they_run() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    others = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(2)]
    try:
        delay, began, worked = RunDelay(os.getpid()), time.monotonic(), time.process_time()
        waited_before = delay.seconds()
        while time.process_time() - worked < _WORK_SECONDS:
            pass
        elapsed, waited = time.monotonic() - began, delay.seconds() - waited_before
    finally:
        os.sched_setaffinity(0, allowed)
        for other in others:
            other.kill()
            other.wait()
    assert waited > _WORK_SECONDS / 2
    assert elapsed - waited < 2 * _WORK_SECONDS
