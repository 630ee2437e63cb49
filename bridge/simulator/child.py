"""A simulator in a process of its own, started by a parent that cannot run one in a thread.

The pytest plugin starts it where a package of the tested project hides ours. It prints its port as one line on standard
output, then serves until its standard input is closed. So it also ends when the parent ends, even if that is killed.

Arguments: the pace, as in `Settings.pace`. The control API is on; the parent uses it in place of `RunningSimulator`.
"""

from __future__ import annotations

import os
import signal
import sys

import trio

from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings


def main() -> None:
    """Serve until standard input is closed. A crash of the simulator prints a traceback and exits with 1."""
    # Ctrl-C in a terminal goes to the parent and to this process. The parent decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    trio.run(_serve, Settings(pace=float(sys.argv[1]), control=True))


async def _serve(settings: Settings) -> None:
    async with open_simulator(settings) as running:
        sys.stdout.write(f"{running.port}\n")
        sys.stdout.flush()
        await trio.to_thread.run_sync(_wait_for_closed_input, abandon_on_cancel=True)


def _wait_for_closed_input() -> None:
    # Not `sys.stdin.read`: a thread that holds the lock of a buffered stream makes the interpreter abort at exit.
    while os.read(0, 4096):
        pass
