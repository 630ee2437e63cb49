"""The command `sherpa-sim`: serve a simulated Realtime API, or list what it can do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.settings import Settings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sherpa-realtime", prog_name="sherpa-sim", message="%(prog)s %(version)s")
def cli() -> None:
    """Run a simulated OpenAI Realtime API: no key, no network, faults on demand."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8766, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--dialect", type=click.Choice(["ga", "beta", "both"]), default="ga", show_default=True)
@click.option(
    "--scenario", default="good", show_default=True, help="For keys that ask for none; see `sherpa-sim list`."
)
@click.option("--fault", "faults", multiple=True, metavar="NAME:ARGS", help="Repeatable; see `sherpa-sim list`.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same ids and chances.")
@click.option(
    "--time-scale", default=1.0, show_default=True, help="Sessions age so many times as fast (720: 60 min in 5 s)."
)
@click.option("--pace", default=1.0, show_default=True, help="Answers come so many times as fast as recorded.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes on one port.")
@click.option("--control", is_flag=True, help="Serve the control API under /_sim/.")
@click.option("--allow-remote", is_flag=True, help="Listen beyond loopback all the same.")
def serve(
    host: str,
    port: int,
    dialect: str,
    scenario: str,
    faults: tuple[str, ...],
    seed: int,
    time_scale: float,
    pace: float,
    workers: int,
    control: bool,
    allow_remote: bool,
) -> None:
    """Serve REST and WebSocket on one port until interrupted.

    Give your program the base URL that is printed, and any key that begins with sk-. The key chooses the behaviour:
    sk-invalid… is refused, sk-noquota… has no credit, sk-scenario-NAME gets that scenario, every other is good.
    """
    from bridge.simulator.faults.scenarios import SCENARIOS
    from bridge.simulator.settings import Settings, time_factor_error

    if scenario not in SCENARIOS:
        _usage(f"no scenario '{scenario}'{_near(scenario, SCENARIOS)}")
    if control and workers > 1:
        _usage("--control needs --workers 1: a control call reaches one process only")
    if fault := time_factor_error("--time-scale", time_scale) or time_factor_error("--pace", pace):
        _usage(fault)
    if host not in _LOOPBACK and not allow_remote:
        _usage(f"{host} can be reached from elsewhere, and every key is good here: say --allow-remote if you mean it")
    settings = Settings(
        scenario=scenario,
        faults=_faults(faults),
        dialect="both" if dialect == "both" else "beta" if dialect == "beta" else "ga",
        seed=seed,
        time_scale=time_scale,
        pace=pace,
        control=control,
    )
    sys.exit(_serve(settings, host, port, workers))


def _serve(settings: Settings, host: str, port: int, workers: int) -> int:
    from bridge.simulator.serve import listen, serve_many, serve_one

    try:
        listening = listen(host, port)
    except OSError as error:
        _usage(f"cannot listen on {host} port {port}: {error.strerror or error}")
    bound = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host

    def ready() -> None:
        for line in _banner(settings, f"http://{shown}:{bound}", workers):
            click.echo(line, err=True)

    with listening:
        if workers > 1:
            return serve_many(settings, listening, workers, ready)
        return serve_one(settings, listening, ready)


def _banner(settings: Settings, address: str, workers: int) -> list[str]:
    """Say where it listens and everything that was asked for."""
    from bridge.simulator.faults.registry import describe_fault

    lines = [
        f"simulated Realtime API   {address}/v1   scenario {settings.scenario}, dialect {settings.dialect}",
        f"  OPENAI_BASE_URL={address}/v1 OPENAI_API_KEY=sk-simulated",
    ]
    lines += [f"  fault {describe_fault(fault)}" for fault in settings.faults]
    if settings.control:
        lines.append(f"  control API at {address}/_sim/")
    if workers > 1:
        lines.append(f"  {workers} worker processes")
    if (settings.time_scale, settings.pace) != (1, 1):
        lines.append(
            f"  sessions age {settings.time_scale:g} times as fast, answers come {settings.pace:g} times as fast"
        )
    return [*lines, "  stop with Ctrl-C"]


def _faults(texts: tuple[str, ...]) -> tuple[Fault, ...]:
    from bridge.simulator.faults.registry import FaultError, parse_fault

    try:
        return tuple(parse_fault(text) for text in texts)
    except FaultError as error:
        _usage(str(error))


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_(as_json: bool) -> None:
    """List scenarios with the key that asks for each, faults with their settings, and moments."""
    from bridge.simulator.faults.actions import MOMENTS
    from bridge.simulator.faults.registry import FAULTS, describe_fault
    from bridge.simulator.faults.scenarios import SCENARIOS

    if as_json:
        import msgspec

        document = {
            "scenarios": [{"name": one.name, "key": one.key, "summary": one.summary} for one in SCENARIOS.values()],
            "faults": [
                {"name": name, "usage": describe_fault(kind), "summary": kind.summary} for name, kind in FAULTS.items()
            ],
            "moments": list(MOMENTS),
        }
        click.echo(msgspec.json.encode(document))
        return
    width = max(map(len, SCENARIOS)) + 2
    click.echo("Scenarios: --scenario NAME, or the API key sk-scenario-NAME\n")
    for one in SCENARIOS.values():
        click.echo(_wrapped(f"{one.name:{width}}{one.summary}", 2, 2 + width))
    click.echo("\nFaults: --fault NAME:key=value,... (shown with their defaults)\n")
    for kind in FAULTS.values():
        click.echo(_wrapped(describe_fault(kind), 2, 4))
        click.echo(_wrapped(kind.summary, 6, 6))
    click.echo()
    click.echo(_wrapped(f"Moments for at=: {', '.join(MOMENTS)}; nth=0 is every time", 0, 2))


def _wrapped(text: str, first: int, then: int) -> str:
    """Fit a line into 80 columns."""
    import textwrap

    wrapper = textwrap.TextWrapper(80, " " * first, " " * then, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(text)


def _near(name: str, known: object) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known) if isinstance(known, dict) else [], n=1)
    return f": did you mean '{close[0]}'?" if close else "; `sherpa-sim list` shows them all"


def _usage(message: str) -> NoReturn:
    raise click.UsageError(message)


def main() -> None:
    """Run the command; wrong usage exits 2, an interrupt 130."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:  # nowhere to write to: /dev/full, a closed stdout
        from reports.console import discard_output, output_error, print_error

        print_error("sherpa-sim", str(output_error(error)), "")
        discard_output(sys.stdout)
        sys.exit(3)
