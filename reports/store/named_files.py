"""The files of `sherpa-report`: kept reports read, results written. `-` is stdin and stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reports.console import write
from reports.store.reader import LARGEST, Kept, NotAReportError, read_report
from reports.store.writer import CannotWriteError, reserve
from reports.usage_errors import NOT_A_REPORT, UnusableError

if TYPE_CHECKING:
    from collections.abc import Sequence

STDIO = "-"


def read_all(names: Sequence[str]) -> list[Kept]:
    """Read the reports in these files. Raises UnusableError, which names the file."""
    if names.count(STDIO) > 1:
        raise UnusableError("stdin (-) can be read only once")
    return [_read(name) for name in names]


def _read(name: str) -> Kept:
    shown = "stdin" if name == STDIO else name
    try:
        return read_report(_bytes(name))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnusableError(f"{shown} cannot be read: {reason[:1].lower()}{reason[1:]}", code=NOT_A_REPORT) from None
    except NotAReportError as error:
        fix = "A report is kept by: sherpa-probe access --report json=FILE"
        raise UnusableError(f"{shown} is no report: {error}", code=NOT_A_REPORT, fix=fix) from None


def _bytes(name: str) -> bytes:
    """Read no more than tells that it is too much."""
    if name != STDIO:
        with Path(name).open("rb") as file:
            return file.read(LARGEST + 1)
    if sys.stdin is None:
        raise ValueError("it is closed")
    return sys.stdin.buffer.read(LARGEST + 1)


def deliver(text: str, output: str | None) -> None:
    """Write a result to stdout, or to a file whole or not at all. Raises UnusableError, and CannotShowError."""
    if output is None or output == STDIO:
        write(sys.stdout, text)
        return
    try:
        reserve(Path(output)).write(text)
    except CannotWriteError as error:
        raise UnusableError(f"--output: {error}") from None
