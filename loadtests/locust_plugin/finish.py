"""The end of a run, on the leading process: audio audited, budgets checked, report written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import gevent

from loadtests.control.simulator import ControlError
from loadtests.results.audio_audit import finish_audit
from loadtests.results.report import FinishedRun, make_report, run_exit_code
from loadtests.results.resources import record_memory_growth
from loadtests.run.ipc import RESOURCES, ChannelError
from loadtests.scenarios.behaviour import TargetEndpoint
from reports.render import json as as_json
from reports.render.terminal import page as terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.control.simulator import ControlClient
    from loadtests.results.aggregator import RunAggregator
    from loadtests.results.audio_audit import PhaseStart
    from loadtests.run.ipc import RunChannel


def finish_run(
    gathering: RunAggregator,
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
    gathering.finish(seconds)
    if control is not None:
        _settle(gathering, control, phase_starts, open_before)
        _leave_well(gathering, control)
    if channel is not None:
        _ask_resources(gathering, channel)
    report = make_report(FinishedRun(aggregator=gathering, seconds=seconds))
    code = run_exit_code(gathering, report)
    if report_path is not None:
        Path(report_path).write_text(as_json.render(report, code), encoding="utf-8")
    if channel is None:  # no parent process prints it
        sys.stdout.write(f"\n{terminal.render(report, code)}")
    return code


def _settle(gathering: RunAggregator, control: ControlClient, marks: Sequence[PhaseStart], live_before: int) -> None:
    try:
        gathering.audio_audit = finish_audit(
            control,
            gathering.sent_audio.values(),
            gathering.measurements,
            started_at=gathering.started_at,
            phase_starts=marks,
            open_before=live_before,
            bridge_reports_loss=all(
                group.behaviour.endpoint is TargetEndpoint.CLIENT for group in gathering.plan.groups
            ),
            sleep=gevent.sleep,
        )
    except ControlError as error:
        gathering.errors.append(str(error))
        return
    if gathering.audio_audit.untracked_ms:
        gathering.errors.append("more callers than the simulator can track: some audio that arrived is counted as lost")


def _leave_well(gathering: RunAggregator, control: ControlClient) -> None:
    """Restore the service's own behaviour, also if a run ended in the middle of an outage."""
    try:
        control.restore()
    except ControlError as error:
        if not gathering.errors:  # otherwise it was reported already
            gathering.errors.append(str(error))


def _ask_resources(gathering: RunAggregator, home: RunChannel) -> None:
    try:
        gathering.resources = home.request(RESOURCES) or {}
    except ChannelError as error:
        gathering.errors.append(str(error))
        return
    record_memory_growth(gathering)
