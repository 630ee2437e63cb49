"""What hostile clients do to a worker, each for as long as it is let: one function for each way to delay the others."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from bridge.client_protocol.endpoints import FALLBACK_PATH
from tests.hardening.raw_websocket import frame, upgrade_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.hardening.harness import BridgeProcess

_TEXT, _BINARY, _PING = 1, 2, 9
_BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


def message(kind: str, **fields: object) -> bytes:
    """Return a message as a frame."""
    return frame(_TEXT, json.dumps({"type": kind, **fields}).encode())


async def connect(bridge: BridgeProcess, nursery: trio.Nursery) -> trio.SocketStream:
    """Connect a client whose messages nobody looks at; they are read, so that it does not count as slow."""
    stream: trio.SocketStream = await nursery.start(_open_and_read, bridge)
    return stream


async def _open_and_read(
    bridge: BridgeProcess, task_status: trio.TaskStatus[trio.SocketStream] = trio.TASK_STATUS_IGNORED
) -> None:
    answer = b""
    async with await bridge.open_tcp() as stream:
        with suppress(*_BROKEN):
            await stream.send_all(upgrade_request())
            while b'"connected"' not in answer and (data := await stream.receive_some()):
                answer += data
        task_status.started(stream)
        with suppress(*_BROKEN):
            while await stream.receive_some(2**20):
                pass


async def _send(stream: trio.SocketStream, data: bytes, times: int = 1) -> None:
    with suppress(*_BROKEN):
        for _ in range(times):
            await stream.send_all(data)


async def empty_objects(bridge: BridgeProcess) -> None:
    """A hundred clients send 2,000 invalid messages each, all at once."""
    async with trio.open_nursery() as nursery:
        streams = [await connect(bridge, nursery) for _ in range(100)]
        for stream in streams:
            nursery.start_soon(_send, stream, frame(_TEXT, b"{}") * 2000)


async def invalid_messages(bridge: BridgeProcess) -> None:
    """Twenty clients send invalid messages without end."""
    invalid = [b"{}", b"[" * 10, b'{"type":"create_session","voice":7}', b'{"type":"no"}', b'{"type":"x.y","audio":1']
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            stream = await connect(bridge, nursery)
            nursery.start_soon(_send, stream, b"".join(frame(_TEXT, one) for one in invalid) * 100, 100)


async def _flood(bridge: BridgeProcess, name: str) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            stream = await connect(bridge, nursery)
            await _send(stream, message("create_session", instructions=f"flood of {name}"))


def _flood_of(name: str) -> Callable[[BridgeProcess], Awaitable[None]]:
    async def attack(bridge: BridgeProcess) -> None:
        await _flood(bridge, name)

    return attack


async def _large(bridge: BridgeProcess, text: bytes) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            stream = await connect(bridge, nursery)
            nursery.start_soon(_send, stream, frame(_TEXT, text), 3)


async def empty_lists(bridge: BridgeProcess) -> None:
    """Messages of 4 MiB of empty lists."""
    await _large(bridge, b'{"type":"a.b","x":[' + b"[]," * (2**22 // 3 - 100) + b"[]]}")


async def costly_numbers(bridge: BridgeProcess) -> None:
    """Ten clients send messages of numbers that take long to read, as fast as they may."""
    numbers = b'{"type":"a.b","x":[' + b"1.5e300," * 19_000 + b"1]}"
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            stream = await connect(bridge, nursery)
            nursery.start_soon(_send, stream, frame(_TEXT, numbers), 50)


async def pings_without_end(bridge: BridgeProcess) -> None:
    """Ten clients send pings until they are closed for it, and go on."""
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            stream = await connect(bridge, nursery)
            nursery.start_soon(_send, stream, frame(_PING, b"x") * 2000, 1000)


def _requests_of(path: str) -> Callable[[BridgeProcess], Awaitable[None]]:
    async def attack(bridge: BridgeProcess) -> None:
        """Twenty clients without a token ask for the same without end."""
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(_ask, await bridge.open_tcp(), path)

    return attack


async def tiny_pieces(bridge: BridgeProcess) -> None:
    """Twenty clients without a token send bodies of one byte a piece, one request after the other."""
    head = f"POST {FALLBACK_PATH} HTTP/1.1\r\nHost: bridge\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    body = b"1\r\nx\r\n" * 20_000

    async def one() -> None:
        async with await bridge.open_tcp() as stream:
            with suppress(*_BROKEN):
                while True:
                    await stream.send_all(head + body + b"0\r\n\r\n")
                    await stream.receive_some(2**16)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(one)


async def monitoring(bridge: BridgeProcess) -> None:
    """Twenty clients ask the admin listener for metrics without end, ten from each of two addresses: all get in."""
    async with trio.open_nursery() as nursery:
        for number in range(20):
            stream = await bridge.open_tcp(f"127.0.0.{1 + number % 2}", address=bridge.admin_address)
            nursery.start_soon(_ask, stream, "/metrics")


async def _ask(stream: trio.SocketStream, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: bridge\r\n\r\n".encode()
    async with stream:
        with suppress(*_BROKEN):
            while True:
                await stream.send_all(request)
                await stream.receive_some(2**20)


async def nested_objects(bridge: BridgeProcess) -> None:
    """Messages of 4 MiB of objects in objects, each as deep as a parser may take."""
    one = b'{"a":' * 900 + b"1" + b"}" * 900
    await _large(bridge, b'{"type":"a.b","x":[' + (one + b",") * (2**22 // len(one) - 10) + b"1]}")


async def large_audio(bridge: BridgeProcess) -> None:
    """Ten clients send a minute of speech in one message, as often as they may."""
    await _dear(bridge, b'{"type":"input_audio_buffer.append","audio":"' + b"A" * 4_000_000 + b'"}')


async def many_parts(bridge: BridgeProcess) -> None:
    """Ten clients send items of as many parts as are allowed, as often as they may."""
    parts = b",".join([b'{"type":"input_text","text":"x"}'] * 4900)
    await _dear(
        bridge,
        b'{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[' + parts + b"]}}",
    )


async def many_tools(bridge: BridgeProcess) -> None:
    """Ten clients set a hundred tools, as often as they may."""
    parameters = {f"p{number}": {"type": "string", "description": "What it is."} for number in range(8)}
    tools = [
        {"type": "function", "name": f"tool_{number}", "parameters": {"type": "object", "properties": parameters}}
        for number in range(100)
    ]
    await _dear(bridge, json.dumps({"type": "session.update", "session": {"tools": tools}}).encode())


async def _dear(bridge: BridgeProcess, text: bytes) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            stream = await connect(bridge, nursery)
            await _send(stream, message("create_session", turnDetection="none"))
            nursery.start_soon(_send, stream, frame(_TEXT, text), 20)


async def held_chunks(bridge: BridgeProcess) -> None:
    """Clients restart sessions that must send thousands of chunks again."""
    chunk = frame(_BINARY, bytes(48))
    async with trio.open_nursery() as nursery:

        async def one() -> None:
            stream = await connect(bridge, nursery)
            await _send(stream, message("create_session", turnDetection="none"))
            await trio.sleep(0.3)
            await _send(stream, chunk * 1900)
            while True:
                await _send(stream, chunk * 20)
                await _send(stream, message("restart_session"))
                await trio.sleep(0.1)

        for _ in range(10):
            nursery.start_soon(one)


async def held_messages(bridge: BridgeProcess) -> None:
    """Five clients without a session send 60 MiB within their rates: items of many small parts."""
    parts = b",".join([b'{"type":"input_text","text":"x"}'] * 4000)
    item = b'{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[' + parts + b"]}}"
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            stream = await connect(bridge, nursery)
            nursery.start_soon(_send, stream, frame(_TEXT, item), 12 * 2**20 // len(item))


async def created_and_ended(bridge: BridgeProcess) -> None:
    """Clients that open and end sessions in a loop."""
    async with trio.open_nursery() as nursery:

        async def one() -> None:
            stream = await connect(bridge, nursery)
            while True:
                await _send(stream, message("create_session"))
                await trio.sleep(0.02)
                await _send(stream, message("end_session"))

        for _ in range(5):
            nursery.start_soon(one)


async def leaves_at_once(bridge: BridgeProcess) -> None:
    """A thousand idle clients arrive one after the other, and leave in the same moment."""
    async with trio.open_nursery() as nursery:
        streams = [await connect(bridge, nursery) for _ in range(1000)]
        for stream in streams:
            stream.socket.close()
        nursery.cancel_scope.cancel()


ATTACKS: dict[str, Callable[[BridgeProcess], Awaitable[None]]] = {
    "empty objects": empty_objects,
    "invalid messages": invalid_messages,
    "empty lists": empty_lists,
    "nested objects": nested_objects,
    "costly numbers": costly_numbers,
    "pings without end": pings_without_end,
    "OpenAPI documents": _requests_of("/api/openai/realtime/openapi.json"),
    "metrics": _requests_of("/metrics"),
    "tiny pieces": tiny_pieces,
    "flood of events": _flood_of("events"),
    "flood of pings": _flood_of("pings"),
    "flood of errors": _flood_of("errors"),
    "flood of starts": _flood_of("starts"),
    "flood of rubbish": _flood_of("rubbish"),
    "large audio": large_audio,
    "many parts": many_parts,
    "many tools": many_tools,
    "held chunks": held_chunks,
    "created and ended": created_and_ended,
    "leaves at once": leaves_at_once,
}
