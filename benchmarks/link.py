"""The cost of a message on a WebSocketLink: microseconds per text of 1.3 kB, sent and received.

Run: python -m benchmarks.link [messages]. One process on one core plays both ends. `sent` and `received` are measured
separately (a batch is written, then read); `echo` is one message and its answer.
"""

from __future__ import annotations

import platform
import sys
import time
from datetime import UTC, datetime

import trio
import trio.testing
from websockets.protocol import Side

from benchmarks.machine import report_machine_load
from bridge.transport.memory import memory_link_pair
from bridge.transport.websocket import WebSocketLink

TEXT = '{"type":"response.output_audio.delta","event_id":"event_0123456789","delta":"' + "A" * 1200 + '"}'
#: Few enough to fit into the loopback's buffers before they are read.
BATCH = 32


async def batches(client: WebSocketLink, server: WebSocketLink, messages: int) -> tuple[float, float]:
    """Send a batch, then receive it; return microseconds per message sent and received."""
    sending = receiving = 0.0
    for _ in range(messages // BATCH):
        began = time.perf_counter()
        for _ in range(BATCH):
            await client.send_text(TEXT)
        sent = time.perf_counter()
        for _ in range(BATCH):
            assert len(await server.receive()) == len(TEXT)
        sending += sent - began
        receiving += time.perf_counter() - sent
    done = messages // BATCH * BATCH
    return sending / done * 1e6, receiving / done * 1e6


async def echo(client: WebSocketLink, server: WebSocketLink, messages: int) -> float:
    """Send a message and answer it, many times: each message costs a read of its own."""
    began = time.perf_counter()
    for _ in range(messages):
        await client.send_text(TEXT)
        await server.send_text(await server.receive())
        await client.receive()
    return (time.perf_counter() - began) / messages * 1e6


async def tcp_pair() -> tuple[WebSocketLink, WebSocketLink]:
    """Return two links that are connected over loopback."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.testing.open_stream_to_socket_listener(listener)
    server = await listener.accept()
    await listener.aclose()
    return WebSocketLink(client, Side.CLIENT), WebSocketLink(server, Side.SERVER)


async def report(name: str, client: WebSocketLink, server: WebSocketLink, messages: int) -> None:
    """Measure a pair of links in both directions, and print the result."""
    masked = await batches(client, server, messages)
    plain = await batches(server, client, messages)
    there_and_back = await echo(client, server, messages // 4)
    print(f"{name:9} client -> server (masked): sent {masked[0]:5.1f} us, received {masked[1]:5.1f} us")
    print(f"{name:9} server -> client:          sent {plain[0]:5.1f} us, received {plain[1]:5.1f} us")
    print(f"{name:9} echo, two messages:        {there_and_back:5.1f} us")
    await client.abort()
    await server.abort()


async def main(messages: int) -> None:
    """Measure with memory streams and over loopback TCP."""
    print(f"{len(TEXT)} B of text, {messages} messages; {platform.platform()}, {platform.machine()}")
    print(f"Python {platform.python_version()}, trio {trio.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    with report_machine_load():
        await report("memory", *memory_link_pair(), messages)
        await report("loopback", *(await tcp_pair()), messages)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
