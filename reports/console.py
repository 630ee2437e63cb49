"""Where a command's result goes: stdout for what was asked for, one line on stderr for wrong usage.

A reader that went away (`| head`) ends the output quietly; a place that takes nothing (a full disk, a closed stdout)
is told on stderr. Colour only on a terminal, and never with `NO_COLOR`.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from reports.render.terminal_text import sanitize, wrap

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where nobody tells how wide the page is.
_WIDTH = 80
_NARROWEST = 40


class OutputError(Exception):
    """The result could not be written to stdout; one plain line says why."""


def print_error(tool: str, message: str, fix: str, environment: Mapping[str, str] | None = None) -> None:
    """Write what is wrong to stderr, within its width, and below it what to type. Where there is no stderr: nothing."""
    width = terminal_width(sys.stderr, environment or {})
    lines = [*wrap(f"{tool}: {sanitize(message)}", width, "", "  "), *wrap(sanitize(fix), width, "  ")]
    with suppress(OutputError):
        write_text(sys.stderr, "".join(f"{line}\n" for line in lines))


def wants_colour(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Colour a terminal that can, unless NO_COLOR says no (no-color.org: set to anything but nothing)."""
    return (
        stream is not None and stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    )


def write_text(stream: TextIO | None, text: str) -> None:
    """Write and flush; what the stream's encoding lacks becomes `?`, a reader that is gone is no error.

    Raises CannotShowError where nothing can be written: the stream was closed from the start, or its place is full.
    """
    if stream is None:
        raise OutputError("can't write the result: stdout is closed")
    text = text.encode(stream.encoding or "utf-8", errors="replace").decode(stream.encoding or "utf-8")
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        discard_output(stream)
        if error.errno != errno.EPIPE:
            raise output_error(error) from None


def output_error(error: OSError) -> OutputError:
    """Say why nothing could be written."""
    return OutputError(f"can't write the result: {(error.strerror or str(error)).lower()}")


def discard_output(stream: TextIO | None) -> None:
    """Lead the stream to nowhere: Python flushes it once more at its end and would complain then."""
    if stream is not None:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def terminal_width(stream: TextIO | None, environment: Mapping[str, str]) -> int:
    """Tell how many columns there are: what COLUMNS says, or the terminal; 80 where neither does; never below 40."""
    told = environment.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return max(_NARROWEST, int(told))
    try:
        found = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        found = 0
    return max(_NARROWEST, found or _WIDTH)
