"""The command `sherpa-bridge`: serve, check the configuration, make a ticket, simulate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bridge.simulation.cli import simulate

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bridge.server.config.settings import BridgeSettings
    from bridge.server.process.worker import UpstreamFactory

#: Options that are the upstream's: their names in `bridge.config.resolve.Flags`.
_UPSTREAM = {
    "upstream": "base_url",
    "dialect": "dialect",
    "model": "model",
    "api_key_env": "api_key_env",
    "api_key_file": "api_key_file",
    "config": "config",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Bridge voice clients to the OpenAI Realtime API: nothing said is lost, no error is swallowed."""


cli.add_command(simulate)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what `serve` and `check-config` take."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--host", help="Address to listen on.  [default: 127.0.0.1]"),
    click.option("--port", type=click.IntRange(0, 65535), help="0: any free port.  [default: 8765]"),
    click.option("--upstream", metavar="URL", help="Base URL of the service.  [default: the public API]"),
    click.option("--dialect", type=click.Choice(["auto", "ga", "beta"]), help="What to speak upstream.  [default: ga]"),
    click.option("--model", help="For clients that name none."),
    click.option("--allow-origin", multiple=True, metavar="ORIGIN", help="A page that may connect; repeatable."),
    click.option("--client-token-env", metavar="NAME", help="Variable that holds the token clients must show."),
    click.option("--max-sessions", type=click.IntRange(1), help="Clients at the same time.  [default: 1000]"),
    click.option("--workers", type=click.IntRange(1, 64), help="Processes on one port.  [default: 1]"),
    click.option("--tls-cert", metavar="FILE", help="Certificate chain, PEM."),
    click.option("--tls-key", metavar="FILE", help="Its key, PEM, without a password."),
    click.option("--allow-anonymous", is_flag=True, default=None, help="Listen beyond loopback without client auth."),
    click.option("--api-key-env", metavar="NAME", help="Variable that holds the upstream's key."),
    click.option("--api-key-file", metavar="FILE", help="File that holds the upstream's key."),
    click.option("--log-format", type=click.Choice(["json", "console"]), help="[default: json, console on a terminal]"),
    click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="[default: info]"),
    click.option("--config", type=click.Path(path_type=Path), help="Settings file instead of sherpa.toml."),
    click.option(
        "--simulate", is_flag=False, flag_value="good", metavar="[SCENARIO]", help="Use an embedded simulator: no key."
    ),
)


@cli.command(short_help="Serve voice clients and SDKs on one port.")
@_options
def serve(**given: Any) -> None:
    """Serve both doors on one port until SIGTERM or Ctrl-C, which drain; a second one ends at once.

    Everything can stand in [bridge] of sherpa.toml, or in SHERPA_BRIDGE_* variables, as well; what is tuned seldom
    (prewarm, locked, mint, voice, limits) stands only there. Options win over variables, those over the file.

    \b
    sherpa-bridge serve --simulate           no key, no network
    OPENAI_API_KEY=... sherpa-bridge serve   the real service
    """  # noqa: D301 - click's mark for lines that stay as they are is this very character
    settings = _settings(given)
    open_upstream = _simulated(settings) if settings.simulate else _configured(settings)
    _serve(settings, open_upstream)


@cli.command("check-config", short_help="Say what `serve` would do, or everything that is wrong.")
@_options
def check_config(**given: Any) -> None:
    """Say what `serve` with these options would do; or everything that is wrong, and where.

    Nothing is opened and nobody is asked: whether the key is good is told by `sherpa-probe access`.
    """
    from bridge.server.banner import config_lines

    settings = _settings(given)
    if settings.simulate is None:
        _configured(settings)
    for row in config_lines(settings):
        click.echo(row)
    click.echo("The configuration is good.")


@cli.command(short_help="Print a ticket for one connection, for a browser.")
@click.option("--client-token-env", required=True, metavar="NAME", help="Variable that holds the bridge's token.")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(1, 600), help="How long it is good.")
def ticket(client_token_env: str, seconds: int) -> None:
    """Print a ticket: a token for one connection, to give to a browser."""
    import time

    from bridge.server.admission.tickets import make_ticket
    from bridge.server.config.resolve import ConfigError, SourcedValue, client_token

    try:
        token = client_token(SourcedValue(client_token_env, "--client-token-env"), os.environ)
    except ConfigError as error:
        _wrong(*error.lines)
    if token is not None:
        click.echo(make_ticket(token, time.time(), seconds).reveal())


