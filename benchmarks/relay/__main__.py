"""The command: measures the bridge and its peers in turns, prints ratios and goals, writes JSON and a plot.

    python -m benchmarks.relay                         # under five minutes
    python -m benchmarks.relay --only flat-out speech  # some of the loads
    python -m benchmarks.relay --all                   # the slower ones too

The bridge gets one core, its callers and upstream the others. A round trip is a 20 ms chunk to the upstream (binary at
the client endpoint, base64 in JSON elsewhere) and one delta of 1.4 kB back; its cost is the CPU time of the relay's
processes, not the time that passed. Compare ratios between machines, never microseconds.
Exit code 1 if a chunk was not answered or a relay reported an error.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.relay.goals import Round, judge_all, medians
from benchmarks.relay.relays import RELAYS, Upstream, install, node_version, python_problem
from benchmarks.relay.report import make_report, run_notes, write_files
from benchmarks.relay.scenarios import SCENARIOS, Scenario, half_load
from benchmarks.relay.table import figure, goal_lines, note_lines, relay_lines

if TYPE_CHECKING:
    from benchmarks.relay.load import Load
    from benchmarks.relay.usage import Cores


@dataclass
class Run:
    """One run of the command: its settings, and what it has measured so far."""

    minutes: float

    scenarios: list[Scenario]
    rounds: int
    seconds: float
    cores: Cores
    measured: list[Round] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    half: Load | None = None

    def run(self, upstream: Upstream) -> None:
        """Measure all rounds. In each round, every relay has its turn under every load."""
        began = time.monotonic()
        for number in range(1, self.rounds + 1):
            if not has_time(time.monotonic() - began, number - 1, self.minutes * 60):
                self.remarks.append(f"{number - 1} of {self.rounds} rounds: a longer run needs more --minutes.")
                return
            current: Round = {}
            self.measured.append(current)
            for scenario in self.scenarios:
                if number == 1 or not scenario.once:
                    self._measure(scenario, upstream, current)
                    print(f"{number}/{self.rounds}  {scenario.title}: {_brief(scenario, current)}", flush=True)

    def _measure(self, scenario: Scenario, upstream: Upstream, current: Round) -> None:
        from benchmarks.relay.processes import RelayError, run_once  # noqa: PLC0415 - needs the extra [bench]

        load = replace(self._load(scenario, current), seconds=self.seconds)
        for relay in map(RELAYS.__getitem__, scenario.relays):
            problem = relay.needs()
            if problem:
                self.missing[relay.name] = problem
                continue
            try:
                one = run_once(relay, load, upstream, self.cores)
            except (RelayError, OSError, TimeoutError) as error:
                self.problems.append(f"{scenario.title}, {relay.title}: {str(error) or type(error).__name__}")
                continue
            current[scenario.name, relay.name] = one
            what = [f"{one.unanswered} chunks were not answered"] if one.unanswered and one.kept_up else []
            self.problems += [f"{scenario.title}, {relay.title}: {text}" for text in (*one.errors, *what)]

    def _load(self, scenario: Scenario, current: Round) -> Load:
        if scenario.name != "half-load":
            return scenario.load
        self.half = self.half or half_load(current.get(("speech", "client")), current.get(("flat-out", "client")))
        return self.half


def has_time(elapsed: float, rounds: int, limit: float) -> bool:
    """Return whether one more round will end within the limit, given how long the others took, in seconds."""
    return not rounds or elapsed / rounds * (rounds + 1) <= limit


def _brief(scenario: Scenario, current: Round) -> str:
    found = [(name, current[scenario.name, name]) for name in scenario.relays if (scenario.name, name) in current]
    if not scenario.load.speaking:
        return ", ".join(f"{name} {figure(one.ready_p50_ms)} ms" for name, one in found)
    return ", ".join(f"{name} {figure(one.cpu_us)} us" for name, one in found)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parse = argparse.ArgumentParser(
        prog="python -m benchmarks.relay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parse.add_argument("--rounds", type=int, default=3)
    parse.add_argument("--seconds", type=float, default=2.0, help="of each measurement  [default: 2]")
    parse.add_argument("--minutes", type=float, default=5.0, help="start no round that would end later  [default: 5]")
    parse.add_argument("--only", nargs="+", choices=list(SCENARIOS), metavar="NAME", help=", ".join(SCENARIOS))
    parse.add_argument("--all", action="store_true", help="measure the slower loads and more libraries too")
    parse.add_argument("--json", type=Path, help="write the results to this file")
    parse.add_argument("--plot", type=Path, help="draw the CPU times into this SVG file")
    parse.add_argument("--install", action="store_true", help="first install the npm package ws for the Node.js relay")
    return parse.parse_args(given)


def _chosen(args: argparse.Namespace) -> list[Scenario]:
    if args.only:
        return [SCENARIOS[name] for name in SCENARIOS if name in args.only]
    return [scenario for scenario in SCENARIOS.values() if args.all or not scenario.slow]


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    python = {"python": platform.python_version(), "trio": version("trio"), "websockets": version("websockets")}
    return {"cores": os.cpu_count(), "architecture": platform.machine(), **python, "node": node_version()}


def main(given: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = _arguments(given)
    problem = python_problem("picows", "psutil", "uvloop")
    if problem:
        sys.stderr.write("The load generator needs the extra [bench]: pip install -e '.[bench]'\n")
        return 2
    if args.install and (lacking := install()):
        sys.stderr.write(f"{lacking}\n")
    from benchmarks.machine import CpuSample, others_share  # noqa: PLC0415 - needs the extra [bench]
    from benchmarks.relay.processes import running_upstream  # noqa: PLC0415
    from benchmarks.relay.usage import available_cores, choose_cores  # noqa: PLC0415

    run = Run(
        minutes=args.minutes,
        scenarios=_chosen(args),
        rounds=args.rounds,
        seconds=args.seconds,
        cores=choose_cores(available_cores()),
    )
    before, date = CpuSample.now(), f"{datetime.now(UTC):%Y-%m-%d}"
    with running_upstream(run.cores) as upstream:
        run.run(upstream)
    others = others_share(before, CpuSample.now(), os.cpu_count() or 1)
    outcomes, cpu_us = judge_all(run.measured), medians(run.measured)
    notes = run_notes(run.measured, run.missing, [*run.remarks, *run.problems], others, str(run.cores))
    print("", *relay_lines(cpu_us), *goal_lines(outcomes), "", *note_lines(notes), sep="\n")
    report = make_report(
        date=date,
        machine=machine(),
        settings={"rounds": args.rounds, "seconds": args.seconds, "cores": str(run.cores)},
        rounds=run.measured,
        outcomes=outcomes,
        notes=notes,
        missing=run.missing,
    )
    write_files(report, cpu_us, json_file=args.json, plot_file=args.plot)
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
