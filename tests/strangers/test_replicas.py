"""Two bridges behind nginx or HAProxy, as `docs/bridge.md` says: each session of the fallback stays with its own."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.protocol.audio.tracer import TracerSource
from tests.hardening.bad_network import BadNetworkClient
from tests.strangers.programs import free_port, need, our_command, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCS = Path(__file__).parents[2] / "docs" / "bridge.md"
SESSIONS = 10


def _snippet(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    return str(found)


def _nginx(snippet: str, folder: Path) -> list[str]:
    paths = " ".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(f"pid {folder}/pid; daemon off; events {{}} http {{ access_log off; {paths} {snippet} }}")
    return [need("nginx"), "-c", str(file), "-e", str(folder / "err")]


def _haproxy(snippet: str, folder: Path) -> list[str]:
    file = folder / "haproxy.cfg"
    file.write_text(snippet)
    return [need("haproxy"), "-f", str(file), "-q"]


#: For each balancer: how its configuration says where it listens, and how it is run.
BALANCERS: dict[str, tuple[str, str, Callable[[str, Path], list[str]]]] = {
    "nginx": ("listen 80;", "listen 127.0.0.1:{};", _nginx),
    "haproxy": ("bind :80", "bind 127.0.0.1:{}", _haproxy),
}


@pytest.fixture(params=BALANCERS)
def replicas(request: pytest.FixtureRequest, simulator: int, tmp_path: Path) -> Iterator[int]:
    """The port of a balancer, in front of two bridges."""
    listens, listens_here, command = BALANCERS[request.param]
    ports = {"10.0.0.1:8765": free_port(), "10.0.0.2:8765": free_port()}
    listening = free_port()
    snippet = _snippet(request.param)
    for address, port in ports.items():
        snippet = snippet.replace(address, f"127.0.0.1:{port}")
    assert listens in snippet
    words = command(snippet.replace(listens, listens_here.format(listening)), tmp_path)
    upstream = ("--upstream", f"http://127.0.0.1:{simulator}/v1")
    environment = {"OPENAI_API_KEY": "sk-simulated"}

    def bridge(port: int) -> list[str]:
        return our_command("sherpa_bridge", "serve", "--port", str(port), *upstream)

    blue, green = ports.values()
    with (
        running(bridge(blue), blue, tmp_path / "blue.log", SHERPA_BRIDGE_NODE="blue", **environment),
        running(bridge(green), green, tmp_path / "green.log", SHERPA_BRIDGE_NODE="green", **environment),
        running(words, listening, tmp_path / "balancer.log"),
    ):
        yield listening


@pytest.mark.parametrize("streams", [False, True], ids=["polls", "streams"])
async def test_sessions_stay_with_their_bridge(streams: bool, replicas: int) -> None:
    address = f"127.0.0.1:{replicas}"
    clients = [BadNetworkClient(address, TracerSource(70_000 + n), Random(n), streams) for n in range(SESSIONS)]
    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(client.run)
    assert all([message["type"] for message in client.received].count("response.done") == 1 for client in clients)
    assert {client.path.rpartition("/")[2].partition("-")[0] for client in clients} == {"blue", "green"}
