"""HTML: the report as one self-contained file for a browser, an email or a CI artifact.

A content security policy forbids network access. The page is smaller than 1 MB whatever the report contains, and the
same report gives the same bytes. Without JavaScript only the copy buttons are missing.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reports.render.html.actions import action_timelines
from reports.render.html.findings import findings_view
from reports.render.html.limits import LEVELS, MAX_PAGE_BYTES, PageLimits
from reports.render.html.metrics import metric_groups
from reports.render.html.plots import plots
from reports.render.html.tables import html_tables
from reports.render.html.timelines import sequence_diagrams
from reports.render.html.wording import OUTCOME_MARKS, format_started, one_line, page_verdict
from reports.render.numbers import format_duration

if TYPE_CHECKING:
    from reports.model import Report

#: Parts of the target that are shown.
_MAX_TARGET = 12


def render(report: Report, exit_code: int) -> str:
    """Render the page, in full if it fits, otherwise with less of everything and a note about what was left out."""
    for limits in LEVELS:
        page = _page(report, exit_code, limits)
        if len(page.encode()) < MAX_PAGE_BYTES:
            return page
    raise AssertionError("the last level is made to fit; tests try the worst")


def _page(report: Report, exit_code: int, limits: PageLimits) -> str:
    return (
        _environment()
        .get_template("page.html")
        .render(
            tool=one_line(report.tool, limits.short),
            version=one_line(report.version, limits.short),
            started=one_line(report.started, limits.short),
            started_for_people=one_line(format_started(report.started), limits.short),
            duration=format_duration(report.seconds),
            exit_code=exit_code,
            verdict=page_verdict(report, exit_code),
            counts=[
                (mark, report.count(severity)) for severity, mark in OUTCOME_MARKS.items() if report.count(severity)
            ],
            target=[
                (one_line(item.label, limits.short), one_line(item.value, limits.short))
                for item in report.target[:_MAX_TARGET]
            ],
            target_left=max(0, len(report.target) - _MAX_TARGET),
            findings=findings_view(report, limits),
            diagrams=sequence_diagrams(report.timelines, limits),
            actions=action_timelines(report.timelines, limits),
            tables=html_tables(report.tables, limits),
            metrics=metric_groups(report.standalone_metrics, limits),
            plots=plots(report.series, report.timelines, limits),
        )
    )


@cache
def _environment() -> Environment:
    loader = PackageLoader("reports.render.html", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for what, name in (("style", "page.css"), ("script", "page.js")):
        source, _, _ = loader.get_source(environment, name)
        environment.globals[what] = Markup(source)  # noqa: S704 - a file of ours
        environment.globals[f"{what}_hash"] = _hash(source)
    return environment


def _hash(source: str) -> str:
    """Return the hash of a style or script for the content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
