"""What never comes is given up at its deadline, and what is too much at once is turned away. Cases 3 and 10."""

from __future__ import annotations

import pytest
import trio

from bridge.simulator.faults.session_faults import Handshake
from tests.hardening.harness import House, Upstream, attack, until
from tests.hardening.raw_websocket import head, reads_until_closed, status_of

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
            for byte in head():
                await stream.send_all(bytes([byte]))
                await trio.sleep(1)
        except trio.BrokenResourceError:
            return


async def _is_let_go(stream: trio.SocketStream) -> None:
    async with stream:
        started = trio.current_time()
        await stream.send_all(b"GET /api/openai/realtime HTTP/1.1\r\n")
        await reads_until_closed(stream, seconds=HEAD_SECONDS + LATE_SECONDS)
        assert trio.current_time() - started > HEAD_SECONDS - 1


async def _waits_for_an_upstream(house: House) -> None:
    """The upstream takes the request for an upgrade and never answers: the attempt ends, and the next is made."""
    client = await house.call()
    await client.says("create_session")
    await client.hears("session_initializing")
    started = trio.current_time()
    with trio.fail_after(HEAD_SECONDS + 2 * LATE_SECONDS):
        assert (await client.hears("session_initializing"))["attempt"] == 2
    assert trio.current_time() - started > HEAD_SECONDS - 1
    await client.link.close()


async def _knocks(house: House) -> trio.SocketStream | None:
    """Open a connection and say nothing; None where it was reset at once."""
    try:
        return await house.raw()
    except OSError:
        return None


async def test_cases_3_and_10_handshakes_that_never_end_are_ended(house: House, upstream: Upstream) -> None:
    async with attack(house, upstream, seconds=30) as seen:
        before = house.known.num_fds()
        upstream.befalls(Handshake("never", times=10**9))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_waits_for_an_upstream, house)
            for _ in range(20):
                nursery.start_soon(_is_let_go, await house.raw())
                nursery.start_soon(_drips, await house.raw())
        upstream.heals()
        assert house.known.num_fds() < before + 10
    assert seen.grown_mib < 8


@pytest.mark.parametrize("half_open", [WAVE, pytest.param(HALF_OPEN, marks=pytest.mark.nightly)])
async def test_case_3_thousands_of_half_open_connections_keep_nobody_else_out(
    half_open: int, house: House, upstream: Upstream
) -> None:
    most = 0
    async with attack(house, upstream, seconds=40, mib=48):
        before = house.known.num_fds()
        for _ in range(half_open // WAVE):
            held = [stream for _ in range(WAVE) if (stream := await _knocks(house)) is not None]
            most = max(most, house.known.num_fds() - before)
            # somebody at another address comes in all the same
            with trio.fail_after(3):
                stream = await house.raw("127.0.0.2")
                async with stream:
                    await stream.send_all(head())
                    assert (await stream.receive_some()).startswith(b"HTTP/1.1 101")
            for one in held:
                await trio.aclose_forcefully(one)
            await until(lambda: house.known.num_fds() < before + 20, 5)
        assert await status_of(house, head()) == 101
    assert most <= MOST_WAITING + 20
