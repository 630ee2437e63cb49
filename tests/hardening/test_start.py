"""A bridge that is started with closed or full descriptors, and one that listens on all addresses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio

from tests.hardening.harness import bridge_process, own_environment
from tests.server.test_cli import PROGRAM

pytestmark = pytest.mark.slow

#: Connections of one address, and of all, that have no session (`bridge/server/app.py`).
MOST_PER_ADDRESS, MOST_PLACES = 1024, 4097
REDIRECTIONS = {
    "all closed": "<&- >&- 2>&-",
    "stdout closed": ">&- 2>/dev/null",
    "stderr closed": ">/dev/null 2>&-",
    "both full": ">/dev/full 2>/dev/full",
}


def _start(redirection: str, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *PROGRAM, "serve", "--simulate", *words]
    return subprocess.Popen(command, cwd=folder, env=own_environment(), start_new_session=True)


async def _serves(addresses: list[str], folder: Path, redirection: str, *words: str) -> int:
    """Start a bridge by a shell, ask for its health at each address, stop it, and return its exit code."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = _start(redirection, folder, "--port", str(port), *words)
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            for address in addresses:
                with trio.fail_after(20):
                    await _wait_healthy(client, f"http://{address}:{port}/healthz", process)
                _assert_standard_descriptors_are_no_sockets(process.pid)
        process.terminate()
        return await trio.to_thread.run_sync(process.wait, 20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _assert_standard_descriptors_are_no_sockets(process: int) -> None:
    """What a program writes to a descriptor that was closed at its start must not reach whoever got its number."""
    if sys.platform == "linux":
        opened = [str(Path(f"/proc/{process}/fd/{descriptor}").readlink()) for descriptor in range(3)]
        assert not [one for one in opened if one.startswith(("socket:", "anon_inode:"))], opened


async def _wait_healthy(client: httpx.AsyncClient, url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            assert (await client.get(url)).status_code == 200
        except httpx.ConnectError:
            await trio.sleep(0.05)
        else:
            return
    raise AssertionError(f"the bridge exited with {process.returncode}")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("redirection", REDIRECTIONS.values(), ids=REDIRECTIONS.keys())
async def test_a_bridge_serves_whatever_its_standard_descriptors_are(
    redirection: str, workers: str, tmp_path: Path
) -> None:
    words = ("--log-format", "json", "--workers", workers)
    assert await _serves(["127.0.0.1"], tmp_path, redirection, *words) == 0


async def test_a_bridge_on_all_addresses_serves_both_families(tmp_path: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    words = ("--host", "::", "--allow-anonymous")
    assert await _serves(["127.0.0.1", "[::1]"], tmp_path, ">/dev/null 2>&1", *words) == 0


@pytest.mark.nightly
async def test_strangers_that_take_all_places_do_not_shut_out_monitoring(tmp_path: Path) -> None:
    """Each of several addresses of this machine opens as many connections as it may, and says nothing."""
    words = ("--simulate", "--max-sessions", "1", "--admin-listen", "127.0.0.1:0", "--log-format", "json")
    with bridge_process(tmp_path, *words) as bridge:
        assert bridge.admin_address != bridge.address
        held = []
        for number in range(MOST_PLACES):
            with suppress(OSError):  # the last ones are reset
                held.append(await bridge.open_tcp(f"127.0.0.{2 + number // MOST_PER_ADDRESS}"))
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://{bridge.address}/healthz")
            for path in ("healthz", "readyz", "metrics"):
                assert (await client.get(f"http://{bridge.admin_address}/{path}")).status_code == 200
        for stream in held:
            await trio.aclose_forcefully(stream)
