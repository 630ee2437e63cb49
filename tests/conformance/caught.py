"""Which cases of the conformance suite catch which defect of the independent bridge: finds it out, and keeps it.

    python -m tests.conformance.caught            # every defect against the cases of the table; writes caught.tsv
    python -m tests.conformance.caught --search   # the defects that no case caught against all cases of their group
    python -m tests.conformance.caught NAME...    # only these defects, against all cases of their group
    python -m tests.conformance.caught NAME:D-*   # or against these cases

The table has a line for each defect: its name, and the cases that fail with it. Where the contract leaves the bridge a
choice, a case only warns (`non-strict`); it is marked with a `~`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

BRIDGE: Final = Path(__file__).parent / "node" / "bridge.mjs"
TABLE: Final = Path(__file__).parent / "caught.tsv"
ROOT: Final = Path(__file__).parents[2]
_HEADER: Final = "defect\tcases that fail\n"
#: One case may take a minute of waits, and a group has thirty of them.
SECONDS: Final = 900


def listed_defects() -> list[dict[str, str]]:
    """Return the defects as the bridge lists them."""
    ended = subprocess.run(
        [str(shutil.which("node")), str(BRIDGE), "--list-defects"], capture_output=True, check=True, timeout=60
    )
    listed: list[dict[str, str]] = json.loads(ended.stdout)
    return listed


def read_table() -> dict[str, list[str]]:
    """Return the kept table."""
    rows = (line.split("\t") for line in TABLE.read_text().splitlines()[1:]) if TABLE.exists() else ()
    return {name: cases.split() for name, cases in rows}


def write_table(table: dict[str, list[str]]) -> None:
    """Keep the table, in the order in which the bridge lists its defects."""
    order = [defect["name"] for defect in listed_defects()]
    lines = [f"{name}\t{' '.join(table[name])}\n" for name in order if name in table]
    TABLE.write_text(_HEADER + "".join(lines))


def failing_cases(defects: str, cases: list[str], *, jobs: int = 4) -> list[str]:
    """Run these cases against the bridge with these defects; return those that fail, or else those that warn."""
    found = run_cases(defects, cases, jobs)
    marks = {"fail": "", "warning": "~"}
    ids = [f"{marks[one['severity']]}{one['check'].split()[0]}" for one in found if one["severity"] in marks]
    return [one for one in ids if one[0] != "~"] or ids


def run_cases(defects: str, cases: list[str], jobs: int = 4) -> list[dict[str, Any]]:
    """Return the findings of a run."""
    words = [sys.executable, "-c", "from sherpa_realtime import sherpa_probe; sherpa_probe()", "conformance"]
    words += ["--start", f"node {BRIDGE}", "--jobs", str(jobs), "--json"]
    words += [word for case in cases for word in ("--case", case.lstrip("~"))]
    environment = {**os.environ, "DEFECT": defects, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(words, env=environment, capture_output=True, timeout=SECONDS, check=False, cwd=ROOT)
    found: list[dict[str, Any]] = json.loads(ended.stdout)["findings"]
    return found


def main(arguments: list[str]) -> None:
    """Run what the command line asks for, and keep what was found."""
    before: defaultdict[str, list[str]] = defaultdict(list, read_table())
    named = dict(word.partition(":")[::2] for word in arguments if not word.startswith("-"))
    for defect in listed_defects():
        name, group = defect["name"], f"{defect['group']}-*"
        if named:
            wanted = [named[name] or group] if name in named else []
        elif "--search" in arguments:
            wanted = [] if before[name] else [group]
        else:
            wanted = before[name]
        if not wanted:
            continue
        found = sorted(failing_cases(name, wanted))
        print(name, *found, flush=True)  # noqa: T201 - the output of this command
        write_table({**read_table(), name: found})


if __name__ == "__main__":
    main(sys.argv[1:])
