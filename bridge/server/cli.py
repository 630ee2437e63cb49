"""The command `sherpa-bridge`: serve, check the configuration, make a ticket, simulate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bridge.simulation.cli import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.server.settings import BridgeSettings
    from bridge.server.worker import OpenUpstream

#: Options that are the upstream's: their names in `bridge.config.Flags`.
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


@cli.command()
@_options
def serve(**given: Any) -> None:
    """Serve both doors on one port until SIGTERM or Ctrl-C, which drain; a second one ends at once.

    Everything can stand in [bridge] of sherpa.toml, or in SHERPA_BRIDGE_* variables, as well.
    """
    settings = _settings(given)
    open_upstream = _simulated(settings) if settings.simulate else _configured(settings)
    _serve(settings, open_upstream)


@cli.command("check-config")
@_options
def check_config(**given: Any) -> None:
    """Say whether `serve` with these options could start, and what is wrong and where if not."""
    settings = _settings(given)
    if settings.simulate is None:
        _configured(settings)
    rules = settings.clients
    upstream = "simulated" if settings.simulate else settings.upstream.base_url.value
    rows = (
        ("listens on", f"{settings.host}:{settings.port}{', TLS' if settings.tls_cert else ''}"),
        ("upstream", f"{upstream}   {settings.upstream.model.value}"),
        ("clients", f"token {rules.token.hint}" if rules.token else "anyone who can connect"),
        ("pages", ", ".join(rules.origins) or "of this machine"),
        ("locked", ", ".join(sorted(rules.locked)) or "nothing"),
        ("sessions", f"{rules.max_sessions}, {settings.workers} worker{'s' if settings.workers > 1 else ''}"),
    )
    for name, value in rows:
        click.echo(f"{name:12}{value}")
    for warning in settings.upstream.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo("The configuration is good.")


@cli.command()
@click.option("--client-token-env", required=True, metavar="NAME", help="Variable that holds the bridge's token.")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(1, 600), help="How long it is good.")
def ticket(client_token_env: str, seconds: int) -> None:
    """Print a ticket: a token for one connection, to give to a browser."""
    import time

    from bridge.config import ConfigError
    from bridge.key_source import key_from_environment
    from bridge.server.tickets import make_ticket

    try:
        found = key_from_environment(client_token_env, os.environ)
    except ConfigError as error:
        _usage(str(error))
    if found is None:
        _usage(f"the environment variable {client_token_env} is not set")
    click.echo(make_ticket(found.secret, time.time(), seconds).reveal())


def _settings(given: dict[str, Any]) -> BridgeSettings:
    from bridge.config import Flags
    from bridge.server.config import BridgeFlags, ConfigError, read_bridge_settings

    simulate = given.pop("simulate")
    upstream = {name: given.pop(option) for option, name in _UPSTREAM.items()}
    if simulate is not None:
        _check_scenario(simulate)
    try:
        flags = BridgeFlags(given=given, upstream=Flags(**upstream), simulate=simulate)
        return read_bridge_settings(flags, os.environ, Path())
    except ConfigError as error:
        _usage(str(error))


def _check_scenario(name: str) -> None:
    from bridge.settings_file import did_you_mean
    from bridge.simulator.scenarios import SCENARIOS

    if name not in SCENARIOS:
        _usage(f"--simulate: there is no scenario {name!r}{did_you_mean(name, SCENARIOS)}")


def _configured(settings: BridgeSettings) -> OpenUpstream:
    """Give the configured upstream, once it is known that it can be asked at all."""
    from bridge.server.house import connector_of, upstream_of
    from bridge.server.worker import open_configured

    try:
        connector_of(settings, upstream_of(settings.upstream))
    except ValueError as error:
        _usage(f"{settings.upstream.base_url.source}: {error}")
    return open_configured(settings)


def _simulated(settings: BridgeSettings) -> OpenUpstream:
    """Give a simulator of our own as the upstream; each worker runs one."""
    from contextlib import asynccontextmanager
    from typing import TYPE_CHECKING

    from bridge.protocol.dialects import Dialect
    from bridge.secret import Secret
    from bridge.server.house import dialect_of
    from bridge.simulator.embedded import open_simulator
    from bridge.simulator.settings import Settings
    from bridge.upstream.upstream import upstream_at

    if TYPE_CHECKING:
        from collections.abc import AsyncGenerator

        from bridge.upstream.upstream import Upstream

    dialect = dialect_of(settings.upstream)
    scenario = settings.simulate or "good"

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Upstream, None]:
        simulated = Settings(scenario=scenario, dialect="both" if dialect is Dialect.BETA else "ga")
        async with open_simulator(simulated) as running:
            yield upstream_at(running.base_url, Secret(running.key_for(scenario)), dialect=dialect)

    return opened


def _serve(settings: BridgeSettings, open_upstream: OpenUpstream) -> None:
    import trio

    from bridge.server.serve import NATIVE_PATH, SHERPA_PATH
    from bridge.server.worker import listen, open_log, raise_file_limit, serve_worker
    from bridge.server.workers import Workers

    raise_file_limit()
    try:
        listening = listen(settings.host, settings.port)
    except OSError as error:
        _usage(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}")
    log = open_log(settings, terminal=sys.stderr.isatty())
    bound = listening.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "s" if settings.tls_cert else ""

    def ready() -> None:
        upstream = "a simulator" if settings.simulate else settings.upstream.base_url.value
        click.echo(f"sherpa-bridge   ws{scheme}://{host}:{bound}{SHERPA_PATH}   upstream {upstream}", err=True)
        click.echo(
            f"  for SDKs: OPENAI_BASE_URL=http{scheme}://{host}:{bound}{NATIVE_PATH.removesuffix('/realtime')}",
            err=True,
        )
        click.echo("  stop with Ctrl-C", err=True)

    with listening:
        if settings.workers > 1:
            Workers(settings, listening, open_upstream, log).run(ready)
        else:
            from functools import partial

            trio.run(partial(serve_worker, settings, listening, open_upstream, log=log, ready=ready))


def _usage(message: str) -> NoReturn:
    """Refuse; the option that the probes call --base-url has another name here."""
    raise click.UsageError(message.replace("--base-url", "--upstream"))


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
