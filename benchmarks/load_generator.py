"""The load generator alone: how many callers one core can serve at the rate of speech, and how late they get.

Run: python -m benchmarks.load_generator --callers 100 --chunk-ms 20 [--endpoint native] [--seconds 10]. The callers are
those of `sherpa-load`; a bridge in another process only echoes their audio (`load_peer`). A third process only sleeps
and wakes up: its lateness is the machine's share of the callers' lateness.
Exit code 1 if the callers could not keep their own rate: then the other results are meaningless.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import gevent
import psutil

from loadtests.callers.call import CallTarget
from loadtests.callers.caller import VirtualCaller
from loadtests.metrics.recorder import ProcessRecorder
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A chunk that is later than this is due after the next one: the caller no longer keeps the rate of speech.
LATEST_MS = 20.0
_SETTLE_SECONDS = 2.0
#: Sleeps 2 ms at a time and prints how late it woke up, in ms, at the 99th percentile.
_SLEEPER = """
import sys, time
due, end, late = time.monotonic(), time.monotonic() + float(sys.argv[1]) - 0.3, []
while due < end:
    due += 0.002
    time.sleep(max(0.0, due - time.monotonic()))
    late.append(time.monotonic() - due)
print(round(sorted(late)[int(len(late) * 0.99)] * 1000, 3), flush=True)
"""


def main() -> int:
    """Measure one row."""
    options = _options()
    with _child("-m", "benchmarks.load_peer") as peer:
        assert peer.stdout is not None
        row = measure(int(peer.stdout.readline()), options)
    print("  ".join(f"{name} {value}" for name, value in row.items()))
    lag = row["pace_lag p99 ms"]
    if not isinstance(lag, float) or lag > LATEST_MS:
        print(f"the callers could not keep their own rate: p99 {lag} ms late, the limit is {LATEST_MS:g} ms")
        print(
            f"a process that only sleeps woke up {row['machine p99 ms']} ms late: above a few ms, the machine is busy"
        )
        return 1
    return 0


def measure(port: int, options: argparse.Namespace) -> dict[str, object]:
    """Run the callers and return one row of results."""
    recorder = ProcessRecorder(fire=lambda **_: None)
    gone: list[bool] = []
    greenlets = [gevent.spawn(caller.run, lambda: bool(gone)) for caller in _callers(port, options, recorder)]
    gevent.sleep(_SETTLE_SECONDS)
    recorder.export_and_clear()
    own = psutil.Process()
    used, began = _cpu(own), time.monotonic()
    with _child("-c", _SLEEPER, str(options.seconds)) as sleeper:
        gevent.sleep(options.seconds)
        machine_ms = _read_lateness(sleeper)
    used, took = _cpu(own) - used, time.monotonic() - began
    recorder.flush()
    measurements = recorder.measurements
    chunks, echoes = measurements.total("chunks") or 0, measurements.total("first_audio")
    row = {
        "callers": options.callers,
        "chunk_ms": options.chunk_ms,
        "endpoint": str(options.endpoint),
        "chunks/s": round(chunks / took),
        "of": round(options.callers * 1000 / options.chunk_ms),
        "pace_lag p50 ms": measurements.percentile("pace_lag", 50),
        "pace_lag p99 ms": measurements.percentile("pace_lag", 99),
        "machine p99 ms": machine_ms,
        "cpu share": round(used / took, 3),
        "us/chunk there and back": round(used / max(1, chunks) * 1e6, 1),
        "callers/core": round(options.callers / (used / took)),
        "answers begun": echoes,
        "failed": (measurements.total("failed_connects") or 0) + (measurements.total("failed_calls") or 0),
    }
    gone.append(True)
    gevent.joinall(greenlets, timeout=10)
    assert all(greenlet.ready() for greenlet in greenlets), "callers must stop when they are asked to"
    row["unclean"] = measurements.total("unclean_ends") or 0
    return row


@contextmanager
def _child(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE) as child:  # noqa: S603 - our own commands
        try:
            yield child
        finally:
            child.kill()


def _read_lateness(sleeper: subprocess.Popen[bytes]) -> float:
    """Read the sleeper's result. It ends about now; the measurement is over, so waiting does not disturb it."""
    assert sleeper.stdout is not None
    return float(sleeper.stdout.readline())


def _callers(port: int, options: argparse.Namespace, recorder: ProcessRecorder) -> list[VirtualCaller]:
    numbers = count(1)
    behaviour = CallerBehaviour(
        endpoint=TargetEndpoint(options.endpoint), chunk_ms=options.chunk_ms, binary_audio_out=True
    )
    where = CallTarget(f"ws://127.0.0.1:{port}", "gpt-realtime-2.1")
    return [
        VirtualCaller(
            target=where,
            behaviour=behaviour,
            recorder=recorder,
            caller_ids=numbers,
            clock=time.monotonic,
            sleep=gevent.sleep,
            rng=Random(seed),
        )
        for seed in range(options.callers)
    ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, default=100)
    parser.add_argument("--chunk-ms", type=int, choices=(20, 100), default=20)
    parser.add_argument(
        "--endpoint", choices=[endpoint.value for endpoint in TargetEndpoint], default=TargetEndpoint.CLIENT.value
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
