"""Run Autobahn against both sides of our WebSocket: print a table each, and fail for anything that is not right.

Run: python -m tests.autobahn.run (make autobahn). Ends with 0 when all is well, 1 when a case failed, 3 when the suite
is not here and cannot be installed, which proves nothing either way. Reports stay in .venv27/reports, with pages to
read. Sections 12 and 13 are left out: they are about compression, which is not offered.
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

#: A run takes ten seconds; a suite that hangs is ended.
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
        """What the suite wants to be told, as a file."""
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


async def _against_our_server(command: Path, part: SuitePart, folder: Path) -> None:
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(serve_echo)
        servers = [{"agent": "door", "url": f"ws://{host}:{port}"}]
        spec = await _write_spec(folder, part.spec(folder, servers=servers))
        await trio.run_process(_wstest(command, "fuzzingclient", spec), stdout=DEVNULL, stderr=DEVNULL)
        nursery.cancel_scope.cancel()


async def _against_our_client(command: Path, part: SuitePart, folder: Path) -> None:
    port = _free_port()
    spec = await _write_spec(folder, part.spec(folder, url=f"ws://127.0.0.1:{port}"))
    async with trio.open_nursery() as nursery:
        serve = _wstest(command, "fuzzingserver", spec)
        nursery.start_soon(partial(trio.run_process, serve, stdout=DEVNULL, stderr=DEVNULL))
        await run_cases(port)
        nursery.cancel_scope.cancel()


def _wstest(command: Path, mode: str, spec: Path) -> list[str]:
    return [str(command), "-m", mode, "-s", str(spec), "-u", "0"]


_NOT_PLAIN: Final = ("9.*", "12.*", "13.*")
PARTS: Final = {
    "server": SuitePart("our server side", ("*",), _NOT_PLAIN, PLAIN_CASES, _against_our_server),
    "size": SuitePart("our server side, big messages", ("9.*",), (), SIZE_CASES, _against_our_server),
    "client": SuitePart("our client side", ("*",), _NOT_PLAIN, PLAIN_CASES, _against_our_client),
}


async def _write_spec(folder: Path, spec: bytes) -> Path:
    path = folder / "spec.json"
    await trio.Path(path).write_bytes(spec)
    return path


def _free_port() -> int:
    """Give a port that was free a moment ago; the suite must be told one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def run_part(name: str, command: Path, reports: Path) -> tuple[tuple[CaseResult, ...], list[str]]:
    """Run one part and give its cases and what is wrong with them. Raises trio.TooSlowError when it hangs."""
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
    """Run all parts, print, and give the exit code."""
    try:
        command = wstest(home, environment)
    except NotInstallable as problem:
        sys.stderr.write(f"Autobahn was not run, and nothing is proved: {problem}\n")
        return NOT_RUN
    wrong = []
    for name, part in PARTS.items():
        cases, found = run_part(name, command, home / "reports")
        sys.stdout.write("\n".join([f"Autobahn, {part.title}", *table(cases), *found, "", ""]))
        wrong += found
    sys.stdout.write(f"{len(wrong)} wrong; pages to read: {home / 'reports'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(HOME, os.environ))
