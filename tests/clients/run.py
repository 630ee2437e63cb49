"""`make clients`: installs the client libraries, runs the tests of each, four clients at a time, and sums up.

    python -m tests.clients.run [--newest] [--only NAME,NAME]

Exit code 0: every test of every client that could be installed passed. 1: a test failed. 3: no client could be
installed, so nothing was tested. What was not run, and why, is said at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.clients.catalog import CLIENTS, ONLY, TARGETS, VERSIONS
from tests.clients.install import Environments, install_all
from tests.clients.scenarios import SCENARIOS
from tests.progress import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.clients.catalog import Client

NOT_RUN: Final = 3
#: Clients spend most of their time speaking and listening, so that a core serves two.
_JOBS: Final = 4


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the tests of one client."""

    client: Client
    version: str
    exit_code: int
    failed: tuple[str, ...]
    output: str

    def line(self) -> str:
        """Sum it up."""
        counts = []
        for target in TARGETS:
            wrong = [name for name in self.failed if f"[{self.client.name}-{target}-" in name]
            total = len(SCENARIOS) - len(self.client.cannot)
            counts.append(f"{target} {total - len(wrong)} of {total}")
        broken = f" (pytest ended with exit code {self.exit_code})" if self.exit_code and not self.failed else ""
        return f"  {self.client.title} {self.version}: {', '.join(counts)}{broken}"


def run_client(client: Client, environments: Environments) -> Result:
    """Run the tests of one client in a process of their own, and print a line about them."""
    variables = {ONLY: client.name, VERSIONS: "newest" if environments.newest else "pinned"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        words = ["-q", "-p", "tests.progress", "-o", "console_output_style=classic", "--result-file", str(file)]
        command = [sys.executable, "-m", "pytest", *words, "-m", "clients", "tests/clients"]
        done = subprocess.run(command, env=os.environ | variables, check=False, capture_output=True, text=True)
        failed = json.loads(file.read_text())["failed"] if file.exists() else []
    result = Result(
        client, environments.installed_version(client), done.returncode, tuple(failed), done.stdout + done.stderr
    )
    print(result.line(), flush=True)
    return result


def main(words: Sequence[str] | None = None) -> int:
    """Install, test, sum up; return the exit code."""
    parse = argparse.ArgumentParser(prog="python -m tests.clients.run", description="Test with real client libraries.")
    parse.add_argument("--newest", action="store_true", help="the newest published versions, not the pinned ones")
    parse.add_argument("--only", default="", metavar="NAMES", help="only these clients, separated by commas")
    given = parse.parse_args(words)
    chosen = [CLIENTS[name] for name in given.only.split(",") if name] or list(CLIENTS.values())
    environments = Environments(newest=given.newest)
    print("Installing the client libraries", flush=True)
    missing = install_all(environments, chosen)
    began = time.monotonic()
    print("Passed, of the scenarios that the client has an API for:", flush=True)
    with ThreadPoolExecutor(_JOBS) as pool:
        results = [*pool.map(partial(run_client, environments=environments), [c for c in chosen if c not in missing])]
    for result in results:
        if result.exit_code:
            print(f"\n{result.client.title}\n{result.output}")
    print("\nSummary", *(result.line() for result in results), sep="\n")
    for client in chosen:
        lacking = {"everything": missing[client]} if client in missing else client.cannot
        for what, reason in lacking.items():
            print(f"  NOT RUN: {client.title}, {what}: {reason}")
    print(f"  {clock(time.monotonic() - began)}")
    if not results:
        return NOT_RUN
    return int(any(result.exit_code for result in results))


if __name__ == "__main__":
    sys.exit(main())
