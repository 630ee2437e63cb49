"""Which cases of the conformance suite catch which defect of the independent bridge: finds it out, and keeps it.

    python -m tests.conformance.caught            # every defect against the cases of the table; writes caught.tsv
    python -m tests.conformance.caught --search   # the defects that no case caught against all cases of their group
    python -m tests.conformance.caught NAME...    # only these defects, against all cases of their group
    python -m tests.conformance.caught NAME:D-*   # or against these cases: NAME:D-01,D-02

The table has a line for each defect: its name, and the cases that fail with it. Where the contract leaves the bridge a
choice, a case only warns (`non-strict`); it is marked with a `~`. Before them stand lines about how it was made.

What is printed on the way is what the bridge's owner would read: it should name the defect.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

BRIDGE: Final = Path(__file__).parent / "node" / "bridge.mjs"
TABLE: Final = Path(__file__).parent / "caught.tsv"
ROOT: Final = Path(__file__).parents[2]
_COLUMNS: Final = "defect\tcases that fail\n"
_COMMENT: Final = "#"
#: One case may take a minute of waits, and a group has thirty of them.
SECONDS: Final = 900
JOBS: Final = 4
#: Cases mostly wait: this many bridges with a defect each are tested side by side.
DEFECTS_AT_ONCE: Final = 4


def listed_defects() -> list[dict[str, str]]:
    """Return the defects as the bridge lists them."""
    ended = subprocess.run(
        [str(shutil.which("node")), str(BRIDGE), "--list-defects"], capture_output=True, check=True, timeout=60
    )
    listed: list[dict[str, str]] = json.loads(ended.stdout)
    return listed


def read_table() -> dict[str, list[str]]:
    """Return the kept table."""
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith(_COMMENT)]
    rows = (line.split("\t") for line in lines[1:])
    return {name: cases.split() for name, cases in rows}


def write_table(table: dict[str, list[str]], made: str = "") -> None:
    """Keep the table, in the order in which the bridge lists its defects. `made` says how, if all of it is new."""
    order = [defect["name"] for defect in listed_defects()]
    lines = [f"{name}\t{' '.join(table[name])}\n" for name in order if name in table]
    before = "".join(line for line in TABLE.read_text().splitlines(keepends=True) if line.startswith(_COMMENT))
    TABLE.write_text((made or before) + _COLUMNS + "".join(lines))


def failing_cases(defects: str, cases: list[str], *, jobs: int = JOBS) -> list[str]:
    """Run these cases against the bridge with these defects; return those that fail, or else those that warn."""
    return caught_by(run_cases(defects, cases, jobs))


def caught_by(findings: list[dict[str, Any]]) -> list[str]:
    """Return the ids of the cases that fail, or else of those that warn, these with a `~`."""
    marks = {"fail": "", "warning": "~"}
    found = [one for one in findings if one["severity"] in marks and one["check"] != "ends"]
    ids = [f"{marks[one['severity']]}{one['check'].split()[0]}" for one in found]
    return sorted([one for one in ids if one[0] != "~"] or ids)


def run_cases(defects: str, cases: list[str], jobs: int = JOBS) -> list[dict[str, Any]]:
    """Return the findings of a run."""
    words = [sys.executable, "-c", "from sherpa_realtime import sherpa_probe; sherpa_probe()", "conformance"]
    words += ["--start", f"node {BRIDGE}", "--jobs", str(jobs), "--json"]
    words += [word for case in cases for word in ("--case", case.lstrip("~"))]
    environment = {**os.environ, "DEFECT": defects, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(words, env=environment, capture_output=True, timeout=SECONDS, check=False, cwd=ROOT)
    found: list[dict[str, Any]] = json.loads(ended.stdout)["findings"]
    return found


def shown(finding: dict[str, Any]) -> str:
    """Return what the owner of the bridge reads about a case that did not pass."""
    said = {item["label"]: item["value"] for item in finding["evidence"]}
    first = f"    {finding['check']} {finding['severity']}"
    if "expected" not in said:
        return f"{first}\n      {said.get('')} {said.get('reason', '')}".rstrip()
    return f"{first}\n      want {said['expected']}\n      got  {said['seen']}"


def main(arguments: list[str]) -> None:
    """Run what the command line asks for, and keep what was found."""
    before: defaultdict[str, list[str]] = defaultdict(list, read_table())
    named = dict(word.partition(":")[::2] for word in arguments if not word.startswith("-"))
    table: dict[str, list[str]] = {}
    made = how_made()
    wanted: dict[str, list[str]] = {}
    for defect in listed_defects():
        name, group = defect["name"], f"{defect['group']}-*"
        if named:
            wanted[name] = (named[name] or group).split(",") if name in named else []
        elif "--search" in arguments:
            wanted[name] = [] if before[name] else [group]
        else:
            wanted[name] = before[name]
    wrong = {defect["name"]: defect["wrong"] for defect in listed_defects() if wanted[defect["name"]]}
    with ThreadPoolExecutor(DEFECTS_AT_ONCE) as pool:
        for name, findings in zip(wrong, pool.map(lambda name: run_cases(name, wanted[name]), wrong), strict=True):
            table[name] = caught_by(findings)
            lines = [shown(one) for one in findings if one["severity"] not in ("pass", "info")]
            print("\n".join([f"{name}: {wrong[name]}", *lines]), flush=True)  # noqa: T201 - the output of this command
            write_table({**read_table(), name: table[name]})
    if not arguments:
        write_table(table, made)


def how_made() -> str:
    """Return the lines that say how the whole table was made."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout  # noqa: S607 - the developer's own git
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607 - the developer's own Node
    versions = f"Node {node}, CPython {platform.python_version()}"
    return (
        f"# One run of `python -m tests.conformance.caught`, {datetime.now(UTC):%Y-%m-%d}, at commit {commit.strip()}"
        f" ({versions}).\n"
        "# Each defect was run against the cases of its line only: other cases may fail for it, too.\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
