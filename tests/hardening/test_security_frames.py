"""Clients that send too much, too large or invalid frames, or never read. Cases 6 to 9."""

from __future__ import annotations

import json
import socket

import pytest
import trio

from bridge.transport.link import LinkClosed
from tests.hardening.harness import BridgeProcess, SimulatorThread, attack, wait_until
from tests.hardening.raw_websocket import frame, receive_until_closed, upgrade_request
from tests.server.harness import JsonTestClient

pytestmark = pytest.mark.slow

#: The largest message that the bridge under attack accepts.
LIMIT = 262_144
TEXT, BINARY, CONTINUATION, PING, PONG = 1, 2, 0, 9, 10


async def connect_raw(bridge: BridgeProcess, *, receive_buffer: int | None = None) -> trio.SocketStream:
    """Connect a client on a bare stream, and read the 101 and `connected`."""
    stream = await bridge.open_tcp()
    if receive_buffer is not None:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await stream.send_all(upgrade_request())
    result = b""
    with trio.fail_after(5):
        while b'"connected"' not in result:
            result += await stream.receive_some()
    return stream


def parse_frames(data: bytes) -> tuple[int | None, list[dict[str, object]]]:
    """Parse a server's frames: the close code, and the messages before it."""
    messages: list[dict[str, object]] = []
    while len(data) >= 2:
        opcode, size, at = data[0] & 15, data[1], 2
        if size > 125:
            wide = 2 if size == 126 else 8
            size, at = int.from_bytes(data[2 : 2 + wide], "big"), 2 + wide
        payload, data = data[at : at + size], data[at + size :]
        if opcode == 8:
            return int.from_bytes(payload[:2], "big"), messages
        if opcode == TEXT:
            messages.append(json.loads(payload))
    return None, messages


async def send_pieces(stream: trio.abc.Stream, pieces: list[bytes]) -> None:
    """Send until the connection breaks."""
    try:
        for piece in pieces:
            await stream.send_all(piece)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def close_code_after(
    stream: trio.SocketStream, pieces: list[bytes], *, seconds: float
) -> tuple[int | None, list[str]]:
    """Send these pieces, and give the bridge's close code and the codes of the errors before it."""
    found = b""
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(send_pieces, stream, pieces)
        found = await receive_until_closed(stream, seconds=seconds)
        nursery.cancel_scope.cancel()
    code, messages = parse_frames(found)
    return code, [str(message["code"]) for message in messages if message["type"] == "error"]


CHUNK = bytes(1024)
TOO_LARGE = {
    "in one frame": [frame(BINARY, bytes(LIMIT + 2))],
    "many times": [frame(BINARY, bytes(20 * LIMIT))],
    "as text": [frame(TEXT, b'{"type":"ping","id":"' + b"x" * LIMIT + b'"}')],
    "by fragments": [frame(BINARY, CHUNK, last=False), *[frame(CONTINUATION, CHUNK, last=False)] * 300],
    "by its claim alone": [b"\x82\xff" + (2**62).to_bytes(8, "big") + b"mask"],
    "by an impossible claim": [b"\x82\xff" + (2**64 - 1).to_bytes(8, "big") + b"mask"],
}


