"""The end of a run, on the process that leads it: every word accounted for, budgets judged, the report written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import gevent

from loadtests.control.simulator import ControlError
from loadtests.results.audio_audit import settle
from loadtests.results.report import Ran, exit_code_of, make_report
from loadtests.results.resources import note_resources
from loadtests.run.ipc import RESOURCES, HomeError
from loadtests.scenarios.behaviour import Door
from reports.render import json as as_json
from reports.render.terminal import page as terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.control.simulator import Control
    from loadtests.results.aggregator import Gathering
    from loadtests.results.audio_audit import Mark
    from loadtests.run.ipc import Home


def conclude(
    gathering: Gathering,
    *,
    control: Control | None,
    marks: Sequence[Mark],
    live_before: int,
    home: Home | None,
    path: str | None,
    seconds: float,
) -> int:
    """Account, judge, write and, where no command does it, show; gives the exit code.

    A report that cannot be written is told on stderr by Locust.
    """
    gathering.finish(seconds)
    if control is not None:
        _settle(gathering, control, marks, live_before)
        _leave_well(gathering, control)
    if home is not None:
        _ask_resources(gathering, home)
    report = make_report(Ran(gathering=gathering, seconds=seconds))
    code = exit_code_of(gathering, report)
    if path is not None:
        Path(path).write_text(as_json.render(report, code), encoding="utf-8")
    if home is None:  # nobody else shows it
        sys.stdout.write(f"\n{terminal.render(report, code)}")
    return code


def _settle(gathering: Gathering, control: Control, marks: Sequence[Mark], live_before: int) -> None:
    try:
        gathering.speech = settle(
            control,
            gathering.spoken.values(),
            gathering.figures,
            began=gathering.began,
            marks=marks,
            live_before=live_before,
            bridge_tells=all(group.behaviour.door is Door.CLIENT for group in gathering.plan.groups),
            sleep=gevent.sleep,
        )
    except ControlError as error:
        gathering.troubles.append(str(error))
        return
    if gathering.speech.turned_away_ms:
        gathering.troubles.append(
            "more callers than the simulator keeps accounts of: some speech that arrived counts as lost"
        )


def _leave_well(gathering: Gathering, control: Control) -> None:
    """Let the service be as it was, whatever was done to it: also where a run ended in the middle of an outage."""
    try:
        control.restore()
    except ControlError as error:
        if not gathering.troubles:  # else that it cannot be asked was told
            gathering.troubles.append(str(error))


def _ask_resources(gathering: Gathering, home: Home) -> None:
    try:
        gathering.resources = home.ask(RESOURCES) or {}
    except HomeError as error:
        gathering.troubles.append(str(error))
        return
    note_resources(gathering)
