"""Whole runs with --echo: our bridge, and one that loses audio."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from loadtests.run.locust_process import Distribution
from loadtests.run.run import RunEnvironment, run_once
from loadtests.run.stack import open_stack
from loadtests.scenarios.plan import RunOptions
from tests.loadtests.faulty_client import Defect
from tests.loadtests.scenarios.test_table_run import failures, faulty_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reports.store.reader import StoredReport

pytestmark = pytest.mark.slow
#: An echo is as long as what it echoes: it is spoken four times as fast.
ECHOES = ("--fault", "reply:how=echo", "--pace", "4")


def run(endpoint: str, defect: Defect | None, simulator: tuple[str, ...] = ECHOES) -> StoredReport:
    command = None if defect is None else faulty_command(defect)
    with open_stack(simulator=simulator, bridge_command=command) as stack:
        options = RunOptions(
            scenario="conversation", url=stack.url, users=4, duration="8s", echo=True, endpoint=endpoint
        )
        return run_once(RunEnvironment(options, {}, stack), Distribution(), os.environ, lambda _: None)


@pytest.fixture(scope="module")
def runs() -> Mapping[str, StoredReport]:
    cases = {
        "ours": ("client", None),
        "ours, native": ("native", None),
        "loses": ("client", Defect.LOSES_CHUNKS),
    }
    with ThreadPoolExecutor() as threads:
        begun = {name: threads.submit(run, *case) for name, case in cases.items()}
        begun["no echo"] = threads.submit(run, "client", None, ("--pace", "4"))
        return {name: one.result(timeout=90) for name, one in begun.items()}


def metrics(stored: StoredReport) -> dict[str, float]:
    return {metric.name: metric.value for metric in stored.report.metrics}


@pytest.mark.parametrize("name", ["ours", "ours, native"])
def test_a_bridge_that_loses_nothing_is_known_by_the_echo(name: str, runs: Mapping[str, StoredReport]) -> None:
    stored = runs[name]
    assert failures(stored) == []
    assert metrics(stored)["load_echoed_ms"] >= metrics(stored)["load_turns_total"] * 1000 - 4 * 1000
    assert metrics(stored)["load_lost_ms"] == 0


def test_what_a_bridge_loses_does_not_come_back(runs: Mapping[str, StoredReport]) -> None:
    stored = runs["loses"]
    assert [said for said in failures(stored) if said.startswith("lost_ms")]
    assert metrics(stored)["load_lost_ms"] >= 20


def test_a_service_that_does_not_echo_proves_nothing(runs: Mapping[str, StoredReport]) -> None:
    stored = runs["no echo"]
    assert [said.partition(":")[0] for said in failures(stored)] == ["echo"]
    assert stored.exit_code == 3
