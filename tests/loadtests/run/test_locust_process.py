"""Locust's command line, and one process of it: answered, terminated, killed."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from loadtests.run.locust_process import Distribution, LocustProcess, locust_command, worker_command
from loadtests.scenarios.plan import RunOptions
from tests.loadtests.factories import make_test_plan

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_the_command_line_holds_all_that_was_planned_and_no_secret() -> None:
    plan = make_test_plan(users=7)
    options = RunOptions(
        scenario="conversation", budgets=("turns > 1",), token_env="TOKEN", origin="https://a.test", memory_known=True
    )
    command = locust_command(plan, options, Distribution(), Path("r.json"))
    pairs = dict(pairwise(command))
    assert (pairs["--users"], pairs["--run-time"], pairs["--budget"]) == ("7", "10", "turns > 1")
    assert (pairs["--token-env"], pairs["--report-json"], pairs["--host"]) == ("TOKEN", "r.json", "ws://127.0.0.1:8765")
    assert "--headless" in command
    assert (pairs["--origin"], "--memory-watched" in command) == ("https://a.test", True)
    assert "--no-default-budgets" not in command
    assert "--no-default-budgets" in locust_command(
        plan, replace(options, default_budgets=False), Distribution(), Path("r.json")
    )


@pytest.mark.parametrize(
    ("distribution", "command"),
    [
        (Distribution(), []),
        (
            Distribution(master=True, expect_workers=3),
            ["--master", "--expect-workers", "3", "--expect-workers-max-wait", "60"],
        ),
        (
            Distribution(worker=True, master_host="h", master_port=9),
            ["--worker", "--master-host", "h", "--master-port", "9"],
        ),
    ],
)
def test_a_run_may_be_distributed_over_machines(distribution: Distribution, command: list[str]) -> None:
    assert distribution.locust_options() == command


def test_processes_of_one_machine_meet_on_a_port_of_their_own() -> None:
    command = Distribution(processes=2).locust_options()
    pairs = dict(pairwise(command))
    assert pairs["--processes"] == "2"
    assert pairs["--master-bind-host"] == "127.0.0.1"
    assert pairs["--master-bind-port"] == pairs["--master-port"] != "5557"


def test_a_worker_gets_everything_else_from_its_master() -> None:
    assert worker_command(Distribution(worker=True))[-1] == "--worker"


def started(program: str, folder: Path, reports: list[Any]) -> LocustProcess:
    """Run a small program in place of Locust; it finds the connection as `channel`."""
    imports = "import os, signal, sys, time\nfrom loadtests.run.ipc import RunChannel\n"
    begin = f"{imports}channel = RunChannel.from_environment(os.environ)\n"
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    answers = {"resources": lambda: {"bridge": 1}}
    return LocustProcess.start(
        [sys.executable, "-c", begin + program], environment, folder / "log", answers, reports.append
    )


def test_it_reports_progress_and_gets_answers_until_it_exits(tmp_path: Path) -> None:
    reports: list[Any] = []
    run = started(
        "channel.send_progress({'at': 1})\nprint(channel.request('resources'), flush=True)\nsys.exit(7)",
        tmp_path,
        reports,
    )
    assert run.wait(lambda: None, longest=60) == 7
    assert reports == [{"at": 1}]
    assert (tmp_path / "log").read_text() == "{'bridge': 1}\n"


def test_ctrl_c_is_handed_on_once_and_it_may_end_in_good_order(tmp_path: Path) -> None:
    program = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))\nchannel.send_progress({})\ntime.sleep(60)"
    reports: list[Any] = []
    run = started(program, tmp_path, reports)

    def press() -> None:
        if reports and not run.interrupted:
            raise KeyboardInterrupt

    assert run.wait(press, longest=60) == 130
    assert run.interrupted


def test_one_with_much_progress_gets_its_whole_time(tmp_path: Path) -> None:
    program = "for at in range(150):\n    channel.send_progress({'at': at})\n    time.sleep(0.01)\nsys.exit(7)"
    reports: list[Any] = []
    assert started(program, tmp_path, reports).wait(lambda: None, longest=60) == 7
    assert len(reports) == 150


def test_one_that_takes_too_long_is_terminated(tmp_path: Path) -> None:
    program = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\nchannel.send_progress({})\ntime.sleep(60)"
    reports: list[Any] = []
    run = started(program, tmp_path, reports)
    while not reports:
        run.channel.read()
    assert run.wait(lambda: None, longest=0.5) == 9
    assert run.overdue
    assert not run.interrupted, "nobody pressed a key"


def test_one_that_does_not_end_is_killed_with_all_it_forked(tmp_path: Path) -> None:
    program = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\npid = os.fork()\n"
    program += "channel.send_progress({'pid': pid})\ntime.sleep(60)"
    reports: list[Any] = []
    run = started(program, tmp_path, reports)

    def press() -> None:
        if reports:
            raise KeyboardInterrupt

    assert run.wait(press, longest=60) == -9
    child = next(told["pid"] for told in reports if told["pid"])
    with suppress(psutil.Error):  # gone already, or waiting for a parent that asks for it
        psutil.Process(child).wait(timeout=60)
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"
