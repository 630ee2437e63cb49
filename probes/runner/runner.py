"""Runs one probe against one subject and collects its findings into a report.

A crash of the probe becomes a finding, and an interrupted run still has a report of what it found so far. This module
knows neither the command line nor the terminal.
"""

from __future__ import annotations

import traceback
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Generic, assert_never

from bridge.config.api_key import REMOVED_HERE
from probes.problems.tool import CRASHED, INTERRUPTED, KEY_PADDED, KEY_SUSPECT
from probes.runner.findings import CheckRow, evidence_of
from probes.runner.redaction import Secrets
from probes.runner.registry import PROBES
from probes.runner.subject import S
from probes.runner.usage import find_usage_error
from reports.model import Evidence, Finding, Report, ReportMetric, Series, Table, Timeline
from reports.provenance import current_time, installed_version

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from probes.runner.findings import ProbeItem


#: The row of findings about the run itself.
_RUN_ROW = CheckRow("probe", "probe")


@dataclass(slots=True, kw_only=True)
class ProbeRun(Generic[S]):
    """One run of a probe. `findings` grows while it runs; `report()` can be called at any time."""

    tool: str
    probe: Callable[[S], AsyncGenerator[ProbeItem, None]]
    open_subject: Callable[[], AbstractAsyncContextManager[S]]
    secrets: Secrets = field(default_factory=Secrets)
    """Shared with the subject, which adds secrets to it."""
    verbose: bool = False
    """Show the traceback of a crash."""
    on_finding: Callable[[Finding], None] = lambda _: None
    findings: list[Finding] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)
    metrics: list[ReportMetric] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    target: tuple[Evidence, ...] = ()
    started: str = field(default_factory=current_time)
    _began: float = field(default_factory=perf_counter)

    async def run(self) -> None:
        """Run the probe to its end. Raises only UsageError, and Cancelled; any other exception becomes a finding."""
        try:
            async with self.open_subject() as subject:
                await self._run_probe(subject)
        except Exception as error:  # noqa: BLE001 - a crash becomes a finding instead of a traceback
            usage = find_usage_error(error)
            if usage is not None:
                raise usage from None
            self.add(crash_finding(error, verbose=self.verbose))

    async def _run_probe(self, subject: S) -> None:
        self.target = subject.describe()
        for warning in subject.warnings:
            self.add(_key_warning(warning))
        async with aclosing(self.probe(subject)) as items:
            async for item in items:
                self.add(item)

    def add(self, item: ProbeItem) -> None:
        """Redact an item and add it to the run; `on_finding` is called for a finding."""
        match item:
            case Finding():
                finding = self.secrets.redact_finding(item)
                self.findings.append(finding)
                self.on_finding(finding)
            case Timeline():
                self.timelines.append(self.secrets.redact_timeline(item))
            case ReportMetric():
                self.metrics.append(item)
            case Series():
                self.series.append(item)
            case Table():
                self.tables.append(item)
            case _:
                assert_never(item)

    def report(self) -> Report:
        """Make a report of everything so far, redacted again with all secrets that are known by now."""
        return self.secrets.redact_report(
            Report(
                tool=self.tool,
                version=installed_version(),
                started=self.started,
                seconds=perf_counter() - self._began,
                target=self.target,
                findings=tuple(sorted(self.findings, key=_by_probe)),
                timelines=tuple(self.timelines),
                metrics=tuple(self.metrics),
                series=tuple(self.series),
                tables=tuple(self.tables),
            )
        )


def _by_probe(finding: Finding) -> int:
    """Sort findings by probe, although probes run in parallel; findings about the run come first or last."""
    places = {"config": -1} | {name: place for place, name in enumerate(PROBES)}
    return places.get(finding.probe, len(PROBES))


def single_finding_report(tool: str, finding: Finding) -> Report:
    """Make the report of a command that failed before its probe started."""
    return Report(tool=tool, version=installed_version(), started=current_time(), seconds=0.0, findings=(finding,))


def interrupted_finding() -> Finding:
    """Make the finding for an interrupted run."""
    return _RUN_ROW.problem(INTERRUPTED)


def crash_finding(error: Exception, *, verbose: bool) -> Finding:
    """Make the finding for an exception in the probe, which is a bug in this toolkit."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    evidence = [evidence_of("error", f"{type(error).__name__}: {_first_line(error)}")]
    if verbose:
        evidence.append(evidence_of("traceback", "".join(traceback.format_exception(error)).rstrip()))
    return _RUN_ROW.problem(CRASHED, *evidence)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]


def _key_warning(warning: str) -> Finding:
    problem = KEY_PADDED if warning.endswith(REMOVED_HERE) else KEY_SUSPECT
    return CheckRow("config", "key source").problem(problem, title=warning[:1].upper() + warning[1:])
