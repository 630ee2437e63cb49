"""Commands on a system without Unix processes and signals: they work there, or say in a sentence why they don't.

A process pretends to be on Windows: what Python doesn't have there is removed once the libraries, which have their own
ways for each system, are imported. The workflow `platforms.yml` runs the same commands on the real systems.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reports.cli_common import UNIX_COMMANDS

ROOT = Path(__file__).parents[1]
#: Everything that Python has on Unix only, as far as anybody here might use it.
PRETEND = """
import functools, os, signal, socket, sys
import concurrent.futures.process, httpx, multiprocessing.spawn, rich.console, trio, websockets  # for this system
socket.socketpair = functools.partial(socket.socketpair, socket.AF_UNIX)
for module, names in {
    os: "fork fchmod pipe2 killpg getpgid setsid waitid eventfd getuid geteuid mkfifo O_PATH O_NONBLOCK sendfile",
    signal: "SIGHUP SIGUSR1 SIGUSR2 SIGQUIT SIGALRM SIGCHLD SIGKILL SIGTSTP SIGPIPE pthread_sigmask setitimer",
    socket: "AF_UNIX SOCK_CLOEXEC SOCK_NONBLOCK send_fds recv_fds",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
sys.platform = "win32"
"""
RUN = """
from sherpa_realtime import *
import sherpa_realtime
for line in sys.argv[1:]:
    tool, *words = line.split()
    sys.argv = [tool, *words]
    try:
        getattr(sherpa_realtime, tool.replace("-", "_"))()
    except SystemExit as ended:
        print(f"exit {ended.code or 0}: {line}", flush=True)
"""


def on_windows(folder: Path, *lines: str) -> tuple[list[str], str]:
    """Run command lines one after another; returns how they ended, and what they wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PRETEND + RUN, *lines],
        cwd=folder, env={"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("exit ")], done.stderr


@pytest.mark.slow
def test_probes_and_reports_work_without_unix(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("const a = 1;\n")
    lines = (
        "sherpa-probe",
        "sherpa-probe access --simulate --report json=report.json",
        "sherpa-probe events --simulate --script text",
        "sherpa-probe bridge --simulate",
        "sherpa-probe lint a.js",
        "sherpa-probe explain 4000",
        "sherpa-probe config",
        "sherpa-probe conformance --list",
        "sherpa-report render report.json -f markdown",
        "sherpa-sim list",
        "sherpa-bridge",
        "sherpa-load list",
    )
    ends, said = on_windows(tmp_path, *lines)
    assert ends == [f"exit 0: {line}" for line in lines], said


@pytest.mark.slow
def test_what_needs_unix_says_so_in_a_sentence(tmp_path: Path) -> None:
    lines = [f"{tool} {name}" for tool, names in UNIX_COMMANDS.items() for name in names]
    lines = [*lines, "sherpa-sim serve --workers 2"]
    ends, said = on_windows(tmp_path, *lines)
    assert ends == [f"exit 2: {line}" for line in lines], said
    assert said.count("doesn't run on Windows: it needs Unix processes and signals.") == len(lines) - 1
    assert "Traceback" not in said
