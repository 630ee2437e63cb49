"""Where the bridge's time goes under 50 callers flat out, and how many instructions a round trip takes.

    python -m benchmarks.relay.profile flame --out flame.svg     # samples with py-spy: pip install py-spy
    python -m benchmarks.relay.profile callgrind                 # counts with valgrind: apt-get install valgrind

`flame` may need the right to trace processes (root, or kernel.yama.ptrace_scope=0). `callgrind` runs the bridge some 50
times slower, and needs no counters of the processor, which virtual machines often hide from `perf stat`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from benchmarks.relay.callers import CLIENT, NATIVE, Hooks, measure
from benchmarks.relay.flame_graph import draw_flame_graph, own_shares, read_stacks
from benchmarks.relay.load import Load
from benchmarks.relay.processes import port_in, running_upstream, started
from benchmarks.relay.relays import RELAYS, Command
from benchmarks.relay.usage import available_cores, choose_cores, pinned

if TYPE_CHECKING:
    import psutil

    from benchmarks.relay.load import Measurement

_RATE: Final = 200
_END_SECONDS: Final = 60
#: The line of a callgrind file with the instructions of the whole process.
_TOTAL: Final = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def _profiled(command: Command, endpoint: str, load: Load, hooks: _ProcessHooks) -> Measurement:
    cores = choose_cores(available_cores())
    with started(command, cores.relay) as (line, process), pinned(cores.load):
        protocol = CLIENT if endpoint == "client" else NATIVE
        bound = Hooks(lambda: hooks.begin(process), lambda: hooks.end(process))
        return uvloop.run(measure(endpoint, port_in(line), process, protocol, load, bound))


class _ProcessHooks:
    """What a profiler does with the bridge's process at the begin and at the end."""

    def begin(self, process: psutil.Process) -> None:
        """Start to measure."""

    def end(self, process: psutil.Process) -> None:
        """Stop to measure."""


class _PySpy(_ProcessHooks):
    """Samples the stacks of the process."""

    def __init__(self, program: str, seconds: float, out: Path) -> None:
        self._options = (program, "record", "--rate", str(_RATE), "--duration", str(int(seconds)), "--format", "raw")
        self._out = out
        self._running: subprocess.Popen[bytes]

    def begin(self, process: psutil.Process) -> None:
        command = (*self._options, "--output", str(self._out), "--pid", str(process.pid))
        self._running = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - the user's py-spy

    def end(self, process: psutil.Process) -> None:
        del process
        self._running.wait(_END_SECONDS)


class _Callgrind(_ProcessHooks):
    """Starts to count instructions, and writes the count to a file."""

    def begin(self, process: psutil.Process) -> None:
        self._control(process, "--instr=on")

    def end(self, process: psutil.Process) -> None:
        self._control(process, "--dump")

    @staticmethod
    def _control(process: psutil.Process, what: str) -> None:
        command = (shutil.which("callgrind_control") or "callgrind_control", what, str(process.pid))
        subprocess.run(command, check=True, capture_output=True, timeout=_END_SECONDS)  # noqa: S603 - valgrind's


def flame(args: argparse.Namespace) -> None:
    """Draw where the bridge's time goes."""
    program = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    if not Path(program).is_file():
        raise SystemExit("py-spy isn't installed: run: pip install py-spy")
    load = Load(sessions=50, seconds=args.seconds + 1)
    relay = RELAYS[args.endpoint]
    with tempfile.TemporaryDirectory() as folder, running_upstream(choose_cores(available_cores())) as upstream:
        stacks = Path(folder) / "stacks"
        assert relay.start is not None
        found = _profiled(relay.start(upstream), args.endpoint, load, _PySpy(program, args.seconds, stacks))
        root = read_stacks(stacks.read_text().splitlines(), inside="trio/_core/_run.py:run")
    title = f"{args.title or relay.title}, 50 sessions flat out: {root.samples} samples, CPU time only"
    args.out.write_text(draw_flame_graph(root, title))
    shares = ", ".join(f"{name} {share:.0%}" for name, share in own_shares(root).items())
    print(f"{found.round_trips} round trips, {root.samples} samples: {args.out}\nself time: {shares}")


def callgrind(args: argparse.Namespace) -> None:
    """Count the instructions of a round trip."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SystemExit("valgrind isn't installed: run: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder, running_upstream(choose_cores(available_cores())) as upstream:
        out = Path(folder) / "callgrind"
        options = ("--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", "--quiet")
        start = RELAYS[args.endpoint].start
        assert start is not None
        bridge = start(upstream)
        command = replace(bridge, arguments=(valgrind, *options, *bridge.arguments))
        load = Load(sessions=1, seconds=args.seconds)
        found = _profiled(command, args.endpoint, load, _Callgrind())
        total = instructions_in(Path(f"{out}.1").read_text())  # the first dump
    each = total / max(1, found.round_trips)
    print(f"{args.endpoint}: {each / 1000:.0f} thousand instructions per round trip, {found.round_trips} round trips")


def instructions_in(report: str) -> int:
    """Return the number of instructions in a callgrind file. Raises ValueError if there is none."""
    found = _TOTAL.search(report)
    if found is None:
        raise ValueError("callgrind wrote no total")
    return int(found[1])


def main() -> None:
    """Run the command."""
    parse = argparse.ArgumentParser(
        prog="python -m benchmarks.relay.profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parse.add_subparsers(required=True)
    for name, run, seconds in (("flame", flame, 15.0), ("callgrind", callgrind, 10.0)):
        command = commands.add_parser(name, help=run.__doc__)
        command.add_argument("--endpoint", choices=["client", "native"], default="client")
        command.add_argument("--seconds", type=float, default=seconds)
        command.set_defaults(run=run)
        if run is flame:
            command.add_argument("--out", type=Path, required=True)
            command.add_argument("--title", default="")
    args = parse.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
