"""What never comes is given up at its deadline, and what is too much at once is turned away. Cases 3 and 10."""

from __future__ import annotations

import pytest
import trio

from bridge.simulator.faults.session_faults import HandshakeFault
from tests.hardening.harness import BridgeProcess, SimulatorThread, attack, wait_until
from tests.hardening.raw_websocket import receive_until_closed, status_of, upgrade_request

pytestmark = pytest.mark.slow

#: Connections of one address that are no sessions; more are reset.
MOST_WAITING = 1024
#: All 10,000 at once are more files than some machines give to one process: they come in waves.
HALF_OPEN = 10_000
WAVE = 2_000
#: From the first byte to the end of the head; and how late a busy machine may be.
HEAD_SECONDS, LATE_SECONDS = 10, 3


async def _drips(stream: trio.SocketStream) -> None:
    """A handshake of a byte a second."""
    async with stream:
        try:
            for byte in upgrade_request():
                await stream.send_all(bytes([byte]))
                await trio.sleep(1)
        except trio.BrokenResourceError:
            return


async def _is_let_go(stream: trio.SocketStream) -> None:
    async with stream:
        started = trio.current_time()
        await stream.send_all(b"GET /api/openai/realtime HTTP/1.1\r\n")
        await receive_until_closed(stream, seconds=HEAD_SECONDS + LATE_SECONDS)
        assert trio.current_time() - started > HEAD_SECONDS - 1


async def _waits_for_an_upstream(house: BridgeProcess) -> None:
    """The upstream takes the request for an upgrade and never answers: the attempt ends, and the next is made."""
    client = await house.connect()
    await client.send("create_session")
    await client.receive_until("session_initializing")
    started = trio.current_time()
    with trio.fail_after(HEAD_SECONDS + 2 * LATE_SECONDS):
        assert (await client.receive_until("session_initializing"))["attempt"] == 2
    assert trio.current_time() - started > HEAD_SECONDS - 1
    await client.link.close()


async def _knocks(house: BridgeProcess) -> trio.SocketStream | None:
    """Open a connection and say nothing; None where it was reset at once."""
    try:
        return await house.open_tcp()
    except OSError:
        return None


async def test_cases_3_and_10_handshakes_that_never_end_are_ended(
    house: BridgeProcess, upstream: SimulatorThread
) -> None:
    async with attack(house, upstream, seconds=30) as seen:
        before = house.ps.num_fds()
        upstream.set_faults(HandshakeFault("never", times=10**9))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_waits_for_an_upstream, house)
            for _ in range(20):
                nursery.start_soon(_is_let_go, await house.open_tcp())
                nursery.start_soon(_drips, await house.open_tcp())
        upstream.clear_faults()
        assert house.ps.num_fds() < before + 10
    assert seen.grown_mib < 8


@pytest.mark.parametrize("half_open", [WAVE, pytest.param(HALF_OPEN, marks=pytest.mark.nightly)])
async def test_case_3_thousands_of_half_open_connections_keep_nobody_else_out(
    half_open: int, house: BridgeProcess, upstream: SimulatorThread
) -> None:
    most = 0
    async with attack(house, upstream, seconds=40, mib=48):
        before = house.ps.num_fds()
        for _ in range(half_open // WAVE):
            held = [stream for _ in range(WAVE) if (stream := await _knocks(house)) is not None]
            most = max(most, house.ps.num_fds() - before)
            # somebody at another address comes in all the same
            with trio.fail_after(3):
                stream = await house.open_tcp("127.0.0.2")
                async with stream:
                    await stream.send_all(upgrade_request())
                    assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
            for one in held:
                await trio.aclose_forcefully(one)
            await wait_until(lambda: house.ps.num_fds() < before + 20, 5)
        assert await status_of(house, upgrade_request()) == 101
    assert most <= MOST_WAITING + 20
