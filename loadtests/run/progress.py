"""The progress display on stderr: two lines with time, callers, the current action and the main measurements.

Nothing is written if stderr is not a terminal.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@contextmanager
def show_progress(environment: Mapping[str, str]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Show progress while the block runs. Yields the function to call with each progress report."""
    if sys.stderr is None or not sys.stderr.isatty() or environment.get("TERM") == "dumb":
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only what is used is paid for
    from rich.status import Status  # noqa: PLC0415 - only what is used is paid for

    console = Console(stderr=True, no_color=bool(environment.get("NO_COLOR")), markup=False, emoji=False)
    with Status("starting", console=console) as status:
        yield lambda report: status.update(progress_lines(report))


def progress_lines(report: Mapping[str, Any]) -> str:
    """Format a progress report; `-` for anything not measured yet."""
    if "doing" in report:
        return str(report["doing"])
    first_line = [
        f"{progress_bar(report['at'] / max(report['seconds'], 1))} {report['at']:.0f} of {report['seconds']:.0f} s",
        f"{report['callers']} of {report['users']} callers",
        *([report["act"]] if report.get("act") else []),
    ]
    measured = [
        f"ready p99 {_ms(report['ready_ms'])}",
        f"first audio p99 {_ms(report['first_audio_ms'])}",
        f"{report['turns']:.0f} turns",
        *(f"{report[key]:.0f} {word}" for key, word in _ERROR_COUNTS if report[key]),
    ]
    return f"{'   '.join(first_line)}\n  {'   '.join(measured)}"


def progress_bar(share: float) -> str:
    """Draw the share that is done, from 0 to 1, as a bar of fixed width; a share outside is clamped."""
    full = round(min(max(share, 0.0), 1.0) * _BAR_WIDTH)
    return f"{'━' * full}{'╌' * (_BAR_WIDTH - full)}"


_BAR_WIDTH = 12


_ERROR_COUNTS = (("errors", "errors"), ("failed", "failed calls"), ("dropped_ms", "ms dropped"))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
