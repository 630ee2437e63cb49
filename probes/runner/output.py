"""Shows the result of a probe on stdout, as one JSON document or as text, and its progress on stderr.

`reports.console` has the functions that write to stdout and stderr.
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
    outcome: CommandResult,
    *,
    json: bool,
    verbose: bool,
    environment: Mapping[str, str],
    timelines: bool = False,
    to_stderr: bool = False,
) -> None:
    """Write the result to stdout. With `timelines` or `verbose`, include timelines and metrics.

    With `to_stderr`, a report was written to stdout, and the page for people goes to stderr.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    if json:
        from reports.render import json as as_json  # noqa: PLC0415 - imported only if used

        text = as_json.render(outcome.report, outcome.exit_code)
    else:
        from reports.render.terminal import page as terminal  # noqa: PLC0415 - imported only if used

        text = terminal.render(
            outcome.report,
            outcome.exit_code,
            width=terminal_width(stream, environment),
            colour=wants_colour(stream, environment),
            verbose=verbose,
            timelines=timelines or verbose,
        )
    write_text(stream, text)


@contextmanager
def progress(environment: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
    """Show the running check on stderr, if that is a terminal. Yields the function to call with each check's name."""
    if sys.stderr is None or not sys.stderr.isatty() or environment.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - imported only if used
    from rich.status import Status  # noqa: PLC0415 - imported only if used

    console = Console(stderr=True, no_color=bool(environment.get("NO_COLOR")))
    with Status("starting", console=console) as status:
        yield lambda name: status.update(f"checking {name}")
