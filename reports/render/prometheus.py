"""Prometheus text for node-exporter's textfile collector: the values of the last run.

Names and types follow Prometheus's conventions, as `promtool check metrics` checks them: a name that ends in `_total`
is a counter, which starts at 0 with each run, and every other metric a gauge; times are in seconds. So `load_lost_ms`
of a report is `sherpa_load_lost_seconds`. Skipped checks have no sample, because they neither succeeded nor failed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reports.model import EXIT_OK, Finding, Report, Severity
from reports.render.terminal_text import sanitize
from reports.render.wording import PROBLEM_SEVERITIES, is_strict

_Labels = Mapping[str, str]

#: Characters that a metric name can't have.
_INVALID_CHARACTERS = re.compile(r"[^a-zA-Z0-9_]")

#: The end of a metric's name -> the one that Prometheus wants, and the factor.
_BASE_UNITS: Mapping[str, tuple[str, float]] = {
    "_ms": ("_seconds", 0.001),
    "_days": ("_seconds", 86_400.0),
}
_COUNTER_SUFFIX = "_total"

_HELP = {
    "sherpa_probe_info": "The tool that ran, and its version",
    "sherpa_probe_success": "1 if the run ended with exit code 0",
    "sherpa_probe_exit_code": "0 passed, 1 failed, 2 invalid usage, 3 couldn't run, 130 interrupted",
    "sherpa_probe_duration_seconds": "Duration of the run",
    "sherpa_probe_last_run_timestamp_seconds": "End of the run as Unix time",
    "sherpa_probe_findings": "Number of findings by severity",
    "sherpa_probe_check_success": "1 if a check passed, 0 if it failed; absent if it was skipped",
    "sherpa_probe_check_seconds": "Duration of a check",
    "sherpa_probe_finding_info": "1 for each problem or note, by code",
}
_MEASURED, _COUNTED = "Measured in the last run", "Counted in the last run, from 0"


@dataclass(slots=True)
class _Metric:
    """A metric with one sample per label set."""

    samples: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)

    def set(self, value: float, labels: _Labels) -> None:
        self.samples[tuple((name, sanitize(text)) for name, text in labels.items())] = value


class _Metrics(dict[str, _Metric]):
    """All metrics by name."""

    def set(self, name: str, value: float, **labels: str) -> None:
        self.setdefault(name, _Metric()).set(value, labels)


def render(report: Report, exit_code: int) -> str:
    """Write all metrics of the report."""
    metrics = _Metrics()
    metrics.set("sherpa_probe_info", 1, tool=report.tool, version=report.version)
    metrics.set("sherpa_probe_success", exit_code == EXIT_OK)
    metrics.set("sherpa_probe_exit_code", exit_code)
    metrics.set("sherpa_probe_duration_seconds", report.seconds)
    ended = _end_time(report)
    if ended is not None:
        metrics.set("sherpa_probe_last_run_timestamp_seconds", ended)
    for severity in Severity:
        metrics.set("sherpa_probe_findings", report.count(severity), severity=severity.value)
    _add_checks(metrics, report, exit_code)
    for metric in report.metrics:
        metrics.set(*_in_base_units(_name(metric.name), metric.value))
    return "".join(f"{line}\n" for name, metric in metrics.items() for line in _lines(name, metric))


def _add_checks(metrics: _Metrics, report: Report, exit_code: int) -> None:
    bad = {Severity.FAIL, Severity.ERROR} | ({Severity.WARNING} if is_strict(report, exit_code) else set())
    for (probe, check), findings in _by_check(report.findings).items():
        looked = [finding for finding in findings if finding.severity is not Severity.SKIPPED]
        if looked:
            success = all(finding.severity not in bad for finding in looked)
            metrics.set("sherpa_probe_check_success", success, probe=probe, check=check)
        durations = [finding.seconds for finding in looked if finding.seconds is not None]
        if durations:
            metrics.set("sherpa_probe_check_seconds", sum(durations), probe=probe, check=check)
    for finding in report.findings:
        if finding.severity in PROBLEM_SEVERITIES or finding.severity is Severity.INFO:
            labels = {"code": finding.code, "probe": finding.probe, "check": finding.check}
            metrics.set("sherpa_probe_finding_info", 1, **labels, severity=finding.severity.value)


def _by_check(findings: Iterable[Finding]) -> dict[tuple[str, str], list[Finding]]:
    checks: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        checks.setdefault((sanitize(finding.probe), sanitize(finding.check)), []).append(finding)
    return checks


def _end_time(report: Report) -> float | None:
    try:
        return datetime.fromisoformat(report.started).timestamp() + report.seconds
    except (ValueError, OverflowError):
        return None


def _name(name: str) -> str:
    """Return the Prometheus name of a metric. It gets a suffix if it clashes with one of our own."""
    full = f"sherpa_{_INVALID_CHARACTERS.sub('_', name)}"
    return f"{full}_measured" if full in _HELP else full


def _in_base_units(name: str, value: float) -> tuple[str, float]:
    """Convert a metric in ms or days to seconds."""
    for suffix, (base, factor) in _BASE_UNITS.items():
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix)}{base}", value * factor
    return name, value


def _lines(name: str, metric: _Metric) -> list[str]:
    kind, help_text = ("counter", _COUNTED) if name.endswith(_COUNTER_SUFFIX) else ("gauge", _MEASURED)
    lines = [f"# HELP {name} {_HELP.get(name, help_text)}", f"# TYPE {name} {kind}"]
    for labels, value in metric.samples.items():
        labelled = ",".join(f'{key}="{_label(text)}"' for key, text in labels)
        lines.append(f"{name}{{{labelled}}} {_number(value)}" if labelled else f"{name} {_number(value)}")
    return lines


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))  # noqa: PLR2004 - exact up to there
