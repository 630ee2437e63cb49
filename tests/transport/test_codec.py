"""The codec without I/O: joined messages, close codes of violations, and how the connection ended."""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Side

from bridge.transport.codec import Codec, is_sendable_close_code, truncate_reason

if TYPE_CHECKING:
    from collections.abc import Callable

SIDES = pytest.mark.parametrize("side", [Side.SERVER, Side.CLIENT])
TEXT, BINARY, CONT, CLOSE, PING, PONG = (
    Opcode.TEXT,
    Opcode.BINARY,
    Opcode.CONT,
    Opcode.CLOSE,
    Opcode.PING,
    Opcode.PONG,
)


def codec(side: Side, *, max_size: int = 1000, max_fragments: int = 8, defer_close: bool = False) -> Codec:
    return Codec(side, max_size=max_size, max_fragments=max_fragments, defer_close=defer_close)


def frame(side: Side, opcode: int, payload: bytes = b"", *, fin: bool = True, first: int = 0) -> bytes:
    """A frame that this side reads; `first` adds bits to its first byte. Bad ones are possible."""
    masked = side is Side.SERVER
    mask_bit = 0x80 if masked else 0
    length = (
        bytes([mask_bit | len(payload)]) if len(payload) < 126 else struct.pack("!BH", mask_bit | 126, len(payload))
    )
    return bytes([(0x80 if fin else 0) | first | opcode]) + length + (bytes(4) if masked else b"") + payload


def close_sent(codec: Codec, side: Side) -> int | None:
    """The code of the Close frame among what is to be written."""
    other = Codec(Side.CLIENT if side is Side.SERVER else Side.SERVER, max_size=None, max_fragments=1)
    other.receive_data(codec.data_to_send())
    return None if other.is_open else other.close_exception().code


VIOLATIONS: dict[str, tuple[int, Callable[[Side], bytes]]] = {
    "text that is no UTF-8": (1007, lambda side: frame(side, TEXT, b"\xff")),
    "text cut within a character": (1007, lambda side: frame(side, TEXT, b"\xe2\x82")),
    "a fragment that cannot become UTF-8": (1007, lambda side: frame(side, TEXT, b"\xff", fin=False)),
    "a last fragment that ends within a character": (
        1007,
        lambda side: frame(side, TEXT, b"ok", fin=False) + frame(side, CONT, b"\xe2\x82"),
    ),
    "a close reason that is no UTF-8": (1007, lambda side: frame(side, CLOSE, b"\x03\xe8\xff")),
    "a reserved bit": (1002, lambda side: frame(side, TEXT, b"x", first=0x40)),
    "an unknown data opcode": (1002, lambda side: frame(side, 3, b"x")),
    "an unknown control opcode": (1002, lambda side: frame(side, 11, b"x")),
    "a control frame that is too long": (1002, lambda side: frame(side, PING, b"x" * 126)),
    "a control frame in fragments": (1002, lambda side: frame(side, PING, b"x", fin=False)),
    "a continuation of nothing": (1002, lambda side: frame(side, CONT, b"x")),
    "a message within a message": (1002, lambda side: frame(side, TEXT, b"x", fin=False) + frame(side, TEXT, b"y")),
    "masking of the wrong side": (
        1002,
        lambda side: frame(Side.CLIENT if side is Side.SERVER else Side.SERVER, TEXT, b"xxxxx"),
    ),
    "a close of one byte": (1002, lambda side: frame(side, CLOSE, b"\x03")),
    "a close with 1005": (1002, lambda side: frame(side, CLOSE, struct.pack("!H", 1005))),
    "a close with 1006": (1002, lambda side: frame(side, CLOSE, struct.pack("!H", 1006))),
    "a close with 999": (1002, lambda side: frame(side, CLOSE, struct.pack("!H", 999))),
    "a message that is too long": (1009, lambda side: frame(side, TEXT, b"x" * 1001)),
    "a message that is too long in parts": (
        1009,
        lambda side: frame(side, TEXT, b"x" * 600, fin=False) + frame(side, CONT, b"x" * 600),
    ),
    "a length beyond 63 bits": (
        1009,
        lambda side: (b"\x81\xff" if side is Side.SERVER else b"\x81\x7f") + b"\xff" * 8 + bytes(4),
    ),
    "too many fragments": (
        1009,
        lambda side: frame(side, BINARY, b"", fin=False) + frame(side, CONT, b"", fin=False) * 8,
    ),
}


#: A whole message behind these would be a second violation, which is the one that closes.
WITHIN_A_MESSAGE = {"a fragment that cannot become UTF-8", "too many fragments"}


