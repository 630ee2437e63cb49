"""The command that runs simulations: `sherpa-bridge simulate`, and the same by `python -m bridge.simulation`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.simulation.seeds import SimulationSummary


@click.command()
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="Run this many seeds.  [default: 100]")
@click.option("--first", type=int, default=0, show_default=True, metavar="S", help="The first of them.")
@click.option("--seed", type=int, metavar="S", help="Run this one again and show everything that happened.")
@click.option("--faults", metavar="NAME,...", help="Only these kinds of faults; `none` for none.  [default: all]")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), metavar="M", help="Stop after so many minutes.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
def simulate(
    seeds: int | None, first: int, seed: int | None, faults: str | None, minutes: float | None, jobs: int
) -> None:
    """Live through whole calls with faults drawn from seeds, on a virtual clock, and check what must always hold.

    Exit code 1, and the seeds to run again, when something does not.
    """
    from bridge.simulation.disruptions import FAULT_KINDS
    from bridge.simulation.seeds import run_many

    kinds = tuple(FAULT_KINDS) if faults is None else _kinds(faults, FAULT_KINDS)
    if seed is not None:
        _replay(seed, kinds)
        return
    wanted = seeds if seeds is not None else (10**9 if minutes else 100)
    tally = run_many(range(first, first + wanted), kinds, minutes=minutes, jobs=jobs)
    sys.exit(_told(tally, "" if faults is None else f" --faults {faults}"))


def _told(tally: SimulationSummary, again: str) -> int:
    """Print what many runs came to; give the exit code."""
    for line in tally.lines():
        click.echo(line)
    for outcome in tally.failed:
        for fault in outcome.violations:
            click.echo(f"seed {outcome.seed}: {fault}")
        click.echo(f"    again: sherpa-bridge simulate --seed {outcome.seed}{again}")
    return 1 if tally.failed else 0


def _kinds(text: str, known: Collection[str]) -> tuple[str, ...]:
    names = [] if text == "none" else [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.UsageError(f"--faults: there is no kind {name!r}; there are: {', '.join(known)}")
    return tuple(names)


def _replay(seed: int, kinds: tuple[str, ...]) -> None:
    from bridge.simulation.plan import draw_plan
    from bridge.simulation.runner import simulate

    plan = draw_plan(seed, kinds)
    outcome = simulate(plan, keep_trace=True)
    for line in outcome.lines:
        click.echo(line)
    click.echo(f"seed {seed}: faults {', '.join(plan.fault_kinds) or 'none'}; {outcome.seconds:.1f} simulated seconds")
    click.echo(f"trace {outcome.digest}")
    for fault in outcome.violations:
        click.echo(f"broken: {fault}")
    sys.exit(1 if outcome.violations else 0)
