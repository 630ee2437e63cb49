"""How a probe's result is shown: one JSON document or a page for people on stdout, and progress while it works.

The ways to stdout and stderr themselves, which every command shares, stand in `reports.console`.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reports.console import (
    OutputError,
    discard_output,
    output_error,
    print_error,
    terminal_width,
    wants_colour,
    write_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from probes.runner.command import CommandResult

__all__ = [
    "OutputError",
    "discard_output",
    "output_error",
    "print_error",
    "progress",
    "show_result",
    "terminal_width",
    "wants_colour",
    "write_text",
]


def show_result(
    outcome: CommandResult, *, json: bool, verbose: bool, environment: Mapping[str, str], timelines: bool = False
) -> None:
    """Write the result to stdout; with `timelines` also what happened and what was measured."""
    if json:
        from reports.render import json as as_json  # noqa: PLC0415 - only what is used is paid for

        text = as_json.render(outcome.report, outcome.exit_code)
    else:
        from reports.render.terminal import page as terminal  # noqa: PLC0415 - only what is used is paid for

        text = terminal.render(
            outcome.report,
            outcome.exit_code,
            width=terminal_width(sys.stdout, environment),
            colour=wants_colour(sys.stdout, environment),
            verbose=verbose,
            timelines=timelines or verbose,
        )
    write_text(sys.stdout, text)


@contextmanager
def progress(environment: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
    """Show what is being looked at, on stderr and only on a terminal. Gives the function to tell it."""
    if sys.stderr is None or not sys.stderr.isatty() or environment.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only what is used is paid for
    from rich.status import Status  # noqa: PLC0415 - only what is used is paid for

    console = Console(stderr=True, no_color=bool(environment.get("NO_COLOR")))
    with Status("starting", console=console) as status:
        yield lambda name: status.update(f"looking at {name}")
