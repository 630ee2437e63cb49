"""systemd's own tools on the units of deploy/systemd and on the bridge."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.strangers.programs import ROOT, free_port, our_command, probe, running

if TYPE_CHECKING:
    from pathlib import Path

UNITS = ROOT / "deploy" / "systemd"
#: On the scale of `systemd-analyze security`, where 10 is no protection at all.
MOST_EXPOSED = {"sherpa-bridge.service": 2.0, "sherpa-watch.service": 3.0}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: apt-get install systemd")
    return path


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as they are installed, with commands that exist here."""
    for file in UNITS.iterdir():
        text = re.sub(r"/opt/sherpa-realtime/bin/\S+", "/bin/true", file.read_text())
        (tmp_path / file.name).write_text(text)
    return tmp_path


def test_systemd_finds_nothing_in_the_units(units: Path) -> None:
    files = [str(file) for file in sorted(units.iterdir())]
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", *files],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, [line for line in done.stderr.splitlines() if "sherpa" in line]) == (0, [])


@pytest.mark.parametrize("unit", MOST_EXPOSED)
def test_a_service_may_do_little_beyond_its_work(unit: str) -> None:
    words = [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", str(UNITS / unit)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED[unit]


def test_the_bridge_serves_calls_on_sockets_that_systemd_opened(folder: Path, simulator: int) -> None:
    port, admin = free_port(), free_port()
    bridge = our_command("sherpa_bridge", "serve", "--upstream", f"http://127.0.0.1:{simulator}/v1")
    listen = ["--listen", f"127.0.0.1:{port}", "--listen", f"127.0.0.1:{admin}", "--fdname=clients:admin"]
    pass_on = [f"--setenv={name}" for name in ("OPENAI_API_KEY", "PYTHONPATH")]
    words = [tool("systemd-socket-activate"), *listen, *pass_on, *bridge]
    with running(words, port, folder / "activated.log", OPENAI_API_KEY="sk-simulated", PYTHONPATH=str(ROOT)):
        assert probe("bridge", "--url", f"ws://127.0.0.1:{port}").wrong == []
        with urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=60) as answer:
            assert b"sherpa_" in answer.read()
