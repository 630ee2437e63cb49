"""Prometheus text, parsed by Prometheus's own client."""

from __future__ import annotations

from hypothesis import given
from prometheus_client.parser import text_string_to_metric_families

from reports.model import Report, ReportMetric, Severity
from reports.render.prometheus import render
from tests.prometheus_lint import lint_problems
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    by_labels = {(sample.name, frozenset(sample.labels.items())): float(sample.value) for sample in found}
    assert len(by_labels) == len(found), "a sample is there twice"
    return by_labels


def value(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((name, frozenset(labels.items())))


def test_the_run_has_metrics() -> None:
    text = render(report(finding(Severity.PASS), finding(check="session")), 1)
    assert value(text, "sherpa_probe_success") == 0
    assert value(text, "sherpa_probe_exit_code") == 1
    assert value(text, "sherpa_probe_duration_seconds") == 0.48
    assert value(text, "sherpa_probe_findings", severity="fail") == 1
    assert value(text, "sherpa_probe_findings", severity="error") == 0
    assert value(text, "sherpa_probe_last_run_timestamp_seconds") == 1795255200.48
    assert value(render(report(), 0), "sherpa_probe_success") == 1
    assert value(text, "sherpa_probe_info", tool="sherpa-probe access", version="0.1.0") == 1


def test_each_check_has_its_success_and_its_time_and_a_skipped_one_has_none() -> None:
    text = render(report(finding(Severity.PASS), finding(check="a"), finding(Severity.SKIPPED, check="b")), 1)
    successes = [value(text, "sherpa_probe_check_success", probe="access", check=check) for check in ("key", "a", "b")]
    assert successes == [1, 0, None]
    assert value(text, "sherpa_probe_check_seconds", probe="access", check="key") == 0.123


def test_warnings_fail_a_check_only_where_the_run_failed_by_them() -> None:
    whole = report(finding(Severity.WARNING))
    found = [value(render(whole, code), "sherpa_probe_check_success", probe="access", check="key") for code in (0, 1)]
    assert found == [1, 0]


def test_many_findings_of_one_rule_are_one_check_and_one_code() -> None:
    text = render(report(*(placed(line=line) for line in range(1, 50))), 1)
    assert value(text, "sherpa_probe_check_success", probe="lint", check="ping") == 0
    labels = {"code": "LINT-PING", "probe": "lint", "check": "ping", "severity": "fail"}
    assert value(text, "sherpa_probe_finding_info", **labels) == 1


def test_labels_hold_any_text() -> None:
    text = render(report(finding(Severity.PASS, check='a "b" \\n c\\')), 0)
    assert value(text, "sherpa_probe_check_success", probe="access", check='a "b" \\n c\\') == 1


def test_what_was_measured_is_there_under_its_name() -> None:
    metrics = (
        ReportMetric("events_ready_seconds", 0.0012),
        ReportMetric("odd name!", 3),
        ReportMetric("probe_success", 7),
    )
    text = render(report(metrics=metrics), 0)
    assert value(text, "sherpa_events_ready_seconds") == 0.0012
    assert value(text, "sherpa_odd_name_") == 3
    assert value(text, "sherpa_probe_success") == 1
    assert value(text, "sherpa_probe_success_measured") == 7
    assert "# HELP sherpa_events_ready_seconds " in text


@given(foreign_reports, exit_codes)
def test_any_report_can_be_read(whole: Report, code: int) -> None:
    text = render(whole, code)
    assert samples(text)[("sherpa_probe_exit_code", frozenset())] == code
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(set(names)) == len(names)


def test_names_and_types_are_as_promtool_wants_them() -> None:
    names = (
        "load_lost_ms", "load_errors_total", "load_ready_p99_seconds", "load_memory_grown_bytes", "events_total",
        "load_bridge_cpu_percent", "models_configured_left_days", "events_real_time_factor",
    )  # fmt: skip
    text = render(
        report(finding(Severity.PASS), finding(), metrics=tuple(ReportMetric(name, 1500) for name in names)), 1
    )
    assert lint_problems(text) == []
    assert value(text, "sherpa_load_lost_seconds") == 1.5
    assert value(text, "sherpa_models_configured_left_seconds") == 1500 * 86_400
    assert value(text, "sherpa_load_errors_total") == 1500
    assert "# TYPE sherpa_load_errors_total counter" in text
    assert "# TYPE sherpa_load_lost_seconds gauge" in text
