"""The command `sherpa-sim`: serve a simulated Realtime API, or list its scenarios and faults."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import click

from reports.cli_common import CommandGroup, show_usage_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.protocol.recordings.capture import Capture
    from bridge.simulator.certificate import ServerTls
    from bridge.simulator.faults.base import Fault
    from bridge.simulator.settings import Settings
    from reports.first_steps import FirstSteps

NAME = "sherpa-sim"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _first_steps() -> FirstSteps:
    from bridge.simulator.first_steps import first_steps

    return first_steps()


@click.group(cls=CommandGroup, first_steps=_first_steps, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sherpa-realtime", prog_name=NAME, message="%(prog)s %(version)s")
def cli() -> None:
    """Run a simulator of the OpenAI Realtime API, with faults on demand. It needs no API key and no network."""


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8766,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 for any free port.",
)
@click.option(
    "--dialect",
    type=click.Choice(["ga", "beta", "both"]),
    default="ga",
    show_default=True,
    help="API version; both: the client's OpenAI-Beta header decides.",
)
@click.option(
    "--scenario", default="good", show_default=True, help="Scenario of keys that select none; see `sherpa-sim list`."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME:ARGS",
    help="Add a fault to every connection; repeatable; see `sherpa-sim list`.",
)
@click.option(
    "--recording",
    default="",
    metavar="FILE",
    help="Play this recorded session to every client; see `sherpa-probe record`.",
)
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same ids and random faults.")
@click.option(
    "--time-scale", default=1.0, show_default=True, help="Sessions age this many times as fast (720: 60 min in 5 s)."
)
@click.option("--pace", default=1.0, show_default=True, help="Responses are this many times as fast as recorded.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Number of processes on the port."
)
@click.option("--control", is_flag=True, help="Serve the control API below /_sim/.")
@click.option("--allow-remote", is_flag=True, help="Allow a --host beyond loopback.")
@click.option("--tls", is_flag=True, help="Serve https: and wss: with a certificate of its own making.")
@click.option("--tls-cert", default="", metavar="FILE", help="Serve https: and wss: with this certificate chain (PEM).")
@click.option("--tls-key", default="", metavar="FILE", help="Its private key (PEM, no password).")
def serve(
    host: str,
    port: int,
    dialect: str,
    scenario: str,
    faults: tuple[str, ...],
    recording: str,
    seed: int,
    time_scale: float,
    pace: float,
    workers: int,
    control: bool,
    allow_remote: bool,
    tls: bool,
    tls_cert: str,
    tls_key: str,
) -> None:
    """Serve REST and WebSockets on one port until you press Ctrl-C.

    Point your program at the base URL that is printed, and use any API key that begins with `sk-`. The key selects the
    scenario:

    \b
      sk-invalid...      the key is refused
      sk-noquota...      the account has no credit
      sk-scenario-NAME   the scenario NAME; see `sherpa-sim list`
      any other key      the scenario of --scenario
    """  # noqa: D301 - click's mark for lines that stay as they are is this very character
    from bridge.simulator.faults.scenarios import SCENARIOS
    from bridge.simulator.settings import Settings, time_factor_error

    if scenario not in SCENARIOS:
        _usage(f"unknown scenario '{scenario}'{_suggestion(scenario, SCENARIOS)}")
    if control and workers > 1:
        _usage("--control needs --workers 1, because a control call reaches only one process")
    if workers > 1 and sys.platform == "win32":
        _usage("--workers needs Unix processes, which Windows doesn't have")
    if fault := time_factor_error("--time-scale", time_scale) or time_factor_error("--pace", pace):
        _usage(fault)
    if host not in _LOOPBACK and not allow_remote:
        _usage(f"other machines can reach {host}, and any API key is accepted; add --allow-remote to allow this")
    settings = Settings(
        scenario=scenario,
        faults=_faults(faults),
        dialect="both" if dialect == "both" else "beta" if dialect == "beta" else "ga",
        seed=seed,
        time_scale=time_scale,
        pace=pace,
        control=control,
        recording=_recording(recording) if recording else None,
    )
    with _tls(host, made=tls, cert=tls_cert, key=tls_key) as secure:
        sys.exit(_serve(settings, host, port, workers, secure))


def _recording(path: str) -> Capture:
    from bridge.protocol.recordings.capture import MAX_LINE_BYTES, CaptureFormatError, parse_capture
    from bridge.simulator.session.recorded import unplayable

    try:
        with open(path, "rb") as file:  # noqa: PTH123 - no pathlib for one call
            capture = parse_capture(path, iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""))
    except CaptureFormatError as error:
        _usage(str(error))
    except (OSError, ValueError) as error:
        _usage(f"can't read {path}: {(getattr(error, 'strerror', None) or str(error)).lower()}")
    if why := unplayable(capture):
        _usage(f"{path} can't be played: {why}")
    return capture


@contextmanager
def _tls(host: str, *, made: bool, cert: str, key: str) -> Iterator[ServerTls | None]:
    """Give the TLS side that the options ask for, None for plain HTTP; a wrong option is a usage error."""
    from bridge.config.tls import tls_context
    from bridge.config.toml_file import ConfigError
    from bridge.simulator.certificate import CertificateError, ServerTls, make_certificate

    if made and (cert or key):
        _usage("--tls makes a certificate; without it, pass --tls-cert and --tls-key")
    if bool(cert) != bool(key):
        _usage(f"{'--tls-cert' if cert else '--tls-key'} needs {'--tls-key' if cert else '--tls-cert'} as well")
    try:
        if made:
            with make_certificate(host) as secure:
                yield secure
        else:
            yield ServerTls(tls_context(cert, key)) if cert else None
    except (CertificateError, ConfigError) as error:
        _usage(str(error))


def _serve(settings: Settings, host: str, port: int, workers: int, secure: ServerTls | None) -> int:
    from bridge.simulator.serve import listen, serve_many, serve_one

    try:
        listening = listen(host, port)
    except OSError as error:
        _usage(f"can't listen on {host} port {port}: {_why_not(error)}")
    bound = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host

    scheme, context = ("https", secure.context) if secure else ("http", None)

    def ready() -> None:
        for line in _banner(settings, f"{scheme}://{shown}:{bound}", workers, secure):
            click.echo(line, err=True)

    with listening:
        if workers > 1:
            return serve_many(settings, listening, workers, ready, ssl_context=context)
        return serve_one(settings, listening, ready, ssl_context=context)


def _why_not(error: OSError) -> str:
    """Return the reason why the port can't be used, without the address that Python adds to it."""
    import errno
    import os

    known = error.errno is not None and error.errno in errno.errorcode  # otherwise the host name wasn't found
    reason = os.strerror(error.errno or 0) if known else error.strerror or str(error)
    hint = "; stop the program that uses it, or choose another --port" if error.errno == errno.EADDRINUSE else ""
    return f"{reason.lower()}{hint}"


