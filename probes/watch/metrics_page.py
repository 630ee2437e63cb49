"""The metrics of a watch in the Prometheus text format, and the index page of its HTTP server.

Metrics of the last run have the names that `reports.render.prometheus` gives them; this module adds those of all runs.
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.watch.loop import VERDICTS
from reports.render import prometheus as as_prom

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probes.watch.loop import WatchTally


def metrics_text(tally: WatchTally, *, interval: float, began: float) -> str:
    """Return the metrics of the last run and of all runs. `began` is the start of the watch in Unix seconds."""
    last = (
        as_prom.render(tally.last_result.report, tally.last_result.exit_code) if tally.last_result is not None else ""
    )
    return last + "".join(f"{line}\n" for line in _watch_metrics(tally, interval, began))


def _watch_metrics(tally: WatchTally, interval: float, began: float) -> Iterator[str]:
    yield from _metric("runs_total", "counter", "Runs by verdict")
    yield from (f'sherpa_watch_runs_total{{verdict="{verdict}"}} {tally.runs[verdict]}' for verdict in VERDICTS)
    yield from _metric(
        "missed_total", "counter", "Runs skipped because the run before took longer than the interval", tally.missed
    )
    yield from _metric("failures_in_a_row", "gauge", "Consecutive runs that did not pass", tally.consecutive_failures)
    yield from _metric("interval_seconds", "gauge", "Time from the start of one run to the start of the next", interval)
    yield from _metric("start_timestamp_seconds", "gauge", "Start of the watch, in Unix time", began)
    if tally.last_success is not None:
        help_text = "End of the last run that passed, in Unix time"
        yield from _metric("last_success_timestamp_seconds", "gauge", help_text, tally.last_success)


def _metric(name: str, kind: str, help_text: str, value: float | None = None) -> Iterator[str]:
    yield f"# HELP sherpa_watch_{name} {help_text}"
    yield f"# TYPE sherpa_watch_{name} {kind}"
    if value is not None:
        yield f"sherpa_watch_{name} {value}"


def index_page(tally: WatchTally, targets: Sequence[str], modules: Sequence[str], line: str) -> str:
    """Return the index page as HTML. `line` is the line of the last run."""
    from jinja2 import Environment  # noqa: PLC0415 - takes 30 ms to import, and the page is rarely used

    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(runs=tally.runs.total(), targets=targets, modules=modules, line=line)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>sherpa-probe watch</title>
<h1>sherpa-probe watch</h1>
<p>{{ runs }} {{ "run" if runs == 1 else "runs" }} so far{% if line %}; the last one:{% endif %}</p>
{% if line %}<pre>{{ line }}</pre>{% endif %}
<p><a href="/metrics">/metrics</a>: results for Prometheus.
<a href="/healthz">/healthz</a>: whether the watch is running.</p>
<p>Run a module now and get its metrics (each of these links starts a real run against the service):</p>
<ul>
{%- for target in targets %}{% for module in modules %}{% set path = "/probe?target=" ~ target ~ "&module=" ~ module %}
<li><a href="{{ path }}">{{ path }}</a></li>
{%- endfor %}{% endfor %}
</ul>
</html>
"""
