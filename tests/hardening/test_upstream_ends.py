"""Upstream sockets end when the bridge gives up on them, whatever the upstream does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.transport.link import LinkClosed
from tests.hardening.harness import KEY, BridgeProcess, bridge_process, wait_until
from tests.hardening.hostile_upstream import BEHAVIOURS, HostileUpstream

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

#: The most that may pass between the end of a call and the end of its upstream socket.
MOST_SECONDS = 10
#: How long each caller stays: enough for any of the upstreams to do its worst.
CALL_SECONDS = 3
#: More than sockets on loopback take when nobody reads.
CHUNK = b"\1\2" * 12_000


async def _call(bridge: BridgeProcess, name: str) -> None:
    """Ask for a session, speak as much as the rates allow, and leave."""
    client = await bridge.connect(headers=())
    await client.send("create_session", model=name, turnDetection="none")
    with trio.move_on_after(CALL_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.receive_close)
            with suppress(LinkClosed):
                while True:
                    await client.link.send_binary(CHUNK)
                    await trio.sleep(0.03)
    await client.link.abort()


async def test_upstream_sockets_end_soon_after_the_call_whatever_the_upstream_does(tmp_path: Path) -> None:
    upstream, took = HostileUpstream(), dict[str, float]()

    async def measure(bridge: BridgeProcess, name: str) -> None:
        await _call(bridge, name)
        assert upstream.opened[name]
        took[name] = await wait_until(lambda: not upstream.still_open(name), MOST_SECONDS)

    async with trio.open_nursery() as nursery:
        await nursery.start(upstream.serve)
        words = ("--upstream", upstream.url, "--log-format", "json")
        with bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY, SHERPA_BRIDGE_BYTES_PER_SECOND="4000000") as bridge:
            async with trio.open_nursery() as calls:
                for name in BEHAVIOURS:
                    calls.start_soon(measure, bridge, name)
        nursery.cancel_scope.cancel()
    assert set(took) == set(BEHAVIOURS)