def _banner(settings: Settings, address: str, workers: int, secure: ServerTls | None) -> list[str]:
    """The lines to print at the start: the URLs and everything that was configured."""
    from bridge.simulator.faults.registry import describe_fault

    lines = [
        f"simulated Realtime API   {address}/v1   scenario {settings.scenario}, dialect {settings.dialect}",
        f"  OPENAI_BASE_URL={address}/v1 OPENAI_API_KEY=sk-simulated",
    ]
    if secure and secure.authority:
        lines.append(f"  NODE_EXTRA_CA_CERTS={secure.authority} SSL_CERT_FILE={secure.authority}")
    if settings.recording is not None:
        header = settings.recording.header
        lines.append(f"  every client gets the session that was recorded {header.started} ({header.tool})")
    lines += [f"  fault {describe_fault(fault)}" for fault in settings.faults]
    if settings.control:
        lines.append(f"  control API at {address}/_sim/")
    if workers > 1:
        lines.append(f"  {workers} worker processes")
    if (settings.time_scale, settings.pace) != (1, 1):
        lines.append(
            f"  sessions age {settings.time_scale:g} times as fast, responses are {settings.pace:g} times as fast"
        )
    return [*lines, "  stop with Ctrl-C"]


def _faults(texts: tuple[str, ...]) -> tuple[Fault, ...]:
    from bridge.simulator.faults.registry import FaultError, parse_fault

    try:
        return tuple(parse_fault(text) for text in texts)
    except FaultError as error:
        _usage(str(error))


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(as_json: bool) -> None:
    """List all scenarios, faults with their settings, and moments."""
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
    click.echo("Scenarios: use --scenario NAME, or the API key sk-scenario-NAME\n")
    for one in SCENARIOS.values():
        click.echo(_wrapped(f"{one.name:{width}}{one.summary}", 2, 2 + width))
    click.echo("\nFaults: use --fault NAME:key=value,... (shown with the default values)\n")
    for kind in FAULTS.values():
        click.echo(_wrapped(describe_fault(kind), 2, 4))
        click.echo(_wrapped(kind.summary, 6, 6))
    click.echo()
    click.echo(_wrapped(f"Moments for at=: {', '.join(MOMENTS)}; nth=0 means every time", 0, 2))


def _wrapped(text: str, first: int, then: int) -> str:
    """Wrap a line to 80 columns."""
    import textwrap

    wrapper = textwrap.TextWrapper(80, " " * first, " " * then, break_long_words=False, break_on_hyphens=False)
    return wrapper.fill(text)


def _suggestion(name: str, known: object) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known) if isinstance(known, dict) else [], n=1)
    return f": did you mean '{close[0]}'?" if close else "; `sherpa-sim list` lists the scenarios"


def _usage(message: str) -> NoReturn:
    raise click.UsageError(message, click.get_current_context(silent=True))


def main() -> None:
    """Run the command. Exits with 2 for wrong usage and with 130 after an interrupt."""
    try:
        code = cli.main(prog_name=NAME, standalone_mode=False)
    except click.ClickException as error:
        code = show_usage_error(error, NAME)
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except OSError as error:  # stdout cannot be written: /dev/full, or a closed stream
        from reports.console import discard_output, output_error, print_error

        print_error(NAME, str(output_error(error)), "")
        discard_output(sys.stdout)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)
