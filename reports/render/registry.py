"""The formats of a report by the name in `--report NAME=PATH`.

A format is a pure function of the report and the exit code. Its module is imported when it is used. To add one, add a
module with a `render` function and a line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reports.model import Report

#: Format name -> module with `render(report, exit_code)`.
FORMATS: Mapping[str, str] = {
    "json": "reports.render.json",
    "junit": "reports.render.junit",
    "sarif": "reports.render.sarif",
    "markdown": "reports.render.markdown",
    "html": "reports.render.html.page",
    "github": "reports.render.github",
    "prom": "reports.render.prometheus",
    "concise": "reports.render.concise",
    "gitlab": "reports.render.gitlab",
}


def get_renderer(name: str) -> Callable[[Report, int], str]:
    """Return the function that renders this format. Raises KeyError for an unknown one."""
    return cast("Callable[[Report, int], str]", import_module(FORMATS[name]).render)
