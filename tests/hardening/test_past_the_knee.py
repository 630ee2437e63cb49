"""More callers than a worker can serve: newcomers are refused at once, and those inside notice nothing of them.

The bridge is made slow on purpose, so that it is full with a dozen callers: see `slow_bridge.py` and `crowd.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trio

from tests.hardening.bystander import stand_in_upstream
from tests.hardening.harness import CLIENT_PATH, KEY, TOKEN, bridge_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parents[2]
SLOW_BRIDGE = (
    sys.executable,
    "-c",
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from tests.hardening.slow_bridge import run; run()",
    str(ROOT),
)
_TRIES = 3
_ALLOWED_TIMES = 1.5
#: The timer of the system is not finer: below this, a ratio says nothing.
_SMALL_SECONDS = 0.01
_REFUSED_SECONDS = 0.1


def put_first(processes: Iterable[psutil.Process]) -> None:
    """Give these processes the processor before all others, where that is allowed: the machine may be busy."""
    with suppress(PermissionError, AttributeError):
        for process in processes:
            os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(1))


@contextmanager
def crowd_at(url: str) -> Iterator[subprocess.Popen[str]]:
    """Run `crowd.py`."""
    words = [sys.executable, "-m", "tests.hardening.crowd", url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as crowd:
        try:
            yield crowd
        finally:
            crowd.kill()


async def offer_up_to_three_times_the_capacity(folder: Path) -> dict[str, Any]:
    """Return what `crowd.py` measured."""
    with stand_in_upstream() as upstream:
        words = ("--upstream", upstream, "--client-token-env", "CLIENT_TOKEN", "--log-format", "json")
        with (
            bridge_process(folder, *words, program=SLOW_BRIDGE, OPENAI_API_KEY=KEY, CLIENT_TOKEN=TOKEN) as bridge,
            crowd_at(f"{bridge.scheme}://{bridge.address}{CLIENT_PATH}") as crowd,
        ):
            put_first(psutil.Process().children(recursive=True))
            out, _ = await trio.to_thread.run_sync(lambda: crowd.communicate(timeout=120))
            found: dict[str, Any] = json.loads(out)
            shed = (await bridge.metrics())['shed_clients_total{reason="busy"}']
    assert shed >= sum(load["refusals"] for load in found["loads"])
    return found


async def test_newcomers_are_refused_at_once_and_those_inside_keep_their_round_trips(tmp_path: Path) -> None:
    seen = []
    for _ in range(_TRIES):
        found = await offer_up_to_three_times_the_capacity(tmp_path)
        seen.append(found)
        print(found)  # noqa: T201 - for whoever asks with -s
        assert found["problems"] == []
        assert 4 < found["capacity"] < 20
        full, *more = found["loads"]
        allowed = max(_SMALL_SECONDS, _ALLOWED_TIMES * full["p99"])
        if (
            full["p99"] < 0.1  # a worker that is full is not late
            and all(load["p99"] < allowed and load["refused_p99"] < _REFUSED_SECONDS for load in more)
            and more[-1]["inside"] <= found["capacity"] + 1
        ):
            return
    raise AssertionError(seen)
