"""Mutation tests of the browser's client: `python -m tests.server.page.mutants [WORDS]`. Does a test fail for each?

Each mutant is put into a copy of the client's modules, and the tests of them run in Node.js until one fails. No browser
is needed. Exit 1 when one survives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tests.core.mutants import ROOT, apply, say
from tests.server.page.javascript import WEB_FOLDER, web_folder
from tests.server.page.mutant_list import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.core.mutant import Mutant

JOBS = min(2, os.cpu_count() or 1)
#: A mutant that makes the tests hang is killed too; only a machine without time to spare takes that long.
_SECONDS = 900
_HERE = "tests/server/page"
#: The quickest first.
_NAMES = ("client_states", "shared_cases", "fallback_transport", "sherpa_client")
_TESTS = tuple(f"{_HERE}/test_{name}.py" for name in _NAMES)
_PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:randomly", "--no-header", "--tb=line", "--hypothesis-seed=0")


def run_tests(web: Path) -> str | None:
    """Run the tests with these modules. Returns the first that failed, or None."""
    environment = {**os.environ, WEB_FOLDER: str(web), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, *_PYTEST, "-m", "not browser", *_TESTS]
    try:
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "the time"
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return None if done.returncode == 0 else (failed or [f"exit {done.returncode}"])[0].rpartition("::")[2]


def try_out(mutant: Mutant, *, folders: SimpleQueue[Path]) -> tuple[str, str | None]:
    """Try a mutant in a free folder. Returns a line about it, and the test that killed it."""
    folder = folders.get()
    path = folder / f"{mutant.file}.js"
    sound, began = path.read_text(), time.monotonic()
    try:
        path.write_text(apply(mutant, sound))
        killer = run_tests(folder)
    finally:
        path.write_text(sound)
        folders.put(folder)
    verdict = f"killed by {killer}" if killer else "SURVIVED"
    return f"{time.monotonic() - began:5.1f} s  {mutant.file}: {mutant.breaks}: {verdict}", killer


def main(words: Sequence[str]) -> int:
    """Try every mutant whose description has all of these words."""
    wanted = [one for one in MUTANTS if all(word in f"{one.file} {one.breaks}" for word in words)]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="sherpa-page-mutants-") as name:
        folders = SimpleQueue[Path]()
        for number in range(JOBS):
            folders.put(Path(shutil.copytree(web_folder(), Path(name) / f"job-{number}")))
        if (failed := run_tests(Path(name) / "job-0")) is not None:
            say(f"the tests fail without a mutant: {failed}")
            return 2
        with ThreadPoolExecutor(JOBS) as pool:
            for line, killer in pool.map(partial(try_out, folders=folders), wanted):
                survived += killer is None
                say(line)
    say(f"{len(wanted) - survived} of {len(wanted)} killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