async def test_case_6_a_message_that_is_too_large_gets_an_error_before_the_close(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    async with attack(bridge, upstream, seconds=25) as result:
        for name, pieces in TOO_LARGE.items():
            ended = await close_code_after(await connect_raw(bridge), pieces, seconds=4)
            assert ended == (1009, ["MESSAGE_TOO_LARGE"]), name
        fits = await bridge.connect()
        await fits.link.send_fragments(bytes(LIMIT), 1024)
        await fits.send("ping")
        await fits.receive_until("pong")
        await fits.link.close()
    codes = [line["closeCode"] for line in result.log_lines("client.disconnected")]
    assert codes[: len(TOO_LARGE)] == [1009] * len(TOO_LARGE)


#: A message of as many fragments as allowed: one message for the rate limits, thousands of frames to read.
IN_PIECES = frame(BINARY, last=False) + frame(CONTINUATION, last=False) * 4000 + frame(CONTINUATION)
FLOODS = {
    "empty fragments without end": [frame(TEXT, last=False), *[frame(CONTINUATION, last=False) * 1000] * 300],
    "messages in many pieces": [IN_PIECES] * 75,
    "pings": [frame(PING) * 1000] * 300,
    "pings with a payload": [frame(PING, bytes(125)) * 1000] * 300,
    "pongs": [frame(PONG) * 1000] * 300,
    "empty messages": [frame(BINARY) * 1000] * 300,
}


async def test_cases_7_and_8_floods_of_small_frames_are_slowed_and_closed(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    ended: dict[str, tuple[int | None, list[str]]] = {}

    async def flood(name: str, pieces: list[bytes]) -> None:
        ended[name] = await close_code_after(await connect_raw(bridge), pieces, seconds=20)

    async with attack(bridge, upstream, seconds=25) as result, trio.open_nursery() as nursery:
        for name, pieces in FLOODS.items():
            nursery.start_soon(flood, name, pieces)
    too_many = ended.pop("empty fragments without end")
    assert too_many in ((1009, ["MESSAGE_TOO_LARGE"]), (1008, ["RATE_EXCEEDED"]))
    assert list(ended.values()) == [(1008, ["RATE_EXCEEDED"])] * (len(FLOODS) - 1)
    assert len(result.log_lines("error.sent")) == len(FLOODS)


async def test_case_8_a_client_that_reads_no_pongs_is_closed(bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    async with attack(bridge, upstream, seconds=25) as result:
        stream = await connect_raw(bridge, receive_buffer=4096)
        async with stream:
            with trio.move_on_after(15):
                await send_pieces(stream, [frame(PING, bytes(125)) * 1000] * 2000)
                await _wait_for_disconnect(bridge, result.log_from)
    assert result.log_lines("client.disconnected")[0]["closeReason"] == "the peer pings and does not read the pongs"


async def _wait_for_disconnect(bridge: BridgeProcess, since: int) -> None:
    await wait_until(lambda: bridge.log_lines("client.disconnected", since=since), 20)


async def test_case_8_a_client_that_never_reads_is_closed(bridge: BridgeProcess, upstream: SimulatorThread) -> None:
    async with attack(bridge, upstream, seconds=30, mib=40) as result:
        stream = await connect_raw(bridge, receive_buffer=4096)
        async with stream:
            await stream.send_all(frame(TEXT, b'{"type":"create_session"}'))
            content = [{"type": "input_text", "text": "x" * 200_000}]
            item = {"type": "message", "role": "user", "content": content}
            event = json.dumps({"type": "conversation.item.create", "item": item}).encode()
            with trio.fail_after(20):
                await send_pieces(stream, [frame(TEXT, event)] * 34)  # each is echoed twice, and nothing reads it
                await _wait_for_disconnect(bridge, result.log_from)
    assert [line["code"] for line in result.log_lines("error.sent")] == ["SLOW_CONSUMER"]


WRONG = {
    "text that is no UTF-8": (frame(TEXT, b"\xc3\x28"), 1007),
    "a character cut by the end": (frame(TEXT, b"\xe2\x82", last=False) + frame(CONTINUATION, b""), 1007),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "a reserved bit": (frame(TEXT, b"{}", rsv=4), 1002),
    "a data opcode that there is not": (frame(3, b"{}"), 1002),
    "a control opcode that there is not": (frame(11), 1002),
    "no mask": (frame(TEXT, b"{}", masked=False), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "a message within a message": (frame(TEXT, b"a", last=False) + frame(TEXT, b"b"), 1002),
    "a long ping": (frame(PING, bytes(126)), 1002),
    "a ping in pieces": (frame(PING, b"x", last=False), 1002),
    "a close of one byte": (frame(8, b"\x03"), 1002),
    "a close with a code that is never sent": (frame(8, (1006).to_bytes(2, "big")), 1002),
    "a close that is no UTF-8": (frame(8, b"\x03\xe8\xff"), 1007),
}


async def test_case_9_a_client_that_violates_the_protocol_is_closed(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    async with attack(bridge, upstream, seconds=25) as result:
        for name, (piece, code) in WRONG.items():
            broken, errors = await close_code_after(await connect_raw(bridge), [piece], seconds=2.5)
            # for an invalid Close frame, the library may answer with either code
            assert broken == code or ("close" in name and broken in {1002, 1007}), name
            assert errors == [], name
        half = await bridge.connect()
        await half.link.send_raw(frame(TEXT, b"x" * 100)[:20])
        await half.link.stream.aclose()
        with pytest.raises(LinkClosed):
            await JsonTestClient(half.link).send("ping")
    codes = [line["closeCode"] for line in result.log_lines("client.disconnected")]
    assert set(codes[: len(WRONG)]) == {1002, 1007}
