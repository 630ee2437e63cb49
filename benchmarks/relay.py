"""The cost of a forwarded round trip through the bridge, compared with a relay that does nothing else.

    python -m benchmarks.relay --sessions 1 50 200 --seconds 5
    python -m benchmarks.relay --pace 50 --sessions 50 200      # at the rate of speech: the share of a core

Bridge, upstream and callers are separate processes; the cost is the CPU time of the bridge's process. A round trip is a
20 ms chunk to the upstream (binary at the client endpoint, base64 in JSON at the native endpoint) and one delta of
1.4 kB back. The bridge has its default settings, except for its rate limits, which closed loops would exceed.
Compare ratios to the bare relay between machines, never microseconds.
Needs the extra [bench]: picows and uvloop.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import psutil
import trio
import uvloop

from benchmarks.machine import report_machine_load
from benchmarks.relay_load import RelayTarget, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Rate limits that closed loops do not reach.
_WIDE: Final = {"SHERPA_BRIDGE_FRAMES_PER_SECOND": "1000000", "SHERPA_BRIDGE_BYTES_PER_SECOND": "1000000000"}
_BRIDGE: Final = ("-c", "from bridge.server.cli import main; main()", "serve", "--port", "0", "--log-level", "error")


@contextlib.contextmanager
def running(*arguments: str, variables: Mapping[str, str] = {}) -> Iterator[tuple[int, psutil.Process]]:
    """Start a Python process that prints its port in its first line. Yield the port and the process."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, **variables}
    with subprocess.Popen(  # noqa: S603 - ours
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        try:
            line = child.stdout.readline() if child.stdout else ""
            found = re.search(r":(\d+)/|^(\d+)$", line)
            if found is None:
                raise SystemExit(f"{' '.join(arguments)} did not start: {line}")
            yield int(found[1] or found[2]), psutil.Process(child.pid)
        finally:
            child.terminate()


@contextlib.contextmanager
def start_relay(target: RelayTarget, upstream: int) -> Iterator[tuple[int, psutil.Process]]:
    """Start the process under test: the bridge, or the bare relay."""
    if target is RelayTarget.BARE:
        with running("-m", "benchmarks.relay_bare", str(upstream)) as found:
            yield found
        return
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:  # empty: no settings of this machine
        where = ("--upstream", f"http://127.0.0.1:{upstream}/v1", "--config", settings.name)
        with running(*_BRIDGE, *where, variables={"OPENAI_API_KEY": "sk-bench", **_WIDE}) as found:
            yield found


def run(target: RelayTarget, sessions: int, seconds: float, pace: float) -> dict[str, object]:
    """Measure a number of sessions with new processes. The results count only if there were no errors."""
    with running("-m", "benchmarks.relay_upstream") as (upstream, _), start_relay(target, upstream) as (port, process):
        return uvloop.run(measure(port, process, target=target, sessions=sessions, seconds=seconds, pace=pace))


def main() -> None:
    """Measure and print one JSON line each. Exit code 1 if a chunk was not answered or a relay sent an error."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument(
        "--targets", type=RelayTarget, nargs="+", default=list(RelayTarget), metavar="|".join(RelayTarget)
    )
    parse.add_argument("--sessions", type=int, nargs="+", default=[50])
    parse.add_argument("--seconds", type=float, default=5.0)
    parse.add_argument("--pace", type=float, default=0.0, help="chunks per second and session; 0: a closed loop")
    args = parse.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, trio {trio.__version__}, {machine}")
    good = True
    for sessions in args.sessions:
        for target in args.targets:
            with report_machine_load():
                row = run(target, sessions, args.seconds, args.pace)
                good = good and not row["errors"] and not row["unanswered"]
                print(json.dumps(row), flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