def _settings(given: dict[str, Any]) -> BridgeSettings:
    from bridge.config.resolve import Flags
    from bridge.server.config.resolve import BridgeFlags, ConfigError, read_bridge_settings

    simulate = given.pop("simulate")
    upstream = {name: given.pop(option) for option, name in _UPSTREAM.items()}
    if simulate is not None:
        _check_scenario(simulate)
    try:
        flags = BridgeFlags(options=given, upstream=Flags(**upstream), simulate=simulate)
        settings = read_bridge_settings(flags, os.environ, Path())
    except ConfigError as error:
        _wrong(*error.lines)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    return settings


def _check_scenario(name: str) -> None:
    from bridge.config.toml_file import did_you_mean
    from bridge.simulator.faults.scenarios import SCENARIOS

    if name not in SCENARIOS:
        _wrong(f"--simulate: there is no scenario {name!r}{did_you_mean(name, SCENARIOS)}")


def _configured(settings: BridgeSettings) -> UpstreamFactory:
    """Give the configured upstream, once it is known that it can be asked at all."""
    from bridge.server.assembly import make_connector, upstream_from_config
    from bridge.server.process.worker import configured_upstream

    try:
        make_connector(settings, upstream_from_config(settings.upstream))
    except ValueError as error:
        _wrong(f"{settings.upstream.base_url.source}: {error}")
    return configured_upstream(settings)


def _simulated(settings: BridgeSettings) -> UpstreamFactory:
    """Give a simulator of our own as the upstream; each worker runs one."""
    from contextlib import asynccontextmanager
    from typing import TYPE_CHECKING

    from bridge.protocol.dialects.detection import Dialect
    from bridge.server.assembly import initial_dialect
    from bridge.simulator.embedded import open_simulator
    from bridge.simulator.settings import Settings
    from bridge.upstream.service import make_upstream
    from reports.redaction import Secret

    if TYPE_CHECKING:
        from collections.abc import AsyncGenerator

        from bridge.upstream.service import UpstreamService

    dialect = initial_dialect(settings.upstream)
    scenario = settings.simulate or "good"

    @asynccontextmanager
    async def opened() -> AsyncGenerator[UpstreamService, None]:
        simulated = Settings(scenario=scenario, dialect="both" if dialect is Dialect.BETA else "ga")
        async with open_simulator(simulated) as running:
            yield make_upstream(running.base_url, Secret(running.key_for(scenario)), dialect=dialect)

    return opened


def _serve(settings: BridgeSettings, open_upstream: UpstreamFactory) -> None:
    import signal
    from functools import partial

    import trio

    from bridge.server.banner import banner_lines
    from bridge.server.process.supervisor import WorkerSupervisor
    from bridge.server.process.worker import make_log, raise_file_limit, serve_worker

    raise_file_limit()
    listening = _listening(settings)
    log = make_log(settings, terminal=sys.stderr.isatty())

    def ready() -> None:
        for line in banner_lines(settings, listening.getsockname()[1]):
            click.echo(line, err=True)

    with listening:
        if settings.workers > 1:
            ended_by = WorkerSupervisor(settings, listening, open_upstream, log).run(ready)
        else:
            ended_by = trio.run(partial(serve_worker, settings, listening, open_upstream, log=log, ready=ready))
    if ended_by is signal.SIGINT:
        raise click.Abort


def _listening(settings: BridgeSettings) -> socket.socket:
    import errno

    from bridge.server.process.worker import listen

    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        known = error.errno is not None and error.errno in errno.errorcode  # else the name was not found
        what = os.strerror(error.errno or 0) if known else error.strerror or str(error)
        hint = "; end what listens there, or take another port with --port" if error.errno == errno.EADDRINUSE else ""
        _wrong(f"cannot listen on {settings.host} port {settings.port}: {what.lower()}{hint}")


class _WrongSettings(click.ClickException):
    """What was configured cannot be done."""

    exit_code = 2


def _wrong(*lines: str) -> NoReturn:
    """Refuse; the option that the probes call --base-url has another name here."""
    told = [line.replace("--base-url", "--upstream") for line in lines]
    raise _WrongSettings(told[0] if len(told) == 1 else "\n  ".join((f"{len(told)} settings are wrong:", *told)))


def main() -> None:
    """Run the command; wrong usage or configuration exits 2, an interrupt 130."""
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
