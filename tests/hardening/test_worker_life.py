"""Workers that hang, a parent that is killed, signals that end nobody, and callers that are shared out."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import trio
import trustme

from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.errors import DialFailed
from tests.hardening.harness import KEY, HealthyCaller, bridge_process, checked_bridge_process, remote_port, wait_until

if TYPE_CHECKING:
    from bridge.transport.link import Headers
    from tests.hardening.harness import BridgeProcess, SimulatorThread
    from tests.server.harness import JsonTestClient

pytestmark = pytest.mark.slow

CALLS = 40
#: The least that each of two workers must have of 40 calls.
LEAST = 15
JSON = ("--log-format", "json")
OLD_TOKEN, NEW_TOKEN = "an-old-token-0123456789", "a-new-token-0123456789"
HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGALRM)


async def test_callers_are_shared_out_evenly_and_a_hung_worker_is_replaced(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, "--workers", "2", *JSON)
    with bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        await wait_until(lambda: len(bridge.ps.children()) == 2, 5)
        clients = [await bridge.connect(headers=()) for _ in range(CALLS)]
        ports = {client.link.stream.socket.getsockname()[1] for client in clients}  # type: ignore[attr-defined]
        shares = Counter(
            worker.pid
            for worker in bridge.ps.children()
            for one in worker.net_connections("tcp")
            if remote_port(one.raddr) in ports
        )
        assert sum(shares.values()) == CALLS
        assert min(shares.values()) >= LEAST
        for client in clients:
            await client.link.abort()
        hung, other = bridge.ps.children()
        caller = await _caller_of(bridge, upstream, other.pid)
        hung.suspend()
        took = await wait_until(lambda: hung not in bridge.ps.children(), 25)
        assert took > 10
        await wait_until(lambda: len(bridge.ps.children()) == 2, 8)
        await caller.turn()
        caller.assert_unharmed()
        await caller.disconnect()
        assert [line["pid"] for line in bridge.log_lines("worker.hung")] == [hung.pid]


async def _caller_of(bridge: BridgeProcess, upstream: SimulatorThread, pid: int) -> HealthyCaller:
    """Return a caller that is served by this worker."""
    while True:
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=())
        port = caller.client.link.stream.socket.getsockname()[1]  # type: ignore[attr-defined]
        if port in [remote_port(one.raddr) for one in psutil.Process(pid).net_connections("tcp")]:
            return caller
        await caller.disconnect()


async def test_no_worker_survives_the_parent_and_the_port_is_free_at_once(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, "--workers", "2", *JSON)
    environment = {"OPENAI_API_KEY": KEY, "SHERPA_BRIDGE_DRAIN_SECONDS": "1"}
    with bridge_process(tmp_path, *words, **environment) as bridge:
        await wait_until(lambda: len(bridge.ps.children()) == 2, 5)
        workers = bridge.ps.children()
        client = await bridge.connect(headers=())
        await client.send("create_session")
        await client.receive_until("session_ready")
        os.kill(bridge.process.pid, signal.SIGKILL)
        bridge.process.wait(5)
        with trio.fail_after(8):
            end = await client.receive_close()
        assert end.code == 1001
        assert _can_listen(bridge)
        await wait_until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers), 8)


#: A worker that hears speech hangs for ever.
_HANGING = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from bridge.server.clients.json_client import JsonClient
def hang(client, data):
    while True: pass
JsonClient.on_binary = hang
from bridge.server.cli import main; main()
"""
HANGING = (sys.executable, "-c", _HANGING, str(Path(__file__).parents[2]))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a stopped process that its parent has died")
@pytest.mark.parametrize("how", ["stopped", "hung"])
async def test_a_worker_that_is_stopped_or_hangs_does_not_survive_its_parent_either(
    how: str, upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, "--workers", "2", *JSON)
    environment = {"OPENAI_API_KEY": KEY, "SHERPA_BRIDGE_DRAIN_SECONDS": "1"}
    with bridge_process(tmp_path, *words, program=HANGING, **environment) as bridge:
        await wait_until(lambda: len(bridge.ps.children()) == 2, 5)
        workers = bridge.ps.children()
        if how == "stopped":
            workers[0].suspend()
            await wait_until(lambda: workers[0].status() == psutil.STATUS_STOPPED, 5)
        else:
            client = await bridge.connect(headers=())
            await client.receive_until("connected")
            await client.link.send_binary(bytes(2))
            await trio.sleep(0.5)
            await client.link.abort()
        os.kill(bridge.process.pid, signal.SIGKILL)
        bridge.process.wait(5)
        await wait_until(lambda: not any(worker.is_running() and worker.status() != "zombie" for worker in workers), 20)


