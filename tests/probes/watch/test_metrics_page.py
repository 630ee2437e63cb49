"""The metrics of a watch, read by the Prometheus parser, and the index page."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from probes.runner.findings import CheckRow
from probes.watch.loop import WatchResult, WatchTally
from probes.watch.metrics_page import index_page, metrics_text
from reports.model import Report, ReportMetric
from tests.prometheus_lint import lint_problems

REPORT = Report(
    tool="t",
    version="1",
    started="2026-11-21T04:00:00.000Z",
    seconds=0.5,
    findings=(CheckRow("access", "key").passed("fine"),),
    metrics=(ReportMetric("models_realtime_total", 9),),
)


def samples(tally: WatchTally) -> dict[str, float]:
    text = metrics_text(tally, interval=60, began=1000)
    assert lint_problems(text) == []
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        f"{sample.name}{sorted(sample.labels.values()) if 'verdict' in sample.labels else ''}": sample.value
        for family in families
        for sample in family.samples
    }


def test_before_the_first_run_there_are_the_counters_alone() -> None:
    values = samples(WatchTally())
    assert values["sherpa_watch_runs_total['pass']"] == 0
    assert values["sherpa_watch_interval_seconds"] == 60
    assert "sherpa_probe_success" not in values
    assert "sherpa_watch_last_success_timestamp_seconds" not in values


def test_behind_it_stand_the_figures_of_the_last_run_too() -> None:
    tally = WatchTally()
    for exit_code in (0, 1):
        tally.add(WatchResult(number=1, report=REPORT, exit_code=exit_code, missed=2))
    values = samples(tally)
    assert values["sherpa_watch_runs_total['pass']"] == values["sherpa_watch_runs_total['fail']"] == 1
    assert values["sherpa_watch_missed_total"] == 4
    assert values["sherpa_watch_failures_in_a_row"] == 1
    assert values["sherpa_watch_last_success_timestamp_seconds"] == 1795233600.5
    assert (values["sherpa_probe_success"], values["sherpa_models_realtime_total"]) == (0, 9)


def test_the_page_names_every_address_and_breaks_on_nothing() -> None:
    tally = WatchTally()
    tally.add(WatchResult(number=1, report=replace(REPORT), exit_code=0))
    text = index_page(tally, ["default", "staging"], ["access"], "<script>ok</script>")
    assert "1 run so far" in text
    assert 'href="/probe?target=staging&amp;module=access"' in text
    assert "<script>" not in text
