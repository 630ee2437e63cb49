"""The commands of `sherpa-probe` that talk to a service or a bridge: access, models, events, bridge, smoke, watch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
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

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from probes.runner.findings import ProbeItem
    from probes.targets.opening import ServiceAndBridge


def _scripts() -> Iterable[str]:
    from probes.conversation.scripts import SCRIPTS

    return SCRIPTS


_SCRIPT = click.option(
    "--script",
    metavar="NAME",
    shell_complete=complete_from(_scripts),
    help="text, audio, manual, transcription, function, interrupt or long.",
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
    help="Warn of models that retire within so many days.",
)


@click.command()
@with_options(PROBE_OPTIONS)
@click.option(
    "--auth",
    type=click.Choice(["all"]),
    help="Also try every form of auth and address that people use, and say which ones work.",
)
def access(auth: str | None, **said: Any) -> None:
    """Can this key open a session here?

    Looks at name, TCP and TLS, key, model, client secret, upgrade, first frame and configuration, in this order. What
    stands behind a failed check is skipped, never passed.
    """  # noqa: D400 - a question is what it answers
    from probes.access.probe import access as look
    from probes.targets.opening import service_opener

    run_and_exit("access", partial(look, all_auth_forms=auth == "all"), options_from(said), service_opener())


@click.command()
@with_options(PROBE_OPTIONS)
@_REQUIRE
@_WARN_DAYS
def models(require: tuple[str, ...], warn_days: int, **said: Any) -> None:
    """Which realtime models can this key use, and which of them retire?

    Names what replaces a retired model, and fails where a required one is missing, retired, or not a realtime model.
    """  # noqa: D400 - a question is what it answers
    from probes.models.probe import models as look
    from probes.targets.opening import service_opener

    run_and_exit("models", partial(look, require=require, warn_days=warn_days), options_from(said), service_opener())


@click.command()
@with_options(PROBE_OPTIONS)
@_SCRIPT
@click.option("--bridge", metavar="URL", help="Play the script through this bridge instead.")
@TOKEN_OPTION
@click.option("--capture", metavar="FILE", type=click.Path(path_type=Path), help="Keep every frame in this file.")
@click.option(
    "--from", "kept", metavar="FILE", type=click.Path(path_type=Path), help="Check a kept capture; talk to nobody."
)
@SHOW_CONTENT_OPTION
def events(
    script: str | None,
    bridge: str | None,
    client_token_env: str | None,
    capture: Path | None,
    kept: Path | None,
    show_content: bool,
    **said: Any,
) -> None:
    """Does a session emit the right events in the right order?

    Plays a script of a conversation, prints what happened and how long it took, and judges the order of the events.
    """  # noqa: D400 - a question is what it answers
    from probes.runner.usage import UsageError

    options = options_from(said, timelines=True)
    if kept is not None:
        from probes.events.offline import events_offline
        from probes.runner.subject import FileSubject, ignore_subject
        from reports.model import Evidence

        if script or bridge or capture:
            raise UsageError("--from looks at a file alone: it goes with neither --script, --bridge nor --capture")
        named = FileSubject((Evidence("capture", str(kept)),))
        run_offline_and_exit(
            "events", ignore_subject(partial(events_offline, kept, show_content=show_content)), options, named
        )
    name = check_script(script or "audio")
    if bridge is not None:
        from probes.events.bridge import events_bridge
        from probes.targets.opening import bridge_opener

        through = partial(events_bridge, script=name, capture=capture, show_content=show_content)
        run_and_exit("events", through, options, bridge_opener(bridge, client_token_env))
    from probes.events.probe import events as look
    from probes.targets.opening import service_opener

    run_and_exit(
        "events", partial(look, script=name, capture=capture, show_content=show_content), options, service_opener()
    )


@click.command()
@with_options(PROBE_OPTIONS)
@click.option("--url", metavar="URL", help="The bridge; without a path, its client protocol's own path is taken.")
@TOKEN_OPTION
def bridge(url: str | None, client_token_env: str | None, **said: Any) -> None:
    """Does a running bridge work, end to end?

    Connects as a browser does, speaks before the session is ready, listens, and accounts for every millisecond.
    --simulate without --url looks at the reference bridge before the simulator.
    """  # noqa: D400 - a question is what it answers
    from probes.bridge.probe import bridge as look
    from probes.targets.opening import bridge_opener

    run_and_exit("bridge", look, options_from(said), bridge_opener(url, client_token_env))


@click.command()
@with_options(PROBE_OPTIONS)
@click.option("--bridge", metavar="URL", help="Look at this bridge as well.")
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
    **said: Any,
) -> None:
    """May this be deployed? access, models, events and the bridge, side by side.

    One verdict, one report. What hangs behind a failed part is skipped with the cause named.
    """
    from probes.smoke.probe import smoke as look
    from probes.targets.opening import service_and_bridge_opener

    name = check_script(script or "text")

    def looked(both: ServiceAndBridge) -> AsyncGenerator[ProbeItem, None]:
        return look(both.target, bridge=both.bridge, require=require, warn_days=warn_days, script=name)

    run_and_exit("smoke", looked, options_from(said), service_and_bridge_opener(bridge, client_token_env))


@click.command()
@with_options(WATCH_OPTIONS)
@click.option(
    "--every",
    metavar="SECONDS",
    type=float,
    default=60.0,
    show_default=True,
    help="From one run's begin to the next's.",
)
@click.option("--count", metavar="N", type=int, help="Stop after so many runs  [default: when it is ended].")
@click.option(
    "--module",
    "modules",
    metavar="NAME",
    multiple=True,
    default=("access",),
    shell_complete=complete_from(lambda: ("access", "models", "events", "smoke")),
    help="access, models, events, or smoke for all; repeatable  [default: access].",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve /metrics, and /probe?target=NAME&module=NAME.")
@click.option(
    "--target", "targets", metavar="NAME=URL", multiple=True, help="A target that /probe may look at too; repeatable."
)
@_REQUIRE
@_WARN_DAYS
@_SCRIPT
def watch(json_: bool, strict: bool, verbose: bool, simulate: str | None, **said: Any) -> None:
    """Look again and again: a line for each run, and figures for Prometheus.

    Exit code 1 when any run failed, 3 when any could not look, 130 after Ctrl-C. With --json each line is a document.
    """
    import sys
    from os import environ

    from bridge.config.resolve import Flags
    from probes.runner.output import print_error
    from probes.watch.command import WatchOptions, run_watch
    from probes.watch.output import line_writer

    own = ("every", "count", "modules", "listen", "targets", "require", "warn_days")
    options = WatchOptions(
        flags=Flags(**{name: value for name, value in said.items() if name not in (*own, "script")}),
        simulate=simulate,
        script=check_script(said["script"] or "text"),
        json=json_,
        strict=strict,
        verbose=verbose,
        **{name: said[name] for name in own},
    )
    remark = partial(print_error, f"{PROGRAM} watch", fix="", environment=environ)
    raise click.exceptions.Exit(run_watch(options, environ, write_line=line_writer(sys.stdout), write_note=remark))


def check_script(name: str) -> str:
    """Give the name back. Raises UsageError where there is no such script."""
    from probes.runner.usage import UsageError

    if name not in (known := tuple(_scripts())):
        raise UsageError(f"--script: there is no script {name!r}; there are: {', '.join(known)}")
    return name


COMMANDS = (access, models, events, bridge, smoke, watch)
