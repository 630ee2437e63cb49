"""What one forwarded round trip costs the bridge, beside a relay that does nothing else.

    python -m benchmarks.relay --sessions 1 50 200 --seconds 5
    python -m benchmarks.relay --pace 50 --sessions 50 200      # at the pace of speech: the share of a core

Bridge, upstream and callers are processes of their own; the cost is the system's CPU figure for the bridge's. A round
trip is a 20 ms chunk up (binary at the client protocol's door, base64 in JSON at the native one) and one delta of
1.4 kB down. The bridge runs as it is shipped, but for its budgets for greedy clients, which closed loops would exceed.
Compare the ratio to the bare relay between machines, never the microseconds.
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

#: Fast loops are no greedy clients here.
_WIDE: Final = {"SHERPA_BRIDGE_FRAMES_PER_SECOND": "1000000", "SHERPA_BRIDGE_BYTES_PER_SECOND": "1000000000"}
_BRIDGE: Final = ("-c", "from bridge.server.cli import main; main()", "serve", "--port", "0", "--log-level", "error")


@contextlib.contextmanager
def running(*arguments: str, variables: Mapping[str, str] = {}) -> Iterator[tuple[int, psutil.Process]]:
    """Start a Python process that tells its port in its first line; give the port and the process."""
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
def start_relay(door: RelayTarget, upstream: int) -> Iterator[tuple[int, psutil.Process]]:
    """Start what is measured: the bridge, or the bare relay."""
    if door is RelayTarget.BARE:
        with running("-m", "benchmarks.relay_bare", str(upstream)) as found:
            yield found
        return
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:  # empty: no settings of this machine
        where = ("--upstream", f"http://127.0.0.1:{upstream}/v1", "--config", settings.name)
        with running(*_BRIDGE, *where, variables={"OPENAI_API_KEY": "sk-bench", **_WIDE}) as found:
            yield found


def run(door: RelayTarget, sessions: int, seconds: float, pace: float) -> dict[str, object]:
    """Measure one number of sessions against fresh processes. The figures count only when nothing went wrong."""
    with running("-m", "benchmarks.relay_upstream") as (upstream, _), start_relay(door, upstream) as (port, process):
        return uvloop.run(measure(port, process, door=door, sessions=sessions, seconds=seconds, pace=pace))


def main() -> None:
    """Measure and print a JSON line each; exit 1 when a chunk stayed unanswered or a relay sent an error."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--doors", type=RelayTarget, nargs="+", default=list(RelayTarget), metavar="|".join(RelayTarget))
    parse.add_argument("--sessions", type=int, nargs="+", default=[50])
    parse.add_argument("--seconds", type=float, default=5.0)
    parse.add_argument("--pace", type=float, default=0.0, help="chunks a second and session; 0: a closed loop")
    args = parse.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, trio {trio.__version__}, {machine}")
    good = True
    for sessions in args.sessions:
        for door in args.doors:
            with report_machine_load():
                row = run(door, sessions, args.seconds, args.pace)
                good = good and not row["errors"] and not row["unanswered"]
                print(json.dumps(row), flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
