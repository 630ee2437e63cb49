"""`make test`: runs the tests that share the machine, then those that need it for themselves, and sums up.

    python -m tests.run_all [--seed N]
    python -m tests.run_all [--seed N] --nightly     `make nightly`: the long tests too, and ten times the examples

Each part runs whatever the ones before it say. The exit code is 0 if every test of all parts passed. The order of the
tests is random; the seed that is printed gives the same order again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.progress import clock

_INTERRUPTED = 130
#: One more than processors: many tests wait for a process or a bound.
_WORKERS = (os.cpu_count() or 1) + 1
_PARTS = {
    "side by side": ("not alone and not browser and not clients", ("-n", str(_WORKERS), "--dist", "worksteal")),
    "three at a time": ("hardening", ("-n", "3", "--dist", "worksteal", "tests/hardening")),
    "alone": ("alone and not hardening and not browser and not clients", ()),
}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one part."""

    exit_code: int
    seconds: float
    tests: int = 0
    failed: tuple[str, ...] = ()

    def line(self, part: str) -> str:
        """Sum it up."""
        counts = f"{self.tests - len(self.failed):,} passed, {len(self.failed):,} failed"
        broken = f" (pytest ended with exit code {self.exit_code})" if self.exit_code and not self.failed else ""
        return f"{part:16}{counts} in {clock(self.seconds)}{broken}"


def run(part: str, seed: int, *, nightly: bool = False) -> Result:
    """Run one part in a process of its own."""
    # Compiled tests are kept even where Python is told not to: to compile them takes longer than to run most of them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    marked, workers = _PARTS[part]
    if nightly:
        environment["HYPOTHESIS_PROFILE"] = "deep"
    else:
        marked += " and not nightly"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        words = ["-q", "-p", "tests.progress", "-o", "console_output_style=classic", "--result-file", str(file)]
        words += [f"--randomly-seed={seed}", "-m", marked, *workers]
        began = time.monotonic()
        code = subprocess.run([sys.executable, "-m", "pytest", *words], env=environment, check=False).returncode
        seconds = time.monotonic() - began
        counts = json.loads(file.read_text()) if file.exists() else {}
    return Result(code, seconds, counts.get("tests", 0), tuple(counts.get("failed", ())))


def main() -> int:
    """Run all parts; returns the exit code."""
    parse = argparse.ArgumentParser(prog="python -m tests.run_all", description="Run all tests, part by part.")
    parse.add_argument("--seed", type=int, default=random.getrandbits(32), help="run the tests in the order of a seed")
    parse.add_argument("--nightly", action="store_true", help="run the nightly tests too: an hour instead of minutes")
    given = parse.parse_args()
    seed = given.seed
    results = {}
    try:
        for number, part in enumerate(_PARTS, 1):
            print(f"\n[{number}/{len(_PARTS)}] Tests that run {part}, in the order of seed {seed}", flush=True)
            results[part] = run(part, seed, nightly=given.nightly)
    except KeyboardInterrupt:
        return _INTERRUPTED
    print(f"\nSummary, seed {seed}")
    for part, result in results.items():
        print(f"  {result.line(part)}")
        for test in result.failed:
            print(f"    FAILED {test}")
    return int(any(result.exit_code for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
