"""The command `sherpa-bridge simulate`; `python -m bridge.simulation` is the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.simulation.seeds import SimulationSummary


@click.command(short_help="Simulate whole calls with random faults.")
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="Number of seeds to run.  [default: 100]")
@click.option("--first", type=int, default=0, show_default=True, metavar="S", help="The first seed.")
@click.option("--seed", type=int, metavar="S", help="Repeat one seed and print its trace.")
@click.option("--faults", metavar="NAME,...", help="Kinds of faults to draw; `none` for no faults.  [default: all]")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Start no new seed after M minutes.",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of processes.")
def simulate(
    seeds: int | None, first: int, seed: int | None, faults: str | None, minutes: float | None, jobs: int
) -> None:
    """Simulate whole calls with random faults on a virtual clock, and check the bridge's invariants.

    Exits with code 1 when an invariant is violated, and prints the seeds that repeat it.
    """
    from bridge.simulation.disruptions import FAULT_KINDS
    from bridge.simulation.seeds import run_many

    kinds = tuple(FAULT_KINDS) if faults is None else _kinds(faults, FAULT_KINDS)
    if seed is not None:
        _replay(seed, kinds)
        return
    wanted = seeds if seeds is not None else (10**9 if minutes else 100)
    summary = run_many(range(first, first + wanted), kinds, minutes=minutes, jobs=jobs)
    sys.exit(_print_summary(summary, "" if faults is None else f" --faults {faults}"))


def _print_summary(summary: SimulationSummary, options: str) -> int:
    """Print the summary and every violation; give the exit code. `options` are repeated in the commands to type."""
    for line in summary.lines():
        click.echo(line)
    for result in summary.failed:
        for violation in result.violations:
            click.echo(f"seed {result.seed}: {violation}")
        click.echo(f"    repeat: sherpa-bridge simulate --seed {result.seed}{options}")
    return 1 if summary.failed else 0


def _kinds(text: str, known: Collection[str]) -> tuple[str, ...]:
    names = [] if text == "none" else [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.UsageError(f"--faults: unknown kind {name!r}. Known kinds: {', '.join(known)}.")
    return tuple(names)


def _replay(seed: int, kinds: tuple[str, ...]) -> None:
    from bridge.simulation.plan import draw_plan
    from bridge.simulation.runner import simulate

    plan = draw_plan(seed, kinds)
    result = simulate(plan, keep_trace=True)
    for line in result.lines:
        click.echo(line)
    click.echo(f"seed {seed}: faults {', '.join(plan.fault_kinds) or 'none'}; {result.seconds:.1f} simulated seconds")
    click.echo(f"trace {result.digest}")
    for violation in result.violations:
        click.echo(f"violated: {violation}")
    sys.exit(1 if result.violations else 0)
