"""What a test leaves behind is found, named and cleared away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.process_state import ProcessState, release_failed_test, signal_handlers_restored, unignore_sigint

_SLEEPS = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]


def test_without_changes_there_is_nothing_to_restore() -> None:
    assert ProcessState.capture().restore() == []


def test_a_running_process_is_killed_and_its_pipes_are_closed() -> None:
    before = ProcessState.capture()
    process = subprocess.Popen(_SLEEPS, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    (change,) = before.restore()
    assert change.startswith("the process ")
    assert "time.sleep(600)" in change
    assert process.returncode == -signal.SIGKILL
    assert process.stdout.closed
    assert before.restore() == []


def test_a_process_that_was_not_waited_for_is_reaped() -> None:
    before = ProcessState.capture()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    (change,) = before.restore()
    assert change == f"the process {child}, which had ended and was not waited for"
    assert before.restore() == []


def test_a_handler_the_environment_and_the_working_directory_come_back(tmp_path: Path) -> None:
    before, folder, path = ProcessState.capture(), Path.cwd(), os.environ["PATH"]
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ["PATH"] = "/nowhere"
    os.environ["LEFT_BY_A_TEST"] = "1"
    os.chdir(tmp_path)
    assert before.restore() == [
        "a handler of SIGTERM",
        "environment variables LEFT_BY_A_TEST, PATH",
        f"the working directory {tmp_path}",
    ]
    assert (Path.cwd(), os.environ["PATH"], "LEFT_BY_A_TEST" in os.environ) == (folder, path, False)
    assert before.restore() == []


def test_what_a_failed_test_held_open_is_freed_without_a_warning() -> None:
    sys.last_value = ValueError([socket.socket()])
    release_failed_test()
    assert not hasattr(sys, "last_value")


def test_ctrl_c_reaches_child_processes_although_a_shell_made_us_ignore_it() -> None:
    with signal_handlers_restored():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        unignore_sigint()
        done = subprocess.run(
            [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT)"],
            capture_output=True, check=False,
        )  # fmt: skip
    assert done.returncode == -signal.SIGINT
    assert ProcessState.capture().restore() == []