def _can_listen(bridge: BridgeProcess) -> bool:
    host, _, port = bridge.address.partition(":")
    socket.create_server((host, int(port))).close()
    return True


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_signals_that_do_not_stop_a_bridge_end_no_call(
    upstream: SimulatorThread, tmp_path: Path, workers: str
) -> None:
    words = ("--upstream", upstream.url, "--workers", workers, *JSON)
    with checked_bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        await wait_until(lambda: workers == "1" or len(bridge.ps.children()) == 2, 5)
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=())
        processes = [bridge.ps, *bridge.ps.children()]
        for process in processes:
            for number in HARMLESS:
                process.send_signal(number)
                await trio.sleep(0.05)
        await caller.turn()
        caller.assert_unharmed()
        await caller.disconnect()
        assert all(process.is_running() for process in processes)
        ignored = Counter(line["signal"] for line in bridge.log_lines("signal.ignored"))
        assert ignored == {"SIGUSR2": len(processes), "SIGQUIT": len(processes), "SIGALRM": len(processes)}
        assert "most recent call first" in bridge.log.read_text()
        assert bridge.log_lines("settings.reloaded")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_hup_takes_over_new_rules_for_clients_and_drops_no_call(
    upstream: SimulatorThread, tmp_path: Path, workers: str
) -> None:
    def allow(origin: str) -> None:
        (tmp_path / "sherpa.toml").write_text(f"[bridge]\nallow_origin = ['{origin}']\n")

    allow("https://old.test")
    words = ("--upstream", upstream.url, "--workers", workers, *JSON)
    with checked_bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=(("Origin", "https://old.test"),))
        allow("not an origin")
        bridge.process.send_signal(signal.SIGHUP)
        await wait_until(lambda: bridge.log_lines("settings.rejected"), 5)
        allow("https://new.test")
        bridge.process.send_signal(signal.SIGHUP)
        expected = 1 if workers == "1" else 3
        await wait_until(lambda: len(bridge.log_lines("settings.reloaded")) == expected, 5)
        await (await _connect_from(bridge, "https://new.test")).link.close()
        with pytest.raises(HandshakeRefused):
            await _connect_from(bridge, "https://old.test")
        await caller.turn()
        caller.assert_unharmed()
        await caller.disconnect()


async def test_hup_takes_over_a_new_token_and_new_limits_and_running_calls_lose_nothing(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    def configure(token: str, sessions: int) -> None:
        lines = (f"client_token_env = '{token}'", f"max_sessions = {sessions}")
        (tmp_path / "sherpa.toml").write_text("\n".join(("[bridge]", *lines)))

    async def refused(token: str) -> int:
        with pytest.raises(HandshakeRefused) as caught:
            await bridge.connect(headers=_bearer(token))
        return caught.value.status

    configure("OLD_TOKEN", 40)
    words = ("--upstream", upstream.url, "--workers", "2", *JSON)
    environment = {"OPENAI_API_KEY": KEY, "OLD_TOKEN": OLD_TOKEN, "NEW_TOKEN": NEW_TOKEN}
    with checked_bridge_process(tmp_path, *words, **environment) as bridge:
        callers = [HealthyCaller(bridge, upstream) for _ in range(3)]
        for caller in callers:
            await caller.connect(headers=_bearer(OLD_TOKEN))
        assert await refused(NEW_TOKEN) == 401
        async with trio.open_nursery() as nursery:
            for caller in callers:
                nursery.start_soon(caller.turn)  # the reload falls into their speech
            await trio.sleep(0.05)
            configure("NEW_TOKEN", len(callers) + 1)
            bridge.process.send_signal(signal.SIGHUP)
            await wait_until(lambda: len(bridge.log_lines("settings.reloaded")) == 3, 10)  # the parent's, too
        assert await refused(OLD_TOKEN) == 401
        last = await bridge.connect(headers=_bearer(NEW_TOKEN))
        assert await refused(NEW_TOKEN) == 503
        await last.link.close()
        for caller in callers:
            await caller.turn()
            caller.assert_unharmed()
            assert upstream.lost_ms(caller.source) == 0
            await caller.disconnect()


def _bearer(token: str) -> Headers:
    return (("Authorization", f"Bearer {token}"),)


async def test_hup_takes_over_new_certificates_and_no_call_loses_a_word(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    authorities = {name: trustme.CA() for name in ("old", "new")}

    def issue(name: str) -> None:
        made = authorities[name].issue_cert("127.0.0.1")
        made.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
        made.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))

    def trusting(name: str) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authorities[name].configure_trust(context)
        return context

    issue("old")
    words = ("--upstream", upstream.url, "--tls-cert", "cert.pem", "--tls-key", "key.pem", *JSON)
    with checked_bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        caller = HealthyCaller(bridge, upstream)
        await caller.connect(headers=(), ssl_context=trusting("old"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.turn)  # the reload falls into its speech
            await trio.sleep(0.05)
            issue("new")
            bridge.process.send_signal(signal.SIGHUP)
            await wait_until(lambda: bridge.log_lines("settings.reloaded"), 5)
        with pytest.raises(DialFailed):
            await bridge.connect(headers=(), ssl_context=trusting("old"))
        await (await bridge.connect(headers=(), ssl_context=trusting("new"))).link.close()
        authorities["old"].issue_cert("127.0.0.1").cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
        bridge.process.send_signal(signal.SIGHUP)
        await wait_until(lambda: bridge.log_lines("settings.rejected"), 5)  # the key is another certificate's
        await (await bridge.connect(headers=(), ssl_context=trusting("new"))).link.close()
        await caller.turn()
        caller.assert_unharmed()
        assert upstream.lost_ms(caller.source) == 0
        await caller.disconnect()


async def _connect_from(bridge: BridgeProcess, origin: str) -> JsonTestClient:
    return await bridge.connect(headers=(("Origin", origin),))
