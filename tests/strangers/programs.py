"""Starts programs for these tests, each with a port of its own on loopback, and runs our commands as users do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.strangers.install import STRANGERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
KEY = "sk-simulated"
_START_SECONDS, _END_SECONDS, _COMMAND_SECONDS = 240, 60, 180
_WRONG = ("fail", "error", "warning")


def need(name: str) -> str:
    """Return the command or folder of a stranger; skip the test, and say how to install it, if it isn't there."""
    path = STRANGERS[name].path()
    if path is None:
        pytest.skip(f"{name} is not installed: {STRANGERS[name].how}")
    return path


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, log: Path, **environment: str) -> Iterator[int]:
    """Run a program in the block, from the moment it listens on its port. It is ended with SIGTERM."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **environment}
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield port
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_END_SECONDS)
        process.kill()
        process.wait(timeout=_END_SECONDS)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"it does not listen: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def our_command(entry: str, *words: str) -> list[str]:
    """Return the command line of one of our commands, as `sherpa_probe`."""
    return [sys.executable, "-c", f"from sherpa_realtime import {entry}; {entry}()", *words]


@dataclass(frozen=True)
class ProbeReport:
    """The JSON report of a run of sherpa-probe."""

    exit_code: int
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """Check and code of everything that isn't well."""
        return [(found["check"], found["code"]) for found in self.findings if found["severity"] in _WRONG]

    def at(self, check: str) -> dict[str, Any]:
        """The finding of a check."""
        return next(found for found in self.findings if found["check"] == check)


def probe(*words: str, key: str = KEY) -> ProbeReport:
    """Run `sherpa-probe` with a key and return its report."""
    environment = {**os.environ, "OPENAI_API_KEY": key, "CLIENT_TOKEN": key, "PYTHONPATH": str(ROOT)}
    command = our_command("sherpa_probe", *words, "--json")
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=_COMMAND_SECONDS, check=False
    )
    return ProbeReport(done.returncode, json.loads(done.stdout)["findings"])
