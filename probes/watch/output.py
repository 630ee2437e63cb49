"""Where the lines of a watch go: each one out at once, and an end when nobody reads them any more.

What makes a line stands in `watch_lines.py`; what a single result goes through, in `output.py`.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, TextIO

from reports.console import OutputError, discard_output, output_error

if TYPE_CHECKING:
    from collections.abc import Callable


class OutputClosedError(Exception):
    """Nobody reads the lines any more: the watch ends in good order."""


def line_writer(stream: TextIO | None) -> Callable[[str], None]:
    """Give the function that writes a line and flushes it; what the stream's encoding lacks becomes `?`.

    It raises ReaderGoneError when the reader has left (`| head`), CannotShowError where nothing can be written.
    """

    def say(line: str) -> None:
        if stream is None:
            raise OutputError("the lines cannot be shown: stdout is closed")
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(f"{line.encode(encoding, errors='replace').decode(encoding)}\n")
            stream.flush()
        except OSError as error:
            discard_output(stream)
            if error.errno == errno.EPIPE:
                raise OutputClosedError from None
            raise output_error(error) from None

    return say
