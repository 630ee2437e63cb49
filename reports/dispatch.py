"""Renders a stored report or a comparison in the requested format, and fits terminal output to its destination."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.console import terminal_width, wants_colour
from reports.render.registry import get_renderer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from reports.compare.compare import Comparison
    from reports.store.reader import StoredReport

TERMINAL = "terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalOptions:
    """How much the terminal page shows."""

    verbose: bool = False
    timelines: bool = False
    stream: TextIO | None = None
    """Where it is written to if not to a file; None is stdout."""


def render_report(
    stored: StoredReport, name: str, options: TerminalOptions, output: str | None, environment: Mapping[str, str]
) -> str:
    """Render a report in a format of `reports.render.registry`, or for a terminal.

    `output` is the file it is written to; None is stdout, whose width and colours are then used.
    """
    if name != TERMINAL:
        return get_renderer(name)(stored.report, stored.exit_code)
    from reports.render.terminal.page import render  # noqa: PLC0415 - only what is used is paid for

    stream = (options.stream or sys.stdout) if output in (None, "-") else None
    return render(
        stored.report,
        stored.exit_code,
        width=terminal_width(stream, environment),
        colour=wants_colour(stream, environment),
        verbose=options.verbose,
        timelines=options.timelines,
    )


def render_comparison(comparison: Comparison, exit_code: int, name: str, environment: Mapping[str, str]) -> str:
    """Render a comparison as `json`, `markdown`, or for a terminal."""
    from reports.compare import render as forms  # noqa: PLC0415 - only what is used is paid for

    if name == TERMINAL:
        stream: TextIO | None = sys.stdout
        return forms.render_terminal(
            comparison, exit_code, width=terminal_width(stream, environment), colour=wants_colour(stream, environment)
        )
    return forms.render_json(comparison, exit_code) if name == "json" else forms.render_markdown(comparison, exit_code)
