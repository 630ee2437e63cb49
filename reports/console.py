"""Console output: results on stdout, errors on stderr.

A reader that has gone away (`| head`) ends the output quietly. A full disk or a closed stdout is reported on stderr.
Colour is used only on a terminal, and never with `NO_COLOR`.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Width of the page if neither COLUMNS nor the terminal says it, and the minimum.
_WIDTH = 80
_NARROWEST = 40


class OutputError(Exception):
    """The result can't be written to stdout; the message says why."""


def print_error(tool: str, message: str, fix: str, environment: Mapping[str, str] | None = None) -> None:
    """Print an error and the suggested command to stderr, wrapped to its width. Does nothing without stderr.

    Each line of a message that has several starts on a line of its own.
    """
    from reports.render.terminal_text import sanitize, wrap  # noqa: PLC0415 - late: every command imports this module

    width = terminal_width(sys.stderr, environment or {})
    first, *others = message.splitlines() or [""]
    lines = [
        *wrap(f"{tool}: {sanitize(first)}", width, "", "  "),
        *(line for other in others for line in wrap(sanitize(other), width, "  ", "    ")),
        *wrap(sanitize(fix), width, "  "),
    ]
    with suppress(OutputError):
        write_text(sys.stderr, "".join(f"{line}\n" for line in lines))


def wants_colour(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Return whether to use colour: on a capable terminal, unless NO_COLOR is set and not empty (no-color.org)."""
    return (
        stream is not None and stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    )


def write_text(stream: TextIO | None, text: str) -> None:
    """Write and flush. Characters that the stream's encoding lacks become `?`; a closed pipe is not an error.

    Raises OutputError if nothing can be written: the stream is closed, or the disk is full.
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
    """Make the error for a failed write."""
    return OutputError(f"can't write the result: {(error.strerror or str(error)).lower()}")


def discard_output(stream: TextIO | None) -> None:
    """Redirect the stream to the null device. Otherwise Python flushes it at exit and reports the error again."""
    if stream is not None:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def terminal_width(stream: TextIO | None, environment: Mapping[str, str]) -> int:
    """Return the page width: COLUMNS, or the terminal's width, else 80; at least 40."""
    columns_setting = environment.get("COLUMNS", "")
    if columns_setting.isdecimal() and int(columns_setting) > 0:
        return max(_NARROWEST, int(columns_setting))
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        width = 0
    return max(_NARROWEST, width or _WIDTH)
