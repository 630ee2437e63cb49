"""One child process: started, awaited, stopped, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtests.run.child import ChildError, ChildProcess
from sherpa_realtime import python_command

ROOT = Path(__file__).parents[3]
#: Says its address, or the port it was given, and waits to be ended.
_SERVES = """
import signal, sys, time
port = sys.argv[sys.argv.index("--port") + 1]
if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(f"serving at ws://127.0.0.1:{int(port) or 4711} for you", flush=True)
while True:
    time.sleep(1)
"""
COMMAND = (sys.executable, "-c", _SERVES, "--port", "0")


def started(tmp_path: Path, words: tuple[str, ...] = COMMAND, seconds: float = 60) -> ChildProcess:
    return ChildProcess.start(words, dict(os.environ), tmp_path / "log", seconds)


def test_it_runs_once_it_prints_its_address_and_is_gone_once_stopped(tmp_path: Path) -> None:
    child = started(tmp_path)
    assert child.address == "127.0.0.1:4711"
    assert child.is_alive
    child.stop()
    assert not child.is_alive
    child.stop()


def test_one_that_does_not_listen_to_reason_is_ended_by_force(tmp_path: Path) -> None:
    child = started(tmp_path, (*COMMAND, "--deaf"))
    assert not child.terminate(0.1)
    assert child.process.returncode == -signal.SIGKILL


def test_one_that_exits_on_request_was_terminated(tmp_path: Path) -> None:
    child = started(tmp_path)
    assert child.terminate(60)
    assert child.process.returncode == -signal.SIGTERM


def test_it_starts_again_on_the_port_that_it_had(tmp_path: Path) -> None:
    child = started(tmp_path)
    child.stop()
    restarted = child.restart(tmp_path / "second", 60)
    restarted.stop()
    assert restarted.address == child.address
    assert restarted.command[-1] == "4711"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import sys; sys.exit('the port is taken')", "it did not start: the port is taken; log: "),
        ("pass", "it did not start: no output; log: "),
    ],
)
def test_one_that_exits_before_it_serves_is_reported_with_its_last_line(tmp_path: Path, code: str, line: str) -> None:
    with pytest.raises(ChildError, match=line):
        started(tmp_path, (sys.executable, "-c", code))


def test_one_that_never_prints_its_address_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="it did not start: hello; log"):
        started(tmp_path, ("sh", "-c", "echo hello; sleep 60"), 1.0)


def test_a_commands_words_run_its_main() -> None:
    done = subprocess.run(python_command("bridge.simulator.cli", "list", "--json"), capture_output=True, check=True)
    assert b"scenarios" in done.stdout


_PARENT = """
import sys, time
from pathlib import Path
from loadtests.run.child import ChildProcess
child = ChildProcess.start(tuple(sys.argv[2:]), {}, Path(sys.argv[1]), 60)
print(child.pid, flush=True)
time.sleep(60)
"""


if sys.platform == "linux":  # elsewhere the kernel tells a child nothing of its parent's death

    def test_it_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
        call = (sys.executable, "-c", _PARENT, str(tmp_path / "log"), *COMMAND)
        with subprocess.Popen(call, stdout=subprocess.PIPE, cwd=ROOT) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            parent.kill()
        until = time.monotonic() + 60
        while is_running(pid) and time.monotonic() < until:
            time.sleep(0.02)
        assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
