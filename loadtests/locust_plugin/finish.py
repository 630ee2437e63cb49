"""The end of a run, on the leading process: audio audited, budgets checked, report written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import gevent

from loadtests.callers.connect_errors import CONNECTION_REFUSED_TEXT
from loadtests.control.listening import is_listening
from loadtests.control.simulator import ControlError
from loadtests.results.audio_audit import finish_audit
from loadtests.results.findings import FinishedRun
from loadtests.results.report import make_report, run_exit_code
from loadtests.results.resources import ended_on_run_clock, on_run_clock, record_memory_growth
from loadtests.run.ipc import RESOURCES, ChannelError
from loadtests.scenarios.behaviour import TargetEndpoint
from loadtests.scenarios.table import Deploy
from reports.render import json as as_json
from reports.render.terminal import page as terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.control.simulator import ControlClient
    from loadtests.results.aggregator import RunAggregator
    from loadtests.results.audio_audit import PhaseStart
    from loadtests.run.ipc import RunChannel


def finish_run(
    aggregator: RunAggregator,
    *,
    control: ControlClient | None,
    phase_starts: Sequence[PhaseStart],
    open_before: int,
    channel: RunChannel | None,
    report_path: str | None,
    seconds: float,
) -> int:
    """Audit, check, and write the report to `report_path`. Returns the exit code.

    Without a parent process, the report is printed as well. Locust prints an error if it can't be written.
    """
    aggregator.finish(seconds)
    if control is not None:
        _audit(aggregator, control, phase_starts, open_before)
        _restore_service(aggregator, control)
    if channel is not None:
        _collect_resources(aggregator, channel, seconds)
    if any(CONNECTION_REFUSED_TEXT in text for text in aggregator.failures):
        aggregator.is_gone = not is_listening(aggregator.plan.url)
    report = make_report(FinishedRun(aggregator=aggregator, seconds=seconds))
    code = run_exit_code(aggregator, report)
    if report_path is not None:
        Path(report_path).write_text(as_json.render(report, code), encoding="utf-8")
    if channel is None:  # no parent process prints it
        sys.stdout.write(f"\n{terminal.render(report, code)}")
    return code


def _audit(
    aggregator: RunAggregator, control: ControlClient, phase_starts: Sequence[PhaseStart], live_before: int
) -> None:
    try:
        aggregator.audio_audit = finish_audit(
            control,
            aggregator.sent_audio.values(),
            aggregator.measurements,
            started_at=aggregator.started_at,
            phase_starts=phase_starts,
            open_before=live_before,
            bridge_reports_loss=all(
                group.behaviour.endpoint is TargetEndpoint.CLIENT for group in aggregator.plan.groups
            ),
            sleep=gevent.sleep,
        )
    except ControlError as error:
        aggregator.errors.append(str(error))
        return
    if aggregator.audio_audit.untracked_ms:
        aggregator.errors.append(
            "more callers than the simulator can track: some audio that arrived is counted as lost"
        )


def _restore_service(aggregator: RunAggregator, control: ControlClient) -> None:
    """Restore the service's own behaviour, also if a run ended in the middle of an outage."""
    try:
        control.restore()
    except ControlError as error:
        if not aggregator.errors:  # otherwise it was reported already
            aggregator.errors.append(str(error))


def _collect_resources(aggregator: RunAggregator, channel: RunChannel, seconds: float) -> None:
    try:
        exported = channel.request(RESOURCES)
    except ChannelError as error:
        aggregator.errors.append(str(error))
        return
    aggregator.resources = on_run_clock(exported, aggregator.started_at)
    if not any(isinstance(action, Deploy) for phase in aggregator.plan.phases for action in phase.actions):
        aggregator.ended = ended_on_run_clock(exported, aggregator.started_at)
    record_memory_growth(aggregator, seconds)
