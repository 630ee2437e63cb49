"""Whole runs, from the command to the report.

One process, several processes and several machines give the same results, and every end is clean. All commands run at
once, each with its own stack, and the tests check their results.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from loadtests.run.stack import open_stack
from tests.loadtests.run.test_preflight import CONNECTED, text, upgraded

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

CALLERS = 4
_LONGEST = 60
PROGRAM = "import sys; from loadtests.cli import main; main()"
BUDGETS = ("lost_ms == 0", "repeated_ms == 0", "failed_calls == 0", f"calls == {CALLERS}", "sessions_left == 0")
RUN = ["run", "conversation", "--simulate", "--json", "--users", str(CALLERS), "--duration", "5s", "--chunk-ms", "100"]


@dataclass
class Outcome:
    """The result of one command."""

    code: int
    document: dict[str, Any]
    log: str

    @property
    def codes(self) -> list[str]:
        return [finding["code"] for finding in self.document["findings"]]

    @property
    def metrics(self) -> dict[str, float]:
        found: dict[str, float] = self.document["metrics"]
        return found


def command(*words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> Outcome:
    out, log = process.communicate(timeout=_LONGEST)
    return Outcome(process.returncode, json.loads(out) if out.strip() else {}, log)


def budgeted() -> list[str]:
    return [*RUN, "--no-default-budgets", *(word for text in BUDGETS for word in ("--budget", text))]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def target_that_hangs_up() -> Iterator[str]:
    """A target that answers the preflight check and hangs up on everyone else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            knocks = 0
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with link, suppress(OSError):
                    request = link.recv(4096)
                    knocks += b"websocket" in request  # the metrics are asked for as well
                    if knocks == 1:
                        link.sendall(upgraded(text(CONNECTED))(request))
                        link.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=5)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Run everything that the tests check."""
    port = str(free_port())
    here = ["--master-host", "127.0.0.1", "--master-port", port]
    with ExitStack() as stack, target_that_hangs_up() as shut, open_stack() as bench:
        running = {
            "alone": command(*budgeted()),
            "processes": command(*budgeted(), "--processes", "2"),
            "machines": command(*budgeted(), "--master", *here, "--expect-workers", "2"),
            "interrupted": command("run", "conversation", "--simulate", "--json", "--users", "2", "--duration", "50s"),
            "terminated": command(
                "run", "reconnect-storm", "--simulate", "--json", "--users", "2", "--duration", "60s"
            ),
            "storm": command(
                "run", "reconnect-storm", "--target", bench.url, "--json", "--users", "2", "--duration", "8s"
            ),
            "down": command("run", "conversation", "--target", shut, "--json", "--users", "5", "--duration", "50s"),
        }
        for number in range(2):
            running[f"worker {number}"] = command("run", "conversation", "--worker", *here)
        for process in running.values():
            stack.callback(_killed, process)
        found = {
            name: ended(running[name]) for name in ("alone", "processes", "machines", "worker 0", "worker 1", "storm")
        }
        for name, number in (("interrupted", signal.SIGINT), ("terminated", signal.SIGTERM)):
            children = psutil.Process(running[name].pid).children(recursive=True)
            running[name].send_signal(number)
            found[name] = ended(running[name])
            _, left = psutil.wait_procs(children, timeout=10)
            assert left == []
        return {**found, "down": ended(running["down"])}


def _killed(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@pytest.mark.parametrize("how", ["alone", "processes", "machines"])
def test_one_process_or_many_give_the_same_totals_with_all_audio_audited(
    how: str, outcomes: dict[str, Outcome]
) -> None:
    outcome = outcomes[how]
    assert outcome.code == 0, outcome
    assert outcome.codes[: len(BUDGETS)] == ["LOAD-BUDGET-KEPT"] * len(BUDGETS)
    metrics = outcome.metrics
    assert metrics["load_calls_total"] == metrics["load_dials_total"] == CALLERS
    assert metrics["load_sent_ms"] == metrics["load_chunks_total"] * 100
    assert metrics["load_sent_ms"] > CALLERS * 2000
    assert (metrics["load_lost_ms"], metrics["load_reordered_ms"]) == (0, 0)


def test_the_report_is_the_same_however_the_run_is_distributed(outcomes: dict[str, Outcome]) -> None:
    names = [set(outcomes[how].metrics) for how in ("alone", "processes", "machines")]
    assert names[0] == names[1] == names[2]
    assert "load_bridge_cpu_percent" in names[0]
    series = {one["name"] for one in outcomes["alone"].document["series"]}
    assert {"callers", "ready, p99", "turn, p50", "memory, bridge"} <= series


def test_percentiles_cover_the_whole_run(outcomes: dict[str, Outcome]) -> None:
    (table,) = outcomes["alone"].document["tables"]
    found = {row["name"]: row["cells"] for row in table["rows"]}
    assert table["columns"] == ["count_total", "p50_seconds", "p95_seconds", "p99_seconds", "max_seconds"]
    assert found["ready"][0] == CALLERS
    assert found["turn"][1] == outcomes["alone"].metrics["load_turn_p50_seconds"]


def test_workers_end_with_their_master_and_leave_the_verdict_to_it(outcomes: dict[str, Outcome]) -> None:
    assert [outcomes[f"worker {number}"].code for number in range(2)] == [0, 0]


@pytest.mark.parametrize("how", ["interrupted", "terminated"])
def test_an_interrupted_run_reports_what_it_has_and_stops_everything(how: str, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[how]
    assert outcome.code == 130, outcome
    assert outcome.codes[0] == "LOAD-INTERRUPTED"
    assert outcome.metrics["load_calls_total"] == 2
    assert outcome.metrics["load_sessions_left_total"] == 0
    assert {one["severity"] for one in outcome.document["findings"][1:]} <= {"pass", "skipped", "info", "warning"}


def test_a_storm_without_the_simulator_cuts_the_callers_and_names_what_it_left_out(
    outcomes: dict[str, Outcome],
) -> None:
    outcome = outcomes["storm"]
    assert outcome.code == 0, outcome
    findings = {one["check"]: one for one in outcome.document["findings"]}
    assert findings["p99(reconnect@callers-cut) < 5s"]["severity"] == "pass"
    assert findings["phase storm"]["severity"] == "skipped"
    assert findings["phase storm"]["title"] == (
        "skipped: all upstream sockets cut: needs --control http://HOST:PORT/_sim"
    )
    assert outcome.metrics["load_calls_total"] == 4, "each caller called again"


def test_a_target_that_refuses_everyone_ends_the_run_early(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["down"]
    assert outcome.code == 3, outcome
    assert outcome.codes[0] == "LOAD-TARGET-DOWN"
    assert "LOAD-BUDGET-KEPT" not in outcome.codes
    assert 9 < outcome.document["seconds"] < 25
    skipped = {one["check"]: one["title"] for one in outcome.document["findings"] if one["severity"] == "skipped"}
    assert skipped["lost_ms == 0"] == "skipped: needs --control http://HOST:PORT/_sim, or --echo if the service echoes"
    assert skipped["errors == 0"] == "skipped: no caller got a session"
