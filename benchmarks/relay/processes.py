"""Starts the upstream and the relays as processes on their cores, and runs one measurement."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import uvloop
from picows import WSError

from benchmarks.relay import callers
from benchmarks.relay.relays import Command, Relay, Upstream
from benchmarks.relay.usage import pinned

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from benchmarks.relay.load import Load, Measurement
    from benchmarks.relay.usage import Cores

_PROTOCOLS = {"client": callers.CLIENT, "native": callers.NATIVE, "direct": callers.DIRECT}
#: How long a process may take to end after SIGTERM; the bridge gives its sessions a drain time.
_END_SECONDS = 2.0


class RelayError(Exception):
    """A relay can't be measured; the message says why."""


class StartError(RelayError):
    """A process did not start; the message has its first line."""


@contextlib.contextmanager
def started(command: Command, cores: frozenset[int]) -> Iterator[tuple[str, psutil.Process]]:
    """Start a process on these cores. Yield its first line and the process. Raises StartError."""
    with pinned(cores):
        child = subprocess.Popen(  # noqa: S603 - ours, or Node.js with a program of ours
            command.arguments,
            env={**os.environ, **command.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    process = psutil.Process(child.pid)
    try:
        line = child.stdout.readline() if child.stdout else ""
        if not re.search(r"\d", line):
            raise StartError(line.strip() or "it ended without a word")
        yield line, process
    finally:
        _end(child, process)


def _end(child: subprocess.Popen[str], process: psutil.Process) -> None:
    workers = process.children(recursive=True) if child.poll() is None else []
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_END_SECONDS)
    child.kill()
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    child.wait()
    if child.stdout:
        child.stdout.close()


def port_in(line: str) -> int:
    """Return the port in the first line of a relay: a bare number, or the first URL. Raises StartError."""
    found = re.match(r"(\d+)\s*$", line) or re.search(r":(\d+)/", line)
    if found is None:
        raise StartError(line.strip())
    return int(found[1])


@contextlib.contextmanager
def running_upstream(cores: Cores) -> Iterator[Upstream]:
    """Run the upstream on the cores of the load. Raises StartError."""
    command = Command((sys.executable, "-m", "benchmarks.relay.upstream"), {})
    with started(command, cores.load) as (line, _):
        try:
            told = json.loads(line)
        except ValueError:
            raise StartError(line.strip()) from None
        yield Upstream(**told)


def run_once(relay: Relay, load: Load, upstream: Upstream, cores: Cores) -> Measurement:
    """Measure a relay in a process of its own. Raises RelayError or TimeoutError."""
    protocol = _PROTOCOLS[relay.protocol]
    if relay.start is None:
        measured = callers.measure(relay.name, upstream.port, psutil.Process(), protocol, load)
        return _run_on(cores, measured)
    with started(relay.start(upstream), cores.workers if relay.workers > 1 else cores.relay) as (line, process):
        try:
            return _run_on(cores, callers.measure(relay.name, port_in(line), process, protocol, load))
        except psutil.NoSuchProcess:
            raise RelayError("its process ended during the measurement") from None
        except WSError as error:
            raise RelayError(f"it refused a caller: {error}") from None


def _run_on(cores: Cores, measuring: Coroutine[None, None, Measurement]) -> Measurement:
    with pinned(cores.load):
        return uvloop.run(measuring)
