"""Runs Autobahn's test suite against both sides of our WebSocket, prints a table for each, and fails on any fault.

Each side is run twice: with a link that pulls its messages, and with one that pushes them.
Run: python -m tests.autobahn.run (make autobahn). Exit code 0: no faults. 1: a case failed. 3: the suite is not
installed and cannot be, so nothing was tested. The reports stay in .venv27/reports, as HTML too. Sections 12 and 13 are
excluded: they test compression, which we do not offer.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from functools import partial
from subprocess import DEVNULL
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from tests.autobahn.echo_client import run_cases
from tests.autobahn.echo_server import serve_echo
from tests.autobahn.install import HOME, NotInstallable, wstest
from tests.autobahn.report import PLAIN_CASES, SIZE_CASES, CaseResult, faults, read_cases, table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

#: The time limit for a run, which takes about ten seconds.
_RUN_SECONDS: Final = 180.0
NOT_RUN: Final = 3


@dataclass(frozen=True, slots=True)
class SuitePart:
    """One run of the suite."""

    title: str
    cases: tuple[str, ...]
    without: tuple[str, ...]
    expected: int
    run: Callable[[Path, SuitePart, Path], Awaitable[None]]

    def spec(self, folder: Path, **role: object) -> bytes:
        """Return the suite's configuration file."""
        return msgspec.json.encode(
            {
                "options": {"failByDrop": False},
                "outdir": str(folder),
                "cases": self.cases,
                "exclude-cases": self.without,
                "exclude-agent-cases": {},
                **role,
            }
        )


async def _against_our_server(command: Path, part: SuitePart, folder: Path, *, push: bool = False) -> None:
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(partial(serve_echo, push=push))
        servers = [{"agent": "server", "url": f"ws://{host}:{port}"}]
        spec = await _write_spec(folder, part.spec(folder, servers=servers))
        await trio.run_process(_wstest(command, "fuzzingclient", spec), stdout=DEVNULL, stderr=DEVNULL)
        nursery.cancel_scope.cancel()


async def _against_our_client(command: Path, part: SuitePart, folder: Path, *, push: bool = False) -> None:
    port = _free_port()
    spec = await _write_spec(folder, part.spec(folder, url=f"ws://127.0.0.1:{port}"))
    async with trio.open_nursery() as nursery:
        serve = _wstest(command, "fuzzingserver", spec)
        nursery.start_soon(partial(trio.run_process, serve, stdout=DEVNULL, stderr=DEVNULL))
        await run_cases(port, push=push)
        nursery.cancel_scope.cancel()


def _wstest(command: Path, mode: str, spec: Path) -> list[str]:
    return [str(command), "-m", mode, "-s", str(spec), "-u", "0"]


_against_our_pushing_server: Final = partial(_against_our_server, push=True)
_against_our_pushing_client: Final = partial(_against_our_client, push=True)
_NOT_PLAIN: Final = ("9.*", "12.*", "13.*")
PARTS: Final = {
    "server": SuitePart("our server side", ("*",), _NOT_PLAIN, PLAIN_CASES, _against_our_server),
    "size": SuitePart("our server side, large messages", ("9.*",), (), SIZE_CASES, _against_our_server),
    "client": SuitePart("our client side", ("*",), _NOT_PLAIN, PLAIN_CASES, _against_our_client),
    "push-server": SuitePart("our pushing server", ("*",), _NOT_PLAIN, PLAIN_CASES, _against_our_pushing_server),
    "push-size": SuitePart("our pushing server, large messages", ("9.*",), (), SIZE_CASES, _against_our_pushing_server),
    "push-client": SuitePart("our pushing client", ("*",), _NOT_PLAIN, PLAIN_CASES, _against_our_pushing_client),
}


async def _write_spec(folder: Path, spec: bytes) -> Path:
    path = folder / "spec.json"
    await trio.Path(path).write_bytes(spec)
    return path


def _free_port() -> int:
    """Return a port that is free now: the suite must be given one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run_part(name: str, command: Path, reports: Path) -> tuple[tuple[CaseResult, ...], list[str]]:
    """Run one part. Return its cases and what is wrong with them. Raises trio.TooSlowError if it hangs."""
    part = PARTS[name]
    folder = reports / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    async def bounded() -> None:
        with trio.fail_after(_RUN_SECONDS):
            await part.run(command, part, folder)

    trio.run(bounded)
    cases = read_cases(folder)
    return cases, faults(cases, expected=part.expected)


def main(home: Path, environment: Mapping[str, str]) -> int:
    """Run all parts, print the tables, and return the exit code."""
    try:
        command = wstest(home, environment)
    except NotInstallable as problem:
        sys.stderr.write(f"Autobahn was not run, so nothing was tested: {problem}\n")
        return NOT_RUN
    wrong = []
    for name, part in PARTS.items():
        cases, found = run_part(name, command, home / "reports")
        sys.stdout.write("\n".join([f"Autobahn, {part.title}", *table(cases), *found, "", ""]))
        wrong += found
    sys.stdout.write(f"{len(wrong)} faults; HTML reports: {home / 'reports'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(HOME, os.environ))
