"""A client that dies at any stage: within a second its upstream session and its sockets are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bridge.simulator.faults.actions import Drop
from bridge.simulator.faults.session_faults import ConfirmFault, CreateFault, HandshakeFault
from bridge.simulator.faults.wire_faults import StallFault
from tests.hardening.harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.hardening.harness import BridgeProcess, SimulatorThread
    from tests.server.harness import JsonTestClient

SPEECH = b"\1\2" * 480


async def before_the_first_frame(client: JsonTestClient, _bridge: BridgeProcess, _upstream: SimulatorThread) -> None:
    await client.receive_until("connected")


async def while_minting(client: JsonTestClient, bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    upstream.simulator.pauses_minting = True
    await client.send("create_session")
    await client.receive_until("session_initializing")
    await wait_until(lambda: bridge.sockets_to(upstream.port), 2)


async def while_dialling(client: JsonTestClient, bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    upstream.set_faults(HandshakeFault("never"))
    before = upstream.simulator.journal.requests["GET /v1/realtime websocket"]
    await client.send("create_session")
    await wait_until(lambda: upstream.simulator.journal.requests["GET /v1/realtime websocket"] > before, 5)
    assert bridge.sockets_to(upstream.port)


async def before_created(client: JsonTestClient, _bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    upstream.set_faults(CreateFault(-1))
    await client.send("create_session")
    await wait_until(lambda: upstream.simulator.connections, 5)


async def before_updated(client: JsonTestClient, _bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    upstream.set_faults(ConfirmFault("never"))
    await client.send("create_session")
    await client.receive_until("session.created")


async def when_ready(client: JsonTestClient, _bridge: BridgeProcess, _upstream: SimulatorThread) -> None:
    await client.send("create_session")
    await client.receive_until("session_ready")


async def mid_sentence(client: JsonTestClient, bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    await when_ready(client, bridge, upstream)
    for _ in range(20):
        await client.link.send_binary(SPEECH)
    await client.link.send_raw(b"\x82\xfe\x07\x80mask")  # the header of a frame of 1920 bytes that never come


async def mid_answer(client: JsonTestClient, bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    upstream.set_faults(StallFault("audio", 30, 2))
    await when_ready(client, bridge, upstream)
    await client.send("text", text="Hello.")
    await client.receive_until("response.output_audio.delta")


async def while_reconnecting(client: JsonTestClient, _bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    await client.send("create_session")
    session_id = (await client.receive_until("session_ready"))["sessionId"]
    upstream.set_faults(HandshakeFault("never"))
    before = upstream.simulator.journal.requests["GET /v1/realtime websocket"]
    upstream.inject(Drop(), session_id)
    await client.receive_until("reconnecting")
    await wait_until(lambda: upstream.simulator.journal.requests["GET /v1/realtime websocket"] > before, 5)


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
    stage: Callable[[JsonTestClient, BridgeProcess, SimulatorThread], Awaitable[None]],
    how: str,
    bridge: BridgeProcess,
    upstream: SimulatorThread,
) -> None:
    await wait_until(lambda: not bridge.sockets_to(upstream.port), 5)
    client = await bridge.connect()
    with trio.fail_after(15):
        await stage(client, bridge, upstream)
    await (client.link.abort() if how == "reset" else client.link.stream.aclose())
    await wait_until(lambda: not upstream.simulator.connections and not bridge.sockets_to(upstream.port), 1)
    metrics = await bridge.metrics()
    assert (metrics["upstreams"], metrics["connections"]) == (0, 1)  # this request's own


@pytest.mark.nightly
async def test_a_client_that_answers_no_ping_is_closed_within_half_a_minute(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    client = await bridge.connect()
    await when_ready(client, bridge, upstream)  # from here on the client reads nothing and sends no pong
    took = await wait_until(lambda: not upstream.simulator.connections and not bridge.sockets_to(upstream.port), 40)
    assert took > 15
    await client.link.abort()