@SIDES
@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_answered_with_its_code(name: str, side: Side) -> None:
    code, make = VIOLATIONS[name]
    link = codec(side)
    behind = b"" if name in WITHIN_A_MESSAGE else frame(side, TEXT, b"behind")
    link.receive_data(frame(side, TEXT, b"before") + make(side) + behind)
    assert not link.is_open
    assert list(link.messages) == ["before"]
    verdict = link.close_exception()
    assert (verdict.code, verdict.by_peer) == (code, False)
    assert close_sent(link, side) == code


@SIDES
def test_of_two_violations_in_one_read_the_close_frame_and_the_exception_name_the_first(side: Side) -> None:
    link = codec(side)
    link.receive_data(frame(side, TEXT, b"\xff") + frame(side, 3))
    assert link.close_exception().code == close_sent(link, side) == 1007


@SIDES
def test_of_a_message_with_a_bad_fragment_nothing_more_is_decoded(side: Side) -> None:
    link = codec(side)
    link.receive_data(frame(side, TEXT, b"\xff", fin=False) + frame(side, CONT, b"x") + frame(side, 3))
    assert not link.messages
    assert link.close_exception().code == close_sent(link, side) == 1007


@SIDES
@pytest.mark.parametrize("max_frames", [1, 100])
def test_what_follows_a_violation_is_ignored_even_if_our_close_is_on_its_way(side: Side, max_frames: int) -> None:
    link = codec(side)
    link.send_close(1000, "")
    more = link.receive_data(frame(side, TEXT, b"\xff") + frame(side, TEXT, b"x") + frame(side, TEXT, b"y"), max_frames)
    while more:
        more = link.cut(max_frames)
    link.receive_data(frame(side, TEXT, b"z"))
    assert not link.messages
    assert (link.is_finished, link.close_exception().code) == (True, 1007)


@SIDES
def test_a_close_that_is_deferred_lets_the_codec_send_after_a_message_that_is_too_large(side: Side) -> None:
    link = codec(side, defer_close=True)
    link.receive_data(frame(side, TEXT, b"before") + frame(side, TEXT, b"x" * 1001) + frame(side, TEXT, b"behind"))
    assert (link.is_open, link.is_finished, list(link.messages)) == (True, False, ["before"])
    assert "1001" in (link.too_large_reason or "")
    link.receive_data(frame(side, TEXT, b"later"))
    assert (list(link.messages), link.data_to_send()) == (["before"], b"")
    link.send_close(1009, "too large")
    assert link.is_finished
    end = link.close_exception()
    assert (end.code, end.reason, end.by_peer) == (1009, "too large", False)
    assert close_sent(link, side) == 1009


@SIDES
def test_a_peer_that_leaves_after_a_message_that_is_too_large_ended_it_without_a_close(side: Side) -> None:
    link = codec(side, defer_close=True)
    link.receive_data(frame(side, TEXT, b"x" * 1001)[:-1])
    link.receive_data(b"")
    assert (link.is_open, link.is_finished, link.eof_received) == (False, True, True)
    assert (link.close_exception().code, link.close_exception().by_peer) == (1006, True)


@SIDES
def test_a_character_may_be_split_over_fragments(side: Side) -> None:
    link = codec(side)
    euro = "€".encode()
    link.receive_data(frame(side, TEXT, b"5 " + euro[:1], fin=False) + frame(side, CONT, euro[1:2], fin=False))
    assert not link.messages
    link.receive_data(frame(side, PING, b"p") + frame(side, CONT, euro[2:]))
    assert list(link.messages) == ["5 €"]
    assert link.pings_received == 1


@SIDES
def test_binary_fragments_are_joined_as_bytes(side: Side) -> None:
    link = codec(side)
    link.receive_data(frame(side, BINARY, b"\xff", fin=False) + frame(side, CONT, b"\xfe") + frame(side, TEXT, b""))
    assert list(link.messages) == [b"\xff\xfe", ""]


def test_the_limit_on_fragments_holds_for_each_message() -> None:
    link = codec(Side.CLIENT, max_fragments=3)
    message = frame(Side.CLIENT, TEXT, b"a", fin=False) + frame(Side.CLIENT, CONT, b"b", fin=False)
    for _ in range(5):
        link.receive_data(message + frame(Side.CLIENT, CONT, b"c"))
    assert list(link.messages) == ["abc"] * 5
    assert link.is_open


