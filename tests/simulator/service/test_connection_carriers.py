"""Every fault, in memory, over TCP and over TLS: clients see the same, whatever carries the bytes."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.protocol.events.peek import peek
from bridge.simulator.certificate import make_certificate
from bridge.simulator.embedded import open_simulator
from bridge.simulator.faults.registry import FAULTS, parse_fault
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import dial, parse_url, upgrade
from bridge.upstream.dial.errors import DialFailed
from tests.transport.test_timers import StepCounter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bridge.transport.websocket import WebSocketLink

MODEL = "model=gpt-realtime-2.1"
HEADERS = [("authorization", "Bearer sk-1")]
UPDATE = '{"type":"session.update","session":{"type":"realtime"}}'
#: Longer than the response.
PATIENCE_SECONDS = 5.0

Seen = tuple[list[str], str]
"""The types of all events, and how the connection ended."""


@asynccontextmanager
async def memory(settings: Settings) -> AsyncIterator[Callable[[], Awaitable[WebSocketLink]]]:
    simulator = Simulator(settings)

    async def connect() -> WebSocketLink:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(simulator.serve_stream, theirs)
        return (await upgrade(ours, parse_url(f"ws://memory/v1/realtime?{MODEL}"), headers=HEADERS)).link

    async with trio.open_nursery() as nursery:
        yield connect
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def tcp(settings: Settings) -> AsyncIterator[Callable[[], Awaitable[WebSocketLink]]]:
    async with open_simulator(settings) as running:

        async def connect() -> WebSocketLink:
            return (await dial(f"{running.websocket_url}?{MODEL}", headers=HEADERS)).link

        yield connect


@asynccontextmanager
async def tls(settings: Settings) -> AsyncIterator[Callable[[], Awaitable[WebSocketLink]]]:
    with make_certificate() as secure:
        trusting = ssl.create_default_context(cafile=secure.authority)
        async with open_simulator(settings, ssl_context=secure.context) as running:

            async def connect() -> WebSocketLink:
                return (await dial(f"{running.websocket_url}?{MODEL}", headers=HEADERS, ssl_context=trusting)).link

            yield connect


async def converse(connect: Callable[[], Awaitable[WebSocketLink]]) -> Seen:
    """Configure a session, ask for a response, and read until nothing more comes."""
    types: list[str] = []
    with trio.move_on_after(PATIENCE_SECONDS):
        try:
            link = await connect()
        except (HandshakeRefused, DialFailed) as error:
            return types, type(error).__name__
        try:
            await link.send_text(UPDATE)
            await link.send_text('{"type":"response.create"}')
            while True:
                types.append(peek(await link.receive()) or "(not JSON)")
        except LinkClosed as closed:
            return types, str(closed.code)
        finally:
            await link.abort()
    return types, "silence"


@pytest.mark.parametrize("name", sorted(FAULTS))
async def test_a_fault_is_the_same_in_memory_over_tcp_and_over_tls(name: str) -> None:
    settings = Settings(seed=5, pace=20, unix_time=lambda: 0.0, faults=(parse_fault(name),))
    seen: list[Seen] = []
    for carrier in (memory, tcp, tls):
        async with carrier(settings) as connect:
            seen.append(await converse(connect))
    expected = seen[0]
    if name == "reset":  # a reset discards what its receiver has not read yet
        assert all(types == expected[0][: len(types)] for types, _ in seen)
        assert {end for _, end in seen} == {expected[1]} == {"1006"}
    else:
        assert seen[1:] == [expected, expected]


@pytest.mark.parametrize("carrier", [memory, tcp, tls])
async def test_what_comes_before_a_raw_frame_or_an_end_in_the_same_moment_arrives(
    carrier: Callable[[Settings], object],
) -> None:
    # each fault acts right behind the event, so before what earlier faults do there
    faults = [parse_fault(text) for text in ("drop:at=ready", "invalid-utf8:at=ready", "garbage:at=ready")]
    settings = Settings(seed=5, faults=tuple(faults))
    async with carrier(settings) as connect:  # type: ignore[attr-defined]
        types, end = await converse(connect)
    assert types == ["session.created", "session.updated", "(not JSON)"]
    assert end == "1007", "the invalid frame arrived as well, before the stream ended"


async def test_appends_over_tcp_wake_neither_the_connections_task_nor_the_timers() -> None:
    counter = StepCounter()
    async with tcp(Settings()) as connect, await connect() as link:
        while "session.updated" not in str(await link.receive()):
            await link.send_text(UPDATE)
        trio.lowlevel.add_instrument(counter)
        for _ in range(100):
            await link.send_text('{"type":"input_audio_buffer.append","audio":"AAA="}')
            await link.send_text('{"type":"input_audio_buffer.clear"}')
            while "input_audio_buffer.cleared" not in str(await link.receive()):
                pass
        trio.lowlevel.remove_instrument(counter)
    assert counter.steps["reactor"] >= 100
    woken = {name: steps for name, steps in counter.steps.items() if "serve" in name or name == "timers"}
    assert sum(woken.values()) < 5, woken
