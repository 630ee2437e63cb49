"""The figures of a watch as Prometheus text, and the page that says what can be asked for.

The figures of the last run are `reports.render.prometheus`'s, under the same names; what counts over all runs stands
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
    """Write the last run and the tally. `began` is when the watch began, in unix seconds."""
    last = (
        as_prom.render(tally.last_result.report, tally.last_result.exit_code) if tally.last_result is not None else ""
    )
    return last + "".join(f"{line}\n" for line in _of_watch(tally, interval, began))


def _of_watch(tally: WatchTally, interval: float, began: float) -> Iterator[str]:
    yield from _figure("runs_total", "counter", "Runs by how they ended")
    yield from (f'sherpa_watch_runs_total{{verdict="{verdict}"}} {tally.runs[verdict]}' for verdict in VERDICTS)
    yield from _figure("missed_total", "counter", "Times that were due and passed by during a long run", tally.missed)
    yield from _figure(
        "failures_in_a_row", "gauge", "Runs that did not pass since the last that did", tally.consecutive_failures
    )
    yield from _figure("interval_seconds", "gauge", "Time from one run to the next", interval)
    yield from _figure("start_timestamp_seconds", "gauge", "When the watch began, in Unix time", began)
    if tally.last_success is not None:
        told = "When the last run that passed had ended, in Unix time"
        yield from _figure("last_success_timestamp_seconds", "gauge", told, tally.last_success)


def _figure(name: str, kind: str, told: str, value: float | None = None) -> Iterator[str]:
    yield f"# HELP sherpa_watch_{name} {told}"
    yield f"# TYPE sherpa_watch_{name} {kind}"
    if value is not None:
        yield f"sherpa_watch_{name} {value}"


def index_page(tally: WatchTally, targets: Sequence[str], modules: Sequence[str], line: str) -> str:
    """Write the page for whoever comes by with a browser. `line` is what was said of the last run."""
    from jinja2 import Environment  # noqa: PLC0415 - costs 30 ms, and few ever look

    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(runs=tally.runs.total(), targets=targets, modules=modules, line=line)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>sherpa-probe watch</title>
<h1>sherpa-probe watch</h1>
<p>{{ runs }} {{ "run" if runs == 1 else "runs" }} so far{% if line %}; the last one:{% endif %}</p>
{% if line %}<pre>{{ line }}</pre>{% endif %}
<p><a href="/metrics">/metrics</a>: what came of it, for Prometheus.
<a href="/healthz">/healthz</a>: whether it is there.</p>
<p>Run a module now, and get its figures (every one of these is a real run against the service):</p>
<ul>
{%- for target in targets %}{% for module in modules %}{% set path = "/probe?target=" ~ target ~ "&module=" ~ module %}
<li><a href="{{ path }}">{{ path }}</a></li>
{%- endfor %}{% endfor %}
</ul>
</html>
"""
