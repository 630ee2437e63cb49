"""Files on the command line of `sherpa-report`: reports read, results written. `-` is stdin or stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reports.console import write_text
from reports.store.reader import MAX_BYTES, InvalidReportError, StoredReport, read_report
from reports.store.writer import CannotWriteError, reserve_file
from reports.usage_errors import NOT_A_REPORT, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

STDIO = "-"


def read_reports(names: Sequence[str]) -> list[StoredReport]:
    """Read the reports in these files. Raises InputError with the name of the file."""
    if names.count(STDIO) > 1:
        raise InputError("stdin (-) can be read only once")
    return [_read(name) for name in names]


def _read(name: str) -> StoredReport:
    label = "stdin" if name == STDIO else name
    try:
        return read_report(_bytes(name))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"can't read {label}: {reason[:1].lower()}{reason[1:]}", code=NOT_A_REPORT) from None
    except InvalidReportError as error:
        fix = "To write a report: sherpa-probe access --report json=FILE"
        raise InputError(f"{label} is not a report: {error}", code=NOT_A_REPORT, fix=fix) from None


def _bytes(name: str) -> bytes:
    """Read at most one byte more than the limit."""
    if name != STDIO:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    if sys.stdin is None:
        raise ValueError("it is closed")
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def write_result(text: str, output: str | None) -> None:
    """Write a result to stdout, or to a file as a whole. Raises InputError and OutputError."""
    if output is None or output == STDIO:
        write_text(sys.stdout, text)
        return
    try:
        reserve_file(Path(output)).write(text)
    except CannotWriteError as error:
        raise InputError(f"--output: {error}") from None
