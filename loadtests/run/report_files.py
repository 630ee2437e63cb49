"""The report files of a load test: known to be writable before it begins, written whole when it is over.

One that can no longer be written then is told in the result that is shown, with exit code 2.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests.results import problems
from loadtests.results.report import finding_of
from reports.model import EXIT_INTERRUPTED, EXIT_USAGE, Evidence
from reports.render.registry import FORMATS, renderer
from reports.store.reader import Kept
from reports.store.writer import CannotWriteError, Reserved, reserve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class ReportsError(ValueError):
    """A report cannot be written as it was asked for; one plain line says why."""


@contextmanager
def reserved(wanted: Sequence[str]) -> Iterator[Callable[[Kept], Kept]]:
    """Make sure that every `FORMAT=PATH` can be written; gives what writes them all, and the result to show.

    Raises ReportsError.
    """
    places: list[tuple[str, Reserved]] = []
    try:
        for text in wanted:
            name, path = _split(text)
            places.append((name, reserve(path)))
        yield lambda kept: _written(kept, places)
    except CannotWriteError as error:
        raise ReportsError(f"--report: {error}") from None
    finally:
        for _, place in places:
            place.discard()


def _written(kept: Kept, places: Sequence[tuple[str, Reserved]]) -> Kept:
    for name, place in places:
        try:
            place.write(renderer(name)(kept.report, kept.exit_code))
        except CannotWriteError as error:
            code = EXIT_INTERRUPTED if kept.exit_code == EXIT_INTERRUPTED else EXIT_USAGE
            lost = finding_of(problems.REPORT_LOST, "report", Evidence("", str(error)))
            kept = Kept(replace(kept.report, findings=(*kept.report.findings, lost)), code)
    return kept


def _split(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise ReportsError(f"--report: {text!r} is not FORMAT=PATH; write for example --report html=load.html")
    if name not in FORMATS:
        close = get_close_matches(name, FORMATS, n=1)
        said = f": did you mean {close[0]}?" if close else f"; there are: {', '.join(FORMATS)}"
        raise ReportsError(f"--report: there is no format {name!r}{said}")
    return name, Path(path)
