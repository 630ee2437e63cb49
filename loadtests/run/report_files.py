"""Report files of a load test: checked for write access before the run, written completely after it.

A file that can't be written after the run is reported in the result, with exit code 2.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests.results import problems
from loadtests.results.findings import make_finding
from reports.model import EXIT_INTERRUPTED, EXIT_USAGE, Evidence
from reports.render.registry import FORMATS, get_renderer
from reports.store.reader import StoredReport
from reports.store.writer import CannotWriteError, ReservedFile, reserve_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class ReportFileError(ValueError):
    """A report can't be written as requested; the message says why."""


@contextmanager
def reserve_report_files(requested: Sequence[str]) -> Iterator[Callable[[StoredReport], StoredReport]]:
    """Reserve a file for every `FORMAT=PATH`; `-` is stdout.

    Yields a function that writes them and returns the result to show. Raises ReportFileError.
    """
    files: list[tuple[str, ReservedFile]] = []
    try:
        for text in requested:
            name, path = _parse(text)
            if any(file.path == path for _, file in files):
                raise ReportFileError(f"--report: {path} is given twice")
            files.append((name, reserve_report(path)))
        yield lambda stored: _write_all(stored, files)
    except CannotWriteError as error:
        raise ReportFileError(f"--report: {error}") from None
    finally:
        for _, file in files:
            file.discard()


def _write_all(stored: StoredReport, files: Sequence[tuple[str, ReservedFile]]) -> StoredReport:
    for name, file in files:
        try:
            file.write(get_renderer(name)(stored.report, stored.exit_code))
        except CannotWriteError as error:
            code = EXIT_INTERRUPTED if stored.exit_code == EXIT_INTERRUPTED else EXIT_USAGE
            lost = make_finding(problems.REPORT_LOST, "report", Evidence("", str(error)))
            stored = StoredReport(replace(stored.report, findings=(*stored.report.findings, lost)), code)
    return stored


def _parse(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise ReportFileError(f"--report: {text!r} is not FORMAT=PATH; for example: --report html=load.html")
    if name not in FORMATS:
        close = get_close_matches(name, FORMATS, n=1)
        hint = f": did you mean {close[0]}?" if close else f"; available: {', '.join(FORMATS)}"
        raise ReportFileError(f"--report: unknown format {name!r}{hint}")
    return name, Path(path)
