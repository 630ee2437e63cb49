"""The formats a report can be written in, by the name that `--report NAME=PATH` uses: one line each.

A format is a pure function of the report and the exit code; its module is imported when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reports.model import Report

#: Format name -> the module whose `render(report, exit_code)` writes it.
FORMATS: Mapping[str, str] = {
    "json": "reports.render.json",
    "junit": "reports.render.junit",
    "sarif": "reports.render.sarif",
    "markdown": "reports.render.markdown",
    "html": "reports.render.html.page",
    "github": "reports.render.github",
    "prom": "reports.render.prometheus",
}


def get_renderer(name: str) -> Callable[[Report, int], str]:
    """Fetch the function that writes this format. KeyError for an unknown one."""
    return cast("Callable[[Report, int], str]", import_module(FORMATS[name]).render)
