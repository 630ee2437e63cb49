"""Two bridges behind one nginx, as `docs/bridge.md` says: each session of the REST fallback stays with its own."""

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
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "bridge.md"
SESSIONS = 10


@pytest.fixture
def replicas(simulator: int, tmp_path: Path) -> Iterator[int]:
    """The port of nginx, in front of two bridges."""
    ports = {"10.0.0.1:8765": free_port(), "10.0.0.2:8765": free_port()}
    listening = free_port()
    (snippet,) = re.findall(r"```nginx\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    for address, port in ports.items():
        snippet = snippet.replace(address, f"127.0.0.1:{port}")
    snippet = snippet.replace("listen 80;", f"listen 127.0.0.1:{listening};")
    paths = " ".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid; daemon off; events {{}} http {{ access_log off; {paths} {snippet} }}")
    upstream = ("--upstream", f"http://127.0.0.1:{simulator}/v1")
    environment = {"OPENAI_API_KEY": "sk-simulated"}

    def bridge(port: int) -> list[str]:
        return our_command("sherpa_bridge", "serve", "--port", str(port), *upstream)

    blue, green = ports.values()
    with (
        running(bridge(blue), blue, tmp_path / "blue.log", SHERPA_BRIDGE_NODE="blue", **environment),
        running(bridge(green), green, tmp_path / "green.log", SHERPA_BRIDGE_NODE="green", **environment),
        running([need("nginx"), "-c", str(file), "-e", str(tmp_path / "err")], listening, tmp_path / "nginx.log"),
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
