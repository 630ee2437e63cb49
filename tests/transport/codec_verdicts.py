"""What a codec makes of bytes, in full: for comparisons of the short way, the long way, and wsproto."""

from __future__ import annotations

from dataclasses import dataclass
from sys import maxsize
from typing import TYPE_CHECKING

from websockets.protocol import Side
from wsproto.frame_protocol import FrameProtocol, ParseFailed
from wsproto.frame_protocol import Opcode as WsprotoOpcode

from bridge.transport.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Plan:
    """What happens to a codec beside the bytes that it gets."""

    max_frames: int = maxsize
    max_size: int | None = None
    max_fragments: int = 100
    defer_close: bool = False
    ping_before: int = -1
    """Before which read it sends a ping."""
    close_before: int = -1
    """Before which read it sends a Close."""
    stops: bool = False
    """Whether it stops after each message."""
    at_end: bool = False
    """Whether the stream ends."""


def pieces(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """The data in reads of these sizes; what is left comes in one."""
    at = 0
    for size in sizes:
        if at < len(data):
            yield data[at : at + size]
            at += size
    if at < len(data):
        yield data[at:]


def history(side: Side, reads: list[bytes], plan: Plan, *, short_way: bool) -> list[object]:
    """Everything that can be told of a codec, after each read."""
    codec = Codec(side, max_size=plan.max_size, max_fragments=plan.max_fragments, defer_close=plan.defer_close)
    if not short_way:
        codec._short_bytes = -1
    told: list[object] = []
    in_one_go = 0

    def on_message(kind: str, payload: bytes) -> None:
        nonlocal in_one_go
        in_one_go += 1
        told.append((kind, payload))
        if plan.stops:
            codec.stop()

    codec.on_text = lambda payload: on_message("text", payload)
    codec.on_binary = lambda payload: on_message("binary", payload)
    for number, data in enumerate([*reads, b""] if plan.at_end else reads):
        if number == plan.ping_before and codec.is_open:
            codec.send_ping(b"\x00\x00\x00\x01", 1.0)
        if number == plan.close_before and codec.is_open:
            codec.send_close(1000, "ours")
        more = codec.receive_data(data, plan.max_frames)
        while more:
            assert in_one_go <= (1 if plan.stops else plan.max_frames)
            in_one_go = 0
            more = codec.cut(plan.max_frames)
        assert in_one_go <= (1 if plan.stops else plan.max_frames)
        in_one_go = 0
        told.append(_state(codec))
    return told


def _state(codec: Codec) -> tuple[object, ...]:
    end = None if codec.is_open else codec.close_exception()
    return (
        codec.data_to_send(),
        codec.is_open,
        codec.is_finished,
        codec.too_large_reason,
        codec.eof_received,
        (codec.pings_received, codec.pongs_received, codec.pings_outstanding, codec.last_answered_ping_at),
        codec.control_frames_received,
        None if end is None else (end.code, end.reason, end.by_peer, repr(end.__cause__)),
    )


Messages = list[tuple[str, bytes]]


def our_verdict(side: Side, reads: list[bytes], max_frames: int) -> tuple[Messages, object, bool]:
    """The messages before the end, the end (a refusal, or the peer's Close), and whether a frame is incomplete."""
    codec = Codec(side, max_size=None, max_fragments=1000)
    messages: Messages = []
    codec.on_text = lambda payload: messages.append(("text", payload))
    codec.on_binary = lambda payload: messages.append(("binary", payload))
    for data in reads:
        more = codec.receive_data(data, max_frames)
        while more:
            more = codec.cut(max_frames)
    if codec.is_open:
        return messages, None, bool(codec._rest or codec._long_left or codec._core.reader.buffer)
    end = codec.close_exception()
    return messages, "refused" if not end.by_peer else (end.code, end.reason), False


def verdict_of_wsproto(side: Side, reads: list[bytes]) -> tuple[Messages, object]:
    """The same by wsproto, which hands over parts of messages."""
    protocol = FrameProtocol(client=side is Side.CLIENT, extensions=[])
    messages: Messages = []
    parts: list[bytes] = []
    try:
        for data in reads:
            protocol.receive_bytes(data)
            for frame in protocol.received_frames():
                if frame.opcode is WsprotoOpcode.CLOSE:
                    assert isinstance(frame.payload, tuple)
                    return messages, (int(frame.payload[0]), frame.payload[1])
                if frame.opcode.iscontrol():
                    continue
                assert not isinstance(frame.payload, tuple)
                parts.append(frame.payload.encode() if isinstance(frame.payload, str) else bytes(frame.payload))
                if frame.message_finished:
                    messages.append(("text" if frame.opcode is WsprotoOpcode.TEXT else "binary", b"".join(parts)))
                    parts = []
    except ParseFailed:
        return messages, "refused"
    return messages, None
