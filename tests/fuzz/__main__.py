"""Searches for inputs that break the bridge, with Atheris: pip install atheris, then `make fuzz` or

    python -m tests.fuzz [--minutes M] [TARGET...]

The targets share the time, each in a process of its own. Inputs that reach new code are kept in .fuzz/TARGET and make
the next run better. Exit code 1 if an input breaks something: it is printed, and kept in .fuzz. Exit code 3 if Atheris
is missing.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

HOME: Final = Path(".fuzz")
NOT_RUN: Final = 3
#: The longest input, in bytes.
_MAX_BYTES: Final = 4096
#: An input that takes longer than this many seconds is a defect.
_SLOW_SECONDS: Final = 20
_INSTRUMENTED: Final = ["bridge", "h11", "websockets", "tests.fuzz"]
_COUNT: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_COVERAGE: Final = re.compile(r"cov: (\d+)")


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process; it ends with exit code 0 if nothing was found."""
    atheris = import_module("atheris")  # optional, and without types
    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented now
    target, corpus = TARGETS[name], HOME / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={_MAX_BYTES}", f"-timeout={_SLOW_SECONDS}"]
    options += [f"-artifact_prefix={HOME}/{name}-", "-print_final_stats=1", str(corpus)]
    atheris.Setup([sys.argv[0], *options], target.check)
    atheris.Fuzz()


def main() -> int:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Search inputs that break the bridge.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="What to fuzz (default: everything)")
    parser.add_argument("--minutes", type=float, default=5.0, metavar="M", help="For all targets together (default: 5)")
    args = parser.parse_args()
    if find_spec("atheris") is None:
        print("Atheris isn't installed: run: pip install atheris. Nothing was fuzzed.", file=sys.stderr)
        return NOT_RUN
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - only if there is something to do

    names = args.targets or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"unknown target {unknown[0]!r}; known: {', '.join(TARGETS)}")
    seconds = max(1, round(args.minutes * 60 / len(names)))
    return max(_run(name, seconds) for name in names)


def _run(name: str, seconds: int) -> int:
    """Fuzz one target in a process of its own, and say what came of it."""
    program = f"from tests.fuzz.__main__ import fuzz; fuzz({name!r}, {seconds})"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    count, coverage = _COUNT.search(run.stderr), _COVERAGE.findall(run.stderr) or ["?"]
    if run.returncode or count is None:
        print(f"{name}: FAILED\n{run.stderr[-4000:]}")
        return 1
    print(f"{name}: {int(count[1]):,} inputs in {seconds} s, {coverage[-1]} branches reached, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
