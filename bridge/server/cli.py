"""The command `sherpa-bridge`: serve, check-config, ticket, simulate."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bridge.simulation.cli import simulate
from reports.cli_common import CommandGroup, FilePath, show_usage_error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from bridge.server.config.settings import BridgeSettings
    from bridge.server.process.systemd import InheritedSockets
    from bridge.server.process.worker import UpstreamFactory
    from reports.first_steps import FirstSteps

NAME = "sherpa-bridge"
#: Options of the upstream, with their names in `bridge.config.resolve.Flags`.
_UPSTREAM = {
    "upstream": "base_url",
    "dialect": "dialect",
    "model": "model",
    "api_key_env": "api_key_env",
    "api_key_file": "api_key_file",
    "config": "config",
}


def _first_steps() -> FirstSteps:
    from pathlib import Path

    from bridge.server.first_steps import first_steps

    return first_steps(os.environ, Path())


@click.group(cls=CommandGroup, first_steps=_first_steps, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sherpa-realtime", prog_name=NAME, message="%(prog)s %(version)s")
def cli() -> None:
    """Connect voice clients to the OpenAI Realtime API, without losing audio or hiding errors."""


cli.add_command(simulate)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `serve` and `check-config`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--host", help="Address to listen on.  [default: 127.0.0.1]"),
    click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 for any free port.  [default: 8765]"),
    click.option("--admin-listen", metavar="HOST:PORT", help="Serve health and metrics there, apart from clients."),
    click.option("--upstream", metavar="URL", help="Base URL of the upstream.  [default: the OpenAI API]"),
    click.option("--dialect", type=click.Choice(["auto", "ga", "beta"]), help="Upstream dialect.  [default: ga]"),
    click.option("--model", help="Model for clients that request none."),
    click.option("--allow-origin", multiple=True, metavar="ORIGIN", help="Origin that may connect; repeatable."),
    click.option("--client-token-env", metavar="NAME", help="Environment variable with the clients' token."),
    click.option("--max-sessions", type=click.IntRange(1), help="Maximum number of clients.  [default: 1000]"),
    click.option("--workers", type=click.IntRange(1, 64), help="Number of worker processes.  [default: 1]"),
    click.option("--tls-cert", metavar="FILE", help="Certificate chain (PEM)."),
    click.option("--tls-key", metavar="FILE", help="Private key (PEM, no password)."),
    click.option("--allow-anonymous", is_flag=True, default=None, help="Require no token beyond loopback."),
    click.option("--api-key-env", metavar="NAME", help="Environment variable with the API key."),
    click.option("--api-key-file", metavar="FILE", help="File with the API key."),
    click.option(
        "--log-format",
        type=click.Choice(["json", "console"]),
        help="json on stdout, console on stderr.  [default: json, console on a terminal]",
    ),
    click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="[default: info]"),
    click.option("--config", type=FilePath(), help="Settings file to use instead of sherpa.toml."),
    click.option(
        "--simulate",
        is_flag=False,
        flag_value="good",
        metavar="[SCENARIO]",
        help="Use a simulator; no API key needed.",
    ),
)


@cli.command(short_help="Serve voice clients and SDKs on one port.")
@_options
def serve(**given: Any) -> None:
    """Serve the client endpoint and the native endpoint on one port.

    SIGTERM or Ctrl-C drains running sessions; a second one stops at once.

    You can also set every option in [bridge] of sherpa.toml or in SHERPA_BRIDGE_* variables. Some settings (prewarm,
    locked, mint, voice, limits) have no option. Options override variables, and variables override the file.

    \b
    sherpa-bridge serve --simulate           no API key, no network
    OPENAI_API_KEY=... sherpa-bridge serve   the OpenAI API
    """  # noqa: D301 - click keeps the lines after this character as they are
    inherited = _inherited_sockets()
    given |= inherited.options()
    settings = _settings(given)
    open_upstream = _simulated(settings) if settings.simulate else _configured(settings)
    _serve(settings, open_upstream, inherited, reload=lambda: _read_settings(given))


@cli.command("check-config", short_help="Check the settings without starting the bridge.")
@_options
def check_config(**given: Any) -> None:
    """Print the settings that `serve` would use, or every error with its place.

    This makes no connection. To test the API key, run: sherpa-probe access
    """
    from bridge.server.banner import config_lines

    settings = _settings(given)
    if settings.simulate is None:
        _configured(settings)
    for row in config_lines(settings):
        click.echo(row)
    click.echo("The configuration is valid.")


@cli.command(short_help="Print a ticket for a browser.")
@click.option("--client-token-env", required=True, metavar="NAME", help="Environment variable with the clients' token.")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(1, 600), help="Lifetime of the ticket.")
@click.option("--subject", default="", metavar="ID", help="Whose ticket it is; limits per identity count by it.")
def ticket(client_token_env: str, seconds: int, subject: str) -> None:
    """Print a ticket: a short-lived token for one connection of a browser."""
    import time

    from bridge.config.toml_file import ConfigError
    from bridge.server.admission.tickets import make_ticket
    from bridge.server.config.sourced_value import SourcedValue, client_token

    try:
        token = client_token(SourcedValue(client_token_env, "--client-token-env"), os.environ)
    except ConfigError as error:
        _fail(*error.lines)
    if token is None:
        return
    try:
        click.echo(make_ticket(token, time.time(), seconds, subject).reveal())
    except ValueError as error:
        _fail(f"--subject: {error}")


def _inherited_sockets() -> InheritedSockets:
    from bridge.server.process.systemd import ActivationError, take_inherited_sockets

    try:
        return take_inherited_sockets(os.environ)
    except ActivationError as error:
        _fail(f"socket activation: {error}")


def _settings(given: dict[str, Any]) -> BridgeSettings:
    from bridge.config.toml_file import ConfigError

    if given["simulate"] is not None:
        _check_simulation(given["simulate"], {name: given[option] for option, name in _UPSTREAM.items()})
    try:
        settings = _read_settings(given)
    except ConfigError as error:
        _fail(*error.lines)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)
    return settings


def _read_settings(given: dict[str, Any]) -> BridgeSettings:
    """Read all settings. Raises ConfigError."""
    from pathlib import Path

    from bridge.config.resolve import Flags
    from bridge.server.config.resolve import BridgeFlags, read_bridge_settings

    upstream = {name: given[option] for option, name in _UPSTREAM.items()}
    options = {name: value for name, value in given.items() if name not in {*_UPSTREAM, "simulate"}}
    flags = BridgeFlags(options=options, upstream=Flags(**upstream), simulate=given["simulate"])
    return read_bridge_settings(flags, os.environ, Path())


def _check_simulation(name: str, upstream: dict[str, Any]) -> None:
    """Exit with 2 for an unknown scenario, or for options that a simulated upstream would ignore."""
    for option in ("upstream", "api_key_env", "api_key_file"):
        if upstream[_UPSTREAM[option]] is not None:
            written = f"--{option.replace('_', '-')}"
            _fail(f"--simulate has an upstream and a key of its own: it can't be combined with {written}")
    from bridge.config.toml_file import did_you_mean
    from bridge.simulator.faults.scenarios import SCENARIOS

    if name not in SCENARIOS:
        _fail(f"--simulate: unknown scenario {name!r}{did_you_mean(name, SCENARIOS)}")


def _configured(settings: BridgeSettings) -> UpstreamFactory:
    """Return the configured upstream, after a check that its URL can be used."""
    from bridge.server.assembly import make_connector, upstream_from_config
    from bridge.server.process.worker import configured_upstream

    try:
        make_connector(settings, upstream_from_config(settings.upstream))
    except ValueError as error:
        _fail(f"{settings.upstream.base_url.source}: {error}")
    return configured_upstream(settings)


def _simulated(settings: BridgeSettings) -> UpstreamFactory:
    """Return the embedded simulator as the upstream; each worker runs its own."""
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
        simulated = Settings(scenario=scenario, dialect="both" if dialect is Dialect.BETA else "ga", control=True)
        async with open_simulator(simulated) as running:
            yield make_upstream(running.base_url, Secret(running.key_for(scenario)), dialect=dialect)

    return opened


def _serve(
    settings: BridgeSettings,
    open_upstream: UpstreamFactory,
    inherited: InheritedSockets,
    reload: Callable[[], BridgeSettings],
) -> None:
    import signal
    from contextlib import suppress
    from functools import partial

    import trio

    from bridge.server.banner import banner_lines
    from bridge.server.process.signals import handle_signals
    from bridge.server.process.supervisor import WorkerSupervisor
    from bridge.server.process.systemd import ServiceManager
    from bridge.server.process.worker import (
        make_log,
        open_standard_descriptors,
        raise_file_limit,
        serve_worker,
        tame_garbage_collection,
    )
    from bridge.server.process.worker_process import WorkerProcess
    from bridge.telemetry.foreign_logs import foreign_logs_to

    open_standard_descriptors()
    raise_file_limit()
    listening = inherited.clients or _listening(settings.host, settings.port, "--port")
    admin = inherited.admin
    if admin is None and settings.admin is not None:
        admin = _listening(settings.admin.host, settings.admin.port, "--admin-listen")
    manager = ServiceManager.from_environment(os.environ)
    log = make_log(settings, terminal=sys.stdout is not None and sys.stdout.isatty())

    def ready() -> None:
        manager.ready()
        with suppress(OSError, ValueError):  # the disk is full, or stderr closed: that must not end the bridge
            admin_port = admin.getsockname()[1] if admin else None
            for line in banner_lines(settings, listening.getsockname()[1], admin_port):
                click.echo(line, err=True)

    tame_garbage_collection()
    handle_signals(log)
    with listening, foreign_logs_to(log):
        if settings.workers > 1:
            worker = WorkerProcess(listening, open_upstream, settings.workers, reload=reload, admin=admin)
            ended_by = WorkerSupervisor(settings, worker, log, reload=reload, manager=manager).run(ready)
        else:
            serve = partial(
                serve_worker,
                settings,
                listening,
                open_upstream,
                admin=admin,
                log=log,
                reload=reload,
                manager=manager,
                ready=ready,
            )
            with log.in_background():
                ended_by = trio.run(serve)
    if ended_by is signal.SIGINT:
        raise click.Abort


def _listening(host: str, port: int, option: str) -> socket.socket:
    import errno

    from bridge.server.process.worker import listen

    try:
        return listen(host, port)
    except OSError as error:
        known = error.errno is not None and error.errno in errno.errorcode  # otherwise the host name wasn't found
        reason = os.strerror(error.errno or 0) if known else error.strerror or str(error)
        hint = (
            f". Stop the process that uses it, or choose another port with {option}"
            if error.errno == errno.EADDRINUSE
            else ""
        )
        _fail(f"can't listen on {host} port {port}: {reason.lower()}{hint}")


class _SettingsError(click.ClickException):
    """The settings are invalid."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        """Keep the command that was called, for the message."""
        super().__init__(message)
        self.ctx = click.get_current_context(silent=True)


def _fail(*lines: str) -> NoReturn:
    """Exit with code 2 and these errors. The probes' option --base-url is named --upstream here."""
    errors = [line.replace("--base-url", "--upstream") for line in lines]
    raise _SettingsError(errors[0] if len(errors) == 1 else "\n  ".join((f"{len(errors)} invalid settings:", *errors)))


def main() -> None:
    """Run the command. Exits with 2 for wrong usage or settings, and with 130 after Ctrl-C."""
    try:
        code = cli.main(prog_name=NAME, standalone_mode=False)
    except click.ClickException as error:
        code = show_usage_error(error, NAME)
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
