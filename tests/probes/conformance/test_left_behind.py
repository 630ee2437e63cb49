"""However the suite ends, the bridge that it started ends, too, with what that started. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
#: Longer than the bound after which a process that ignores SIGTERM is killed.
SECONDS = 60
#: A bridge that starts a child, and says so once the suite is its client. The FIFO is open while one of the two lives.
BRIDGE = """
import os, signal, socket, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2] == 'stubborn' else signal.SIG_DFL)
listener = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))
sockets = [listener.accept(), listener.accept()]  # the suite looks whether it listens; then it is a client
fifo = os.open(sys.argv[1], os.O_WRONLY)
child = subprocess.Popen(['sleep', '600'], pass_fds=[fifo])
os.write(fifo, b'%d\\n' % os.getpid())
child.wait()
"""


@pytest.mark.parametrize(
    ("sent", "way"),
    [
        pytest.param(signal.SIGKILL, "plain", marks=pytest.mark.slow),
        *(
            pytest.param(sent, way, marks=pytest.mark.nightly)
            for sent, way in (
                (signal.SIGTERM, "plain"),
                (signal.SIGTERM, "stubborn"),
                (signal.SIGINT, "plain"),
                (signal.SIGHUP, "plain"),
                (signal.SIGKILL, "stubborn"),
            )
        ),
    ],
)
def test_a_suite_that_ends_by_a_signal_leaves_no_bridge_behind(sent: signal.Signals, way: str, tmp_path: Path) -> None:
    fifo, bridge = tmp_path / "alive", tmp_path / "bridge.py"
    os.mkfifo(fifo)
    bridge.write_text(BRIDGE)
    program = [sys.executable, "-c", "from sherpa_realtime import sherpa_probe; sherpa_probe()", "conformance"]
    command = [*program, "--start", f"{sys.executable} {bridge} {fifo} {way}", "--case", "A-01"]
    with (
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as suite,
        subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE) as reader,  # noqa: S607 - any cat
    ):
        assert reader.stdout is not None
        group = int(reader.stdout.readline())
        try:
            suite.send_signal(sent)
            assert suite.wait(SECONDS) == (130 if sent in (signal.SIGINT, signal.SIGTERM) else -sent)
            assert reader.wait(SECONDS) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
