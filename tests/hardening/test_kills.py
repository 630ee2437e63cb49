"""A client that dies: at whatever stage, within a second no upstream session of its is left, and no socket either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bridge.simulator.faults.pipeline import Drop
from bridge.simulator.faults.session_faults import Confirm, Create, Handshake
from bridge.simulator.faults.wire_faults import Stall
from tests.hardening.harness import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.hardening.harness import House, Upstream
    from tests.server.harness import Client

SPEECH = b"\1\2" * 480


async def before_the_first_frame(client: Client, _house: House, _upstream: Upstream) -> None:
    await client.hears("connected")


async def while_minting(client: Client, house: House, upstream: Upstream) -> None:
    upstream.simulator.holds_minting = True
    await client.says("create_session")
    await client.hears("session_initializing")
    await until(lambda: house.sockets_to(upstream.port), 2)


async def while_dialling(client: Client, house: House, upstream: Upstream) -> None:
    upstream.befalls(Handshake("never"))
    before = upstream.simulator.arrivals.requests["GET /v1/realtime websocket"]
    await client.says("create_session")
    await until(lambda: upstream.simulator.arrivals.requests["GET /v1/realtime websocket"] > before, 5)
    assert house.sockets_to(upstream.port)


async def before_created(client: Client, _house: House, upstream: Upstream) -> None:
    upstream.befalls(Create(-1))
    await client.says("create_session")
    await until(lambda: upstream.simulator.live, 5)


async def before_updated(client: Client, _house: House, upstream: Upstream) -> None:
    upstream.befalls(Confirm("never"))
    await client.says("create_session")
    await client.hears("session.created")


async def when_ready(client: Client, _house: House, _upstream: Upstream) -> None:
    await client.says("create_session")
    await client.hears("session_ready")


async def mid_sentence(client: Client, house: House, upstream: Upstream) -> None:
    await when_ready(client, house, upstream)
    for _ in range(20):
        await client.link.send_binary(SPEECH)
    await client.link.send_raw(b"\x82\xfe\x07\x80mask")  # a frame of 1920 bytes of which none will come


async def mid_answer(client: Client, house: House, upstream: Upstream) -> None:
    upstream.befalls(Stall("audio", 30, 2))
    await when_ready(client, house, upstream)
    await client.says("text", text="Hello.")
    await client.hears("response.output_audio.delta")


async def while_reconnecting(client: Client, _house: House, upstream: Upstream) -> None:
    await client.says("create_session")
    session_id = (await client.hears("session_ready"))["sessionId"]
    upstream.befalls(Handshake("never"))
    before = upstream.simulator.arrivals.requests["GET /v1/realtime websocket"]
    upstream.acts(Drop(), session_id)
    await client.hears("reconnecting")
    await until(lambda: upstream.simulator.arrivals.requests["GET /v1/realtime websocket"] > before, 5)


STAGES = (
    before_the_first_frame,
    while_minting,
    while_dialling,
    before_created,
    before_updated,
    when_ready,
    mid_sentence,
    mid_answer,
    while_reconnecting,
)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["reset", "end of stream"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
async def test_a_client_that_dies_leaves_no_upstream_session(
    stage: Callable[[Client, House, Upstream], Awaitable[None]], how: str, house: House, upstream: Upstream
) -> None:
    await until(lambda: not house.sockets_to(upstream.port), 5)
    client = await house.call()
    with trio.fail_after(15):
        await stage(client, house, upstream)
    await (client.link.abort() if how == "reset" else client.link.stream.aclose())
    await until(lambda: not upstream.simulator.live and not house.sockets_to(upstream.port), 1)
    figures = await house.figures()
    assert (figures["upstreams"], figures["connections"]) == (0, 1)  # the one that asks


@pytest.mark.nightly
async def test_a_client_whose_line_is_dead_is_let_go_within_a_minute(house: House, upstream: Upstream) -> None:
    client = await house.call()
    await when_ready(client, house, upstream)  # from here on nobody reads, and no pong goes back
    took = await until(lambda: not upstream.simulator.live and not house.sockets_to(upstream.port), 70)
    assert took > 20
    await client.link.abort()