@SIDES
@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [(b"", 1005, ""), (b"\x03\xe8", 1000, ""), (struct.pack("!H", 3000) + b"why", 3000, "why")],
)
def test_a_close_of_the_peer_is_echoed_and_reported(side: Side, body: bytes, code: int, reason: str) -> None:
    link = codec(side)
    link.receive_data(frame(side, CLOSE, body) + frame(side, TEXT, b"behind"))
    end = link.close_exception()
    assert (end.code, end.reason, end.by_peer) == (code, reason, True)
    assert not link.messages
    assert close_sent(link, side) == code


@SIDES
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_close_may_come_between_fragments_and_nothing_after_it_is_read(side: Side, opcode: Opcode) -> None:
    link = codec(side)
    cut_off = frame(side, opcode, b"cut", fin=False) + frame(side, CLOSE, struct.pack("!H", 1000))
    link.receive_data(cut_off + frame(side, CONT, b" off"))
    assert (link.close_exception().code, link.close_exception().by_peer) == (1000, True)
    assert not link.messages
    assert close_sent(link, side) == 1000


@SIDES
def test_a_close_that_the_peer_echoed_is_ours(side: Side) -> None:
    link = codec(side)
    link.send_close(1001, "bye")
    link.receive_data(frame(side, CLOSE, struct.pack("!H", 1001)))
    end = link.close_exception()
    assert (end.code, end.by_peer) == (1001, False)


@SIDES
def test_asking_how_it_ended_before_the_peer_answers_changes_nothing(side: Side) -> None:
    link = codec(side)
    link.send_close(1000, "")
    assert (link.close_exception().code, link.close_exception().by_peer, link.is_finished) == (None, False, False)
    link.receive_data(frame(side, TEXT, b"crossing") + frame(side, CLOSE, struct.pack("!H", 1000)))
    assert (list(link.messages), link.close_exception().code, link.is_finished) == (["crossing"], 1000, True)


@SIDES
def test_an_end_without_a_close_is_1006(side: Side) -> None:
    link = codec(side)
    link.receive_data(frame(side, TEXT, b"half a frame")[:-3])
    link.receive_data(b"")
    end = link.close_exception()
    assert (end.code, end.by_peer) == (1006, True)
    assert link.eof_received


def test_a_pong_answers_its_ping_and_those_before() -> None:
    link = codec(Side.CLIENT)
    for number, payload in enumerate((b"a", b"b", b"c")):
        link.send_ping(payload, float(number))
    link.receive_data(frame(Side.CLIENT, PONG, b"unasked"))
    assert (link.pings_outstanding, link.last_answered_ping_at) == (3, None)
    link.receive_data(frame(Side.CLIENT, PONG, b"b"))
    assert (link.pings_outstanding, link.last_answered_ping_at, link.pongs_received) == (1, 1.0, 2)


def test_a_ping_that_is_too_long_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="125 bytes"):
        codec(Side.CLIENT).send_ping(b"x" * 126, 0.0)


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    assert is_sendable_close_code(code)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
def test_codes_that_are_never_sent(code: int) -> None:
    assert not is_sendable_close_code(code)


def test_a_long_reason_is_cut_between_characters() -> None:
    assert truncate_reason("a" + "€" * 41) == "a" + "€" * 40
    assert truncate_reason("short") == "short"


def test_the_core_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets").setLevel(logging.DEBUG)
    link = codec(Side.SERVER)
    link.receive_data(frame(Side.SERVER, TEXT, b"secret words") + frame(Side.SERVER, CLOSE))
    link.receive_data(b"")
    assert caplog.records == []


messages = st.lists(st.text(max_size=40) | st.binary(max_size=40), max_size=8)


@settings(max_examples=60, deadline=None)
@given(messages=messages, data=st.data())
def test_messages_arrive_whole_and_in_order_however_they_are_cut(
    messages: list[str | bytes], data: st.DataObject
) -> None:
    side = data.draw(st.sampled_from([Side.SERVER, Side.CLIENT]))
    peer = b"".join(_cut_message(message, side, data) for message in messages)
    link = Codec(side, max_size=None, max_fragments=100)
    while peer:
        size = data.draw(st.integers(1, len(peer)))
        link.receive_data(peer[:size])
        peer = peer[size:]
    assert list(link.messages) == messages
    assert link.is_open


def _cut_message(message: str | bytes, side: Side, data: st.DataObject) -> bytes:
    payload = message.encode() if isinstance(message, str) else message
    cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    pieces = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    opcodes = [TEXT if isinstance(message, str) else BINARY, *[CONT] * (len(pieces) - 1)]
    last = len(pieces) - 1
    return b"".join(
        Frame(opcode, piece, at == last).serialize(mask=side is Side.SERVER)
        for at, (opcode, piece) in enumerate(zip(opcodes, pieces, strict=True))
    )
