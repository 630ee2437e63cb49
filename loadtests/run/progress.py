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
        yield lambda told: status.update(progress_lines(told))


def progress_lines(told: Mapping[str, Any]) -> str:
    """Format a progress report; `-` for anything not measured yet."""
    if "doing" in told:
        return str(told["doing"])
    far = [
        f"{progress_bar(told['at'] / max(told['seconds'], 1))} {told['at']:.0f} of {told['seconds']:.0f} s",
        f"{told['callers']} of {told['users']} callers",
        *([told["act"]] if told.get("act") else []),
    ]
    measured = [
        f"ready p99 {_ms(told['ready_ms'])}",
        f"first audio p99 {_ms(told['first_audio_ms'])}",
        f"{told['turns']:.0f} turns",
        *(f"{told[key]:.0f} {word}" for key, word in _TROUBLES if told[key]),
    ]
    return f"{'   '.join(far)}\n  {'   '.join(measured)}"


def progress_bar(share: float) -> str:
    """Draw a progress bar."""
    full = round(min(max(share, 0.0), 1.0) * _BAR)
    return f"{'━' * full}{'╌' * (_BAR - full)}"


_BAR = 12


_TROUBLES = (("errors", "errors"), ("failed", "failed calls"), ("dropped_ms", "ms dropped"))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
