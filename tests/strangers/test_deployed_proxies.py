"""The files of deploy/proxies, with the real nginx and HAProxy: calls pass whole, `/metrics` does not."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.strangers.programs import ROOT, free_port, need, probe, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROXIES = ROOT / "deploy" / "proxies"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def placed(name: str, port: int, behind: int) -> str:
    """A file of ours with the ports of this test."""
    text = (PROXIES / name).read_text()
    assert "127.0.0.1:8765" in text
    text = text.replace("127.0.0.1:8765", f"127.0.0.1:{behind}")
    return text.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("listen 8080", f"listen 127.0.0.1:{port}")


def checked(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def behind_nginx(folder: Path, bridge: int) -> Iterator[int]:
    command, port, file = need("nginx"), free_port(), folder / "deployed-nginx.conf"
    paths = " ".join(f"{name}_temp_path {folder}/deployed-{name};" for name in _TEMPORARY)
    inside = placed("nginx.conf", port, bridge)
    file.write_text(f"pid {folder}/deployed.pid; daemon off; events {{}} http {{ access_log off; {paths}\n{inside}\n}}")
    words = [command, "-c", str(file), "-e", str(folder / "deployed-nginx.err")]
    checked(*words, "-t")
    with running(words, port, folder / "deployed-nginx.log"):
        yield port


@pytest.fixture
def behind_haproxy(folder: Path, bridge: int) -> Iterator[int]:
    command, port, file = need("haproxy"), free_port(), folder / "deployed-haproxy.cfg"
    file.write_text(placed("haproxy.cfg", port, bridge))
    checked(command, "-c", "-f", str(file))
    with running([command, "-f", str(file)], port, folder / "deployed-haproxy.log"):
        yield port


@pytest.mark.parametrize("proxy", ["behind_nginx", "behind_haproxy"])
def test_calls_pass_whole_and_metrics_do_not(proxy: str, request: pytest.FixtureRequest) -> None:
    port = request.getfixturevalue(proxy)
    assert probe("bridge", "--url", f"ws://127.0.0.1:{port}").wrong == []
    assert probe("access", "--base-url", f"http://127.0.0.1:{port}/v1").at("upgrade")["severity"] == "pass"
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60)
