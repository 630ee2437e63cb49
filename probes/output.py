"""Where a command's result goes: one JSON document or a page for people on stdout, one line on stderr for wrong usage.

A reader that went away (`| head`) ends the output quietly. Colour only on a terminal, and never with `NO_COLOR`.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from reports.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from probes.command import Outcome

_WIDTH = 80


def show(outcome: Outcome, *, json: bool, verbose: bool, environment: Mapping[str, str]) -> None:
    """Write the result to stdout."""
    if json:
        from reports import as_json  # noqa: PLC0415 - only what is used is paid for

        text = as_json.render(outcome.report, outcome.exit_code)
    else:
        from reports import terminal  # noqa: PLC0415 - only what is used is paid for

        text = terminal.render(
            outcome.report,
            outcome.exit_code,
            width=_width(sys.stdout),
            colour=wants_colour(sys.stdout, environment),
            verbose=verbose,
        )
    write(sys.stdout, text)


def complain(tool: str, message: str, fix: str) -> None:
    """Write the one line of a wrong usage to stderr, and below it what to type."""
    write(sys.stderr, f"{tool}: {plain(message)}\n" + (f"  {plain(fix)}\n" if fix else ""))


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Colour a terminal that can, unless NO_COLOR says no (no-color.org: set to anything but nothing)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def write(stream: TextIO, text: str) -> None:
    """Write and flush; what the stream's encoding lacks becomes `?`, a reader that is gone is no error."""
    text = text.encode(stream.encoding or "utf-8", errors="replace").decode(stream.encoding or "utf-8")
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at its end and would complain then.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def progress(environment: Mapping[str, str]) -> Iterator[Callable[[str], None]]:
    """Show what is being looked at, on stderr and only on a terminal. Gives the function to tell it."""
    if not sys.stderr.isatty() or environment.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only what is used is paid for
    from rich.status import Status  # noqa: PLC0415 - only what is used is paid for

    console = Console(stderr=True, no_color=bool(environment.get("NO_COLOR")))
    with Status("starting", console=console) as status:
        yield lambda name: status.update(f"looking at {name}")


def _width(stream: TextIO) -> int:
    return shutil.get_terminal_size((_WIDTH, 24)).columns if stream.isatty() else _WIDTH
