"""The commands of `sherpa-probe` that open connections: access, models, events, bridge, smoke, watch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from probes.cli_options import (
    PROBE_OPTIONS,
    PROGRAM,
    SHOW_CONTENT_OPTION,
    TOKEN_OPTION,
    WATCH_OPTIONS,
    complete_from,
    model_names,
    options_from,
    run_and_exit,
    run_offline_and_exit,
    with_options,
)
from reports.cli_common import FilePath

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from pathlib import Path

    from probes.runner.findings import ProbeItem
    from probes.targets.opening import ServiceAndBridge


def _scripts() -> Iterable[str]:
    from probes.conversation.scripts import SCRIPTS

    return SCRIPTS


_SCRIPT = click.option(
    "--script",
    metavar="NAME",
    shell_complete=complete_from(_scripts),
    help="Conversation to play: text, audio, manual, transcription, function, interrupt, long or errors.",
)
_REQUIRE = click.option(
    "--require",
    metavar="MODEL",
    multiple=True,
    shell_complete=complete_from(model_names),
    help="Fail unless this key can use this model in the Realtime API; repeatable.",
)
_WARN_DAYS = click.option(
    "--warn-days",
    metavar="DAYS",
    type=click.IntRange(0, 3650),
    default=60,
    show_default=True,
    help="Warn if a model that you use retires within this many days.",
)


@click.command()
@with_options(PROBE_OPTIONS)
@click.option(
    "--auth",
    type=click.Choice(["all"]),
    help="Also try every form of authentication and URL, and list the ones that work.",
)
def access(auth: str | None, **values: Any) -> None:
    """Can this key open a session?

    Checks in this order: DNS name, TCP and TLS, key, model, client secret, WebSocket upgrade, first frame,
    configuration. When a check fails, the checks after it are skipped.
    """  # noqa: D400 - a question is what it answers
    from probes.access.probe import access as probe
    from probes.targets.opening import service_opener

    run_and_exit("access", partial(probe, all_auth_forms=auth == "all"), options_from(values), service_opener())


@click.command()
@with_options(PROBE_OPTIONS)
@_REQUIRE
@_WARN_DAYS
def models(require: tuple[str, ...], warn_days: int, **values: Any) -> None:
    """Which realtime models can this key use, and which of them retire?

    Names the replacement of each retired model. Fails if a required model is missing, retired, or not a realtime model.
    """  # noqa: D400 - a question is what it answers
    from probes.models.probe import models as probe
    from probes.targets.opening import service_opener

    run_and_exit("models", partial(probe, require=require, warn_days=warn_days), options_from(values), service_opener())


@click.command()
@with_options(PROBE_OPTIONS)
@_SCRIPT
@click.option("--bridge", metavar="URL", help="Play the script through this bridge instead.")
@TOKEN_OPTION
@click.option("--capture", metavar="FILE", type=FilePath(), help="Record all frames in this file.")
@click.option(
    "--from",
    "capture_file",
    metavar="FILE",
    type=FilePath(),
    help="Check a capture file offline, without a connection.",
)
@SHOW_CONTENT_OPTION
def events(
    script: str | None,
    bridge: str | None,
    client_token_env: str | None,
    capture: Path | None,
    capture_file: Path | None,
    show_content: bool,
    **values: Any,
) -> None:
    """Does a session emit the right events in the right order?

    Plays a scripted conversation, shows its events and timing, and checks the events and their order.
    """  # noqa: D400 - a question is what it answers
    from probes.runner.usage import UsageError

    options = options_from(values, timelines=True)
    if capture_file is not None:
        from probes.events.offline import events_offline
        from probes.runner.subject import FileSubject, ignore_subject
        from reports.model import Evidence

        if script or bridge or capture:
            raise UsageError("--from checks a file: it can't be combined with --script, --bridge or --capture")
        named = FileSubject((Evidence("capture", str(capture_file)),))
        run_offline_and_exit(
            "events", ignore_subject(partial(events_offline, capture_file, show_content=show_content)), options, named
        )
    name = check_script(script or "audio")
    if bridge is not None:
        from probes.events.bridge import events_bridge
        from probes.targets.opening import bridge_opener

        through = partial(events_bridge, script=name, capture=capture, show_content=show_content)
        run_and_exit("events", through, options, bridge_opener(bridge, client_token_env))
    from probes.events.probe import events as probe
    from probes.targets.opening import service_opener

    run_and_exit(
        "events", partial(probe, script=name, capture=capture, show_content=show_content), options, service_opener()
    )


@click.command()
@with_options(PROBE_OPTIONS)
@click.option(
    "--url", metavar="URL", help="URL of the bridge; without a path, the client endpoint /api/openai/realtime."
)
@TOKEN_OPTION
def bridge(url: str | None, client_token_env: str | None, **values: Any) -> None:
    """Does a running bridge work, end to end?

    Connects as a browser does, sends speech before the session is ready, receives the response, and checks that no
    millisecond of audio is lost. With --simulate and no --url, checks the reference bridge in front of the simulator.
    """  # noqa: D400 - a question is what it answers
    from probes.bridge.probe import bridge as probe
    from probes.targets.opening import bridge_opener

    run_and_exit("bridge", probe, options_from(values), bridge_opener(url, client_token_env))


@click.command()
@with_options(PROBE_OPTIONS)
@click.option("--bridge", metavar="URL", help="Also check this bridge.")
@TOKEN_OPTION
@_REQUIRE
@_WARN_DAYS
@_SCRIPT
def smoke(
    bridge: str | None,
    client_token_env: str | None,
    require: tuple[str, ...],
    warn_days: int,
    script: str | None,
    **values: Any,
) -> None:
    """Is this ready to deploy? Runs access, models, events and bridge in parallel.

    The result is one verdict and one report. Probes that need a failed one are skipped.
    """
    from probes.smoke.probe import smoke as probe
    from probes.targets.opening import service_and_bridge_opener

    name = check_script(script or "text")

    def run_smoke(both: ServiceAndBridge) -> AsyncGenerator[ProbeItem, None]:
        return probe(both.target, bridge=both.bridge, require=require, warn_days=warn_days, script=name)

    run_and_exit("smoke", run_smoke, options_from(values), service_and_bridge_opener(bridge, client_token_env))


@click.command()
@with_options(WATCH_OPTIONS)
@click.option(
    "--every",
    metavar="SECONDS",
    type=float,
    default=60.0,
    show_default=True,
    help="Time from the start of one run to the start of the next.",
)
@click.option("--count", metavar="N", type=int, help="Stop after this many runs  [default: run until interrupted].")
@click.option(
    "--module",
    "modules",
    metavar="NAME",
    multiple=True,
    default=("access",),
    shell_complete=complete_from(lambda: ("access", "models", "events", "smoke")),
    help="Probe to run: access, models, events, or smoke for all three; repeatable  [default: access].",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve /metrics and /probe?target=NAME&module=NAME for Prometheus.")
@click.option("--target", "targets", metavar="NAME=URL", multiple=True, help="Another target for /probe; repeatable.")
@click.option("--notify", metavar="URL", help="Post each change of the verdict to this webhook, as Slack reads it.")
@click.option("--notify-env", metavar="NAME", help="The same; the environment variable NAME holds the URL, a secret.")
@_REQUIRE
@_WARN_DAYS
@_SCRIPT
def watch(json_: bool, strict: bool, verbose: bool, simulate: str | None, **values: Any) -> None:
    """Run probes at an interval, print a line for each run, and serve metrics for Prometheus.

    Exit code 1 if any run failed, 3 if a check couldn't run, 130 after Ctrl-C. With --json, each line is a JSON
    document.
    """
    import sys
    from os import environ

    from bridge.config.resolve import Flags
    from probes.runner.output import print_error
    from probes.watch.command import WatchOptions, run_watch
    from probes.watch.lines import line_writer

    own = ("every", "count", "modules", "listen", "targets", "notify", "notify_env", "require", "warn_days")
    options = WatchOptions(
        flags=Flags(**{name: value for name, value in values.items() if name not in (*own, "script")}),
        simulate=simulate,
        script=check_script(values["script"] or "text"),
        json=json_,
        strict=strict,
        verbose=verbose,
        **{name: values[name] for name in own},
    )
    write_note = partial(print_error, f"{PROGRAM} watch", fix="", environment=environ)
    raise click.exceptions.Exit(run_watch(options, environ, write_line=line_writer(sys.stdout), write_note=write_note))


def check_script(name: str) -> str:
    """Return the name. Raises UsageError for an unknown script."""
    from probes.runner.usage import UsageError

    if name not in (known := tuple(_scripts())):
        raise UsageError(f"--script: unknown script {name!r}; choose from {', '.join(known)}")
    return name


COMMANDS = (access, models, events, bridge, smoke, watch)
