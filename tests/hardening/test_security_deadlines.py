"""Handshakes that never end time out, those of TLS too, and too many connections are reset. Cases 3 and 10."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trustme

from bridge.simulator.faults.session_faults import HandshakeFault
from tests.hardening.harness import (
    KEY,
    BridgeProcess,
    HealthyCaller,
    SimulatorThread,
    attack,
    checked_bridge_process,
    wait_until,
)
from tests.hardening.raw_websocket import receive_until_closed, status_of, upgrade_request

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

#: Connections without a session from one address; more are reset.
MOST_WAITING = 1024
#: Some machines don't allow 10,000 open files in one process, so the connections come in waves.
HALF_OPEN = 10_000
WAVE = 2_000
#: From the first byte to the end of the head, and how late a busy machine may be.
HEAD_SECONDS, LATE_SECONDS = 10, 3


#: The begin of a ClientHello of TLS.
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20)


async def _send_slowly(stream: trio.SocketStream) -> None:
    """Send a handshake at one byte per second."""
    async with stream:
        try:
            for byte in upgrade_request():
                await stream.send_all(bytes([byte]))
                await trio.sleep(1)
        except trio.BrokenResourceError:
            return


async def _wait_for_close(stream: trio.SocketStream) -> None:
    async with stream:
        started = trio.current_time()
        await stream.send_all(b"GET /api/openai/realtime HTTP/1.1\r\n")
        await receive_until_closed(stream, seconds=HEAD_SECONDS + LATE_SECONDS)
        assert trio.current_time() - started > HEAD_SECONDS - 1


async def _wait_for_attempts(bridge: BridgeProcess) -> None:
    """The upstream never answers the upgrade request: the attempt times out, and the next one starts."""
    client = await bridge.connect()
    await client.send("create_session")
    await client.receive_until("session_initializing")
    started = trio.current_time()
    with trio.fail_after(HEAD_SECONDS + 2 * LATE_SECONDS):
        assert (await client.receive_until("session_initializing"))["attempt"] == 2
    assert trio.current_time() - started > HEAD_SECONDS - 1
    await client.link.close()


async def _connect_silently(bridge: BridgeProcess) -> trio.SocketStream | None:
    """Open a connection and send nothing; None if it was reset at once."""
    try:
        return await bridge.open_tcp()
    except OSError:
        return None


async def test_cases_3_and_10_handshakes_that_never_end_time_out(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    async with attack(bridge, upstream, seconds=30) as result:
        before = bridge.ps.num_fds()
        upstream.set_faults(HandshakeFault("never", times=10**9))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_wait_for_attempts, bridge)
            for _ in range(20):
                nursery.start_soon(_wait_for_close, await bridge.open_tcp())
                nursery.start_soon(_send_slowly, await bridge.open_tcp())
        upstream.clear_faults()
        assert bridge.ps.num_fds() < before + 10
    assert result.grown_mib < 8


@pytest.mark.parametrize("half_open", [WAVE, pytest.param(HALF_OPEN, marks=pytest.mark.nightly)])
async def test_case_3_thousands_of_half_open_connections_block_no_client(
    half_open: int, bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    most = 0
    async with attack(bridge, upstream, seconds=40, mib=48):
        before = bridge.ps.num_fds()
        for _ in range(half_open // WAVE):
            held = [stream for _ in range(WAVE) if (stream := await _connect_silently(bridge)) is not None]
            most = max(most, bridge.ps.num_fds() - before)
            # a client at another address can still connect
            with trio.fail_after(3):
                stream = await bridge.open_tcp("127.0.0.2")
                async with stream:
                    await stream.send_all(upgrade_request())
                    assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
            for one in held:
                await trio.aclose_forcefully(one)
            await wait_until(lambda: bridge.ps.num_fds() < before + 20, 5)
        assert await status_of(bridge, upgrade_request()) == 101
    assert most <= MOST_WAITING + 20


async def test_a_tls_handshake_that_never_ends_times_out_and_keeps_nobody_waiting(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    made.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    words = ("--upstream", upstream.url, "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--log-format", "json")
    with checked_bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        closed = 0

        async def trickle(sent: bytes) -> None:
            nonlocal closed
            stream = await bridge.open_tcp()
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(_send_byte_by_byte, stream, sent)
                await receive_until_closed(stream, seconds=20)
                nursery.cancel_scope.cancel()
            closed += 1

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(trickle, CLIENT_HELLO if number % 2 else b"")
            caller = HealthyCaller(bridge, upstream)
            await caller.connect(headers=(), ssl_context=context)
            await caller.turn()
            caller.assert_unharmed()
            await caller.disconnect()
        assert closed == 200


async def _send_byte_by_byte(stream: trio.SocketStream, sent: bytes) -> None:
    with suppress(trio.BrokenResourceError):
        for byte in sent:
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)
