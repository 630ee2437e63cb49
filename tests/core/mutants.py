"""Mutation tests: does a test fail for each of these mistakes? `python -m tests.core.mutants [--machine] [words]`

Each mutant is put into a copy of the package, and the core's tests run there until one fails. Exit 1 when one survives.
`--machine`: the state machine alone must notice those that break a promise in some order of events.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tests.core.machine_mutants import MACHINE_MUTANTS
from tests.core.mutant_list import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.core.mutant_list import Mutant

ROOT = Path(__file__).parent.parent.parent

#: Many times the CPU time that the tests take, in seconds. A mutant that makes them hang is killed too.
LIMIT_SECONDS = 120
#: Only a machine without time to spare takes that long.
_WALL_SECONDS = 20 * LIMIT_SECONDS
#: In parallel, each in a copy of its own.
JOBS = min(4, os.cpu_count() or 1)
_PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:randomly", "--no-header", "--tb=line", "--hypothesis-seed=0")

#: The state machine runs last: it finds most of the mutants too, but the others are quicker.
_MACHINE = "tests/core/test_session_state_machine.py"
_RUNS = (("tests/core", f"--ignore={_MACHINE}"), (_MACHINE,))

#: Hypothesis without shrinking: these failures are not read.
_CONFTEST = f"""
import resource

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "hunt",
    deadline=None,
    database=None,
    max_examples=100,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("hunt")
resource.setrlimit(resource.RLIMIT_CPU, ({LIMIT_SECONDS}, {LIMIT_SECONDS + 10}))
"""


def source(root: Path, mutant: Mutant) -> Path:
    return root / "bridge" / "core" / f"{mutant.file}.py"


def apply(mutant: Mutant, text: str) -> str:
    """Return the source with the mistake. Raises ValueError unless `mutant.old` occurs exactly once."""
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.file}: {mutant.old!r} stands there {text.count(mutant.old)} times")
    return text.replace(mutant.old, mutant.new)


def run_tests(folder: Path, runs: Sequence[Sequence[str]] = _RUNS) -> str | None:
    """Run the core's tests in this folder. Returns the first that failed, or None."""
    return next((failed for run in runs if (failed := _run(folder, run)) is not None), None)


def _run(folder: Path, arguments: Sequence[str]) -> str | None:
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(folder),
    }
    try:
        done = subprocess.run(
            [sys.executable, *_PYTEST, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SystemExit("the tests got no time on this machine, which says nothing about the mutant") from None
    if done.returncode == -signal.SIGXCPU:
        return "the time"
    if done.returncode < 0:
        raise SystemExit(f"the tests were stopped by signal {-done.returncode}, which says nothing about the mutant")
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return None if done.returncode == 0 else (failed or [f"exit {done.returncode}"])[0].rpartition("::")[2]


def copy_package(folder: Path) -> None:
    ignore = shutil.ignore_patterns(
        "__pycache__", "test_mutants.py"
    )  # it fails for every mutant, since it compares with the source
    shutil.copytree(ROOT / "bridge", folder / "bridge", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "core", folder / "tests" / "core", ignore=ignore)
    shutil.copytree(ROOT / "tests" / "shared_cases", folder / "tests" / "shared_cases", ignore=ignore)
    shutil.copy(ROOT / "tests" / "memory.py", folder / "tests")
    (folder / "tests" / "conftest.py").write_text(_CONFTEST)
    shutil.copy(ROOT / "pyproject.toml", folder)


def try_out(mutant: Mutant, folder: Path, runs: Sequence[Sequence[str]] = _RUNS) -> str | None:
    """Put a mutant in, run the tests, and take it out again. Returns the test that failed, or None."""
    path = source(folder, mutant)
    sound = path.read_text()
    path.write_text(apply(mutant, sound))
    try:
        return run_tests(folder, runs)
    finally:
        path.write_text(sound)


def run_mutant(mutant: Mutant, *, folders: SimpleQueue[Path], runs: Sequence[Sequence[str]]) -> tuple[str, str | None]:
    """Try a mutant in a free folder. Returns a line about it, and the test that killed it."""
    folder = folders.get()
    began = time.monotonic()
    try:
        killer = try_out(mutant, folder, runs)
    finally:
        folders.put(folder)
    verdict = f"killed by {killer}" if killer else "SURVIVED"
    return f"{time.monotonic() - began:5.1f} s  {mutant.file}: {mutant.breaks}: {verdict}", killer


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    parts = [part for part in arguments if part != "--machine"]
    runs = _RUNS if parts == list(arguments) else ((_MACHINE,),)
    known = MUTANTS if runs is _RUNS else [one for one in MUTANTS if one.breaks in MACHINE_MUTANTS]
    wanted = [one for one in known if all(part in f"{one.file} {one.breaks}" for part in parts)]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="sherpa-mutants-") as name:
        folder = Path(name)
        copy_package(folder)
        if (failed := run_tests(folder)) is not None:
            say(f"the tests fail without a mutant: {failed}")
            return 2
        folders = SimpleQueue[Path]()
        for number in range(JOBS):
            folders.put(Path(shutil.copytree(folder, folder / f"job-{number}", ignore=shutil.ignore_patterns("job-*"))))
        with ThreadPoolExecutor(JOBS) as pool:
            for line, killer in pool.map(partial(run_mutant, folders=folders, runs=runs), wanted):
                survived += killer is None
                say(line)
    say(f"{len(wanted) - survived} of {len(wanted)} killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
