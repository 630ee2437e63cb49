"""Bridge and simulator as child processes, as `--simulate` starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from loadtests.control.simulator import ControlClient
from loadtests.run.stack import Stack, StackError, open_stack
from tests.loadtests.run.test_child import is_running

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


def first_word(stack: Stack) -> str:
    line: Any = websocket.create_connection(f"{stack.url}/api/openai/realtime", timeout=60)
    try:
        return str(line.recv())
    finally:
        line.shutdown()


def test_it_serves_is_redeployed_by_a_command_and_leaves_nothing_behind() -> None:
    with open_stack(simulator=("--pace", "4")) as stack:
        assert '"connected"' in first_word(stack)
        assert ControlClient(stack.control).snapshot().open_sockets == 0
        before, url = stack.bridge.pid, stack.url
        done = subprocess.run(stack.deploy_command, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert stack.bridge.pid != before
        assert stack.url == url
        assert '"connected"' in first_word(stack)
        assert not stack.exited
        children = (before, stack.bridge.pid, stack.simulator.pid)
    assert not [pid for pid in children if is_running(pid)]
    assert not stack.folder.exists()


def test_a_bridge_that_does_not_start_is_reported_with_its_log_and_the_simulator_is_stopped() -> None:
    with (
        pytest.raises(StackError, match=r"it did not start: .*no such option.*; log: ") as failed,
        open_stack(bridge_command=lambda _: (sys.executable, "-c", "import sys; sys.exit('there is no such option')")),
    ):
        pass
    log = Path(str(failed.value).rpartition("log: ")[2])
    assert "no such option" in log.read_text()
    assert {file.name for file in log.parent.iterdir()} == {"bridge.log", "simulator.log"}
    forget(log.parent)


def test_the_deploy_command_reports_a_bridge_that_does_not_restart() -> None:
    with open_stack(bridge_command=bridge_for_once) as stack:
        stack.keep_logs = True
        done = subprocess.run(stack.deploy_command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"the bridge did not restart: it did not start: once is enough" in done.stderr
    forget(stack.folder)


def test_what_fell_by_itself_is_named_and_its_log_stays() -> None:
    with open_stack(bridge_command=bridge_for_once) as stack:
        os.kill(stack.bridge.pid, signal.SIGKILL)
        stack.bridge.process.wait(timeout=60)
        (fallen,) = stack.exited
    assert fallen == f"the bridge exited unexpectedly; log: {stack.folder / 'bridge.log'}"
    assert (stack.folder / "bridge.log").exists()
    forget(stack.folder)


def bridge_for_once(_: str) -> Sequence[str]:
    """Serve HTTP on any port; a second start on the same port fails."""
    code = (
        "import http.server, sys\n"
        "if sys.argv[-1] != '0': sys.exit('once is enough')\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "print(f'http://127.0.0.1:{server.server_port}/', flush=True)\n"
        "server.serve_forever()\n"
    )
    return (sys.executable, "-c", code, "--port", "0")


_PARENT = """
import time
from loadtests.run.stack import open_stack
with open_stack(workers=2) as stack:
    print(stack.simulator.pid, stack.bridge.pid, stack.folder, flush=True)
    time.sleep(60)
"""


if sys.platform == "linux":  # elsewhere the kernel tells a child nothing of its parent's death

    def test_all_of_it_dies_with_a_parent_that_was_killed() -> None:
        with subprocess.Popen((sys.executable, "-c", _PARENT), stdout=subprocess.PIPE, cwd=ROOT) as parent:
            assert parent.stdout is not None
            simulator, bridge, folder = parent.stdout.readline().decode().split()
            workers = Path(f"/proc/{bridge}/task/{bridge}/children").read_text().split()
            parent.kill()
        assert len(workers) == 2
        pids = [int(pid) for pid in (simulator, bridge, *workers)]
        until = time.monotonic() + 60
        while any(map(is_running, pids)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not [pid for pid in pids if is_running(pid)]
        forget(Path(folder))


def forget(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
