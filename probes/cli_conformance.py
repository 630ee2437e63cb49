"""The command `sherpa-probe conformance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from probes.cli_options import OFFLINE_OPTIONS, TOKEN_OPTION, complete_from, options_from, run_and_exit, with_options
from reports.cli_common import FilePath

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def _case_ids() -> Iterable[str]:
    from probes.conformance.registry import CASES

    return (case.id for case in CASES)


@click.command()
@click.option("--bridge", metavar="URL", help="A bridge that you started with its upstream at --listen.")
@click.option("--listen", metavar="HOST:PORT", help="Where the suite listens as the upstream of --bridge.")
@click.option(
    "--start",
    metavar="COMMAND",
    help="Start the bridge with this command: PORT, OPENAI_BASE_URL and OPENAI_API_KEY are in its environment.",
)
@click.option("--reference", is_flag=True, help="Test the reference bridge of this toolkit.")
@click.option(
    "--profile", metavar="FILE|native", help="The dialect of the bridge's clients, or the native endpoint alone."
)
@click.option(
    "--case",
    "cases",
    metavar="ID",
    multiple=True,
    shell_complete=complete_from(_case_ids),
    help="Run this case only: an id or a pattern such as 'B.*'; repeatable.",
)
@click.option("--exclude", metavar="ID", multiple=True, help="Leave this case out; repeatable.")
@click.option("--list", "list_", is_flag=True, help="List the cases and exit.")
@click.option(
    "--requirements", metavar="YYYY-MM", help="Score only cases of this frozen set; run the others all the same."
)
@click.option("--expected-failures", metavar="FILE", type=FilePath(), help="Cases that are known to fail, one a line.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 64), help="Bridges to start side by side  [default: 4].")
@click.option("--label", metavar="NAME", help="What reports call the bridge  [default: its command or address].")
@click.option(
    "--recording",
    metavar="FILE",
    type=FilePath(),
    help="Also play this recorded session through the bridge: case R-01.",
)
@click.option("--badge", metavar="FILE", type=FilePath(), help="Also write a badge (SVG).")
@TOKEN_OPTION
@with_options(OFFLINE_OPTIONS)
def conformance(
    list_: bool,
    badge: Path | None,
    client_token_env: str | None,
    bridge: str | None,
    listen: str | None,
    start: str | None,
    reference: bool,
    profile: str | None,
    cases: tuple[str, ...],
    exclude: tuple[str, ...],
    requirements: str | None,
    expected_failures: Path | None,
    jobs: int | None,
    label: str | None,
    recording: Path | None,
    **values: Any,
) -> None:
    """Does any bridge keep the client protocol? The suite is its client and its upstream at once.

    Runs every case against a bridge in any language, which the suite starts, or which you started with its upstream
    base URL at the suite. Exit code 1 if a case fails that is not expected to.
    """
    from probes.conformance.command import conformance_opener, list_cases, on_finished
    from probes.conformance.options import ConformanceFlags
    from probes.conformance.probe import conformance as probe

    flags = ConformanceFlags(
        bridge=bridge,
        listen=listen,
        start=start,
        reference=reference,
        profile=profile,
        cases=cases,
        exclude=exclude,
        requirements=requirements,
        expected_failures=expected_failures,
        jobs=jobs,
        label=label,
        client_token_env=client_token_env,
        recording=recording,
    )
    if list_:
        list_cases(flags, as_json=values["json_"])
        return
    opener = conformance_opener(flags, client_token_env, all_timelines=values["verbose"])
    run_and_exit("conformance", on_finished(probe, badge), options_from(values), opener)


COMMANDS = (conformance,)
