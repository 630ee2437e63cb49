"""The commands of `sherpa-probe` that record sessions and play them again: record, replay."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from probes.cli_options import PROBE_OPTIONS, PROGRAM, TOKEN_OPTION, options_from, run_and_exit, with_options
from reports.cli_common import FilePath

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option("--listen", metavar="HOST:PORT", required=True, help="Where your client connects instead.")
@click.option("--to", metavar="URL", required=True, help="Base URL of the service, or URL of the bridge, behind it.")
@click.option("--out", metavar="FILE", type=FilePath(), required=True, help="File of the recording (NDJSON).")
@click.option("--count", metavar="N", type=int, help="Stop after this many connections  [default: when interrupted].")
@click.option("--show-content", is_flag=True, help="Keep audio and text; by default only their length is kept.")
@click.option("--json", "json_", is_flag=True, help="Print one JSON document at the end.")
def record(listen: str, to: str, out: Path, count: int | None, show_content: bool, json_: bool) -> None:
    """Record the sessions that pass between your client and a service or a bridge.

    Keys are never recorded; audio and text only with --show-content. Each connection gets a file: FILE, FILE-2, and so
    on. Check a recording with `events --from`, play it again with `replay` or `sherpa-sim serve --recording`.
    """
    from probes.record.command import RecordOptions, run_record
    from probes.runner.output import print_error, write_text

    options = RecordOptions(listen=listen, to=to, out=out, count=count, show_content=show_content)
    write_note = partial(print_error, f"{PROGRAM} record", fix="", environment=os.environ)
    write_result = partial(write_text, sys.stdout) if json_ else None
    raise click.exceptions.Exit(run_record(options, write_note=write_note, write_result=write_result))


@click.command()
@with_options(PROBE_OPTIONS)
@click.argument("file", type=FilePath())
@click.option("--bridge", metavar="URL", help="Replay to this bridge, as its client.")
@TOKEN_OPTION
@click.option("--listen", metavar="HOST:PORT", help="Replay to the client that connects here, as its service.")
@click.option(
    "--speed",
    metavar="SPEED",
    default="original",
    show_default=True,
    help="original, full (without pauses), or how many times as fast.",
)
def replay(
    file: Path, bridge: str | None, client_token_env: str | None, listen: str | None, speed: str, **values: Any
) -> None:
    """Does it still do what was recorded?

    Replays a recording of `record` to a service, to a bridge (--bridge) or to a client (--listen), and compares what
    comes back: its order and kinds, not its ids and wording.
    """  # noqa: D400 - a question is what it answers
    from probes.recording.capture import read_capture
    from probes.replay import probe
    from probes.runner.usage import UsageError
    from probes.targets.opening import bridge_opener, service_opener

    if bridge is not None and listen is not None:
        raise UsageError("--bridge replays to a bridge and --listen to a client: pass one of them")
    options = options_from(values, timelines=True)
    plan = probe.ReplayPlan(capture=read_capture(file), speed=probe.parse_speed(speed))
    if bridge is not None:
        to_bridge = partial(probe.replay_to_bridge, plan=plan)
        run_and_exit("replay", to_bridge, options, bridge_opener(bridge, client_token_env))
    if listen is not None:
        from probes.replay.opening import client_opener

        run_and_exit("replay", partial(probe.replay_to_client, plan=plan), options, client_opener(listen))
    run_and_exit("replay", partial(probe.replay_to_service, plan=plan), options, service_opener())


COMMANDS = (record, replay)
