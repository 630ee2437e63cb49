"""One verdict, not two: any bytes, legal or not, mean the same on the short way, on the long way, and to wsproto.

wsproto differs by design in one point: it refuses lengths in more bytes than needed (RFC 6455 5.2); the core does not.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from sys import maxsize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.protocol import Side

from bridge.transport.short_frames import apply_mask
from tests.transport.codec_verdicts import Plan, history, our_verdict, pieces, verdict_of_wsproto

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SIDES = st.sampled_from([Side.SERVER, Side.CLIENT])
#: Around the lengths at which headers grow, and where the short way ends.
EDGES = (0, 1, 124, 125, 126, 127, 999, 1000, 1001, 65534, 65535, 65536, 70_000)
TEXTS = ("", "a", "plain", "5 €", "\U0001f600 " * 7, "é" * 62, "x" * 126)
NOT_UTF8 = (b"\xff", b"ok \xe2\x82", b"\x80", b"\xed\xa0\x80", b"a" * 130 + b"\xc0")
#: Codes on which both libraries agree, legal and illegal, and reasons.
CLOSES = (
    b"",
    b"\x03",
    *(
        struct.pack("!H", code) + reason
        for code in (1000, 1001, 1011, 3000, 4999)
        for reason in (b"", b"why", "€".encode())
    ),
    *(struct.pack("!H", code) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)),
    b"\x03\xe8\xff",
)


@dataclass(frozen=True)
class RawFrame:
    """A frame as it may come from a peer, right or wrong."""

    first: int
    payload: bytes
    masked_wrongly: bool = False
    wide: int = 0
    """The least bytes of the length field: more than needed are possible."""
    declared: int | None = None
    """The length that the header tells, if it is not that of the payload."""

    def encode(self, side: Side) -> bytes:
        """What the peer of this side sends."""
        masked = (side is Side.SERVER) is not self.masked_wrongly
        length = len(self.payload) if self.declared is None else self.declared
        width = max(self.wide, 0 if length < 126 else 2 if length < 65536 else 8)
        short, field = {
            0: (length, b""),
            2: (126, struct.pack("!H", length & 0xFFFF)),
            8: (127, struct.pack("!Q", length)),
        }[width]
        head = bytes((self.first, (0x80 if masked else 0) | short)) + field
        key = b"\x11\xa2\x33\xc4"
        return head + key + bytes(apply_mask(self.payload, key)) if masked else head + self.payload


payloads = st.one_of(
    st.sampled_from(TEXTS).map(str.encode),
    st.sampled_from(NOT_UTF8),
    st.sampled_from(EDGES).map(lambda size: b"x" * size),
    st.binary(max_size=12),
)
#: Most frames are usual ones, so that a sequence goes on for a while.
usual = st.one_of(
    st.builds(RawFrame, st.just(0x81), st.sampled_from(TEXTS).map(str.encode)),
    st.builds(RawFrame, st.just(0x82), payloads),
    st.builds(RawFrame, st.sampled_from((0x01, 0x02, 0x00, 0x80)), st.sampled_from((b"", b"part", b"x" * 200))),
    st.builds(RawFrame, st.sampled_from((0x89, 0x8A)), st.sampled_from((b"", b"\x00\x00\x00\x01", b"p" * 125))),
)
unusual = st.one_of(
    st.builds(RawFrame, st.just(0x88), st.sampled_from(CLOSES)),
    st.builds(RawFrame, st.sampled_from((0x81, 0x01, 0x80, 0x00)), payloads),
    st.builds(RawFrame, st.integers(0, 255), payloads),
    st.builds(RawFrame, st.sampled_from((0x81, 0x82, 0x89)), payloads, masked_wrongly=st.just(value=True)),
    st.builds(RawFrame, st.sampled_from((0x81, 0x82, 0x8A)), payloads, declared=st.sampled_from(EDGES)),
    st.builds(RawFrame, st.sampled_from((0x81, 0x82)), payloads, declared=st.just(1 << 63)),
)
wide = st.builds(RawFrame, st.sampled_from((0x81, 0x82, 0x01, 0x89)), payloads, wide=st.sampled_from((2, 8)))
frames = st.lists(st.one_of(usual, usual, usual, unusual), max_size=10)
frames_and_wide = st.lists(st.one_of(usual, usual, usual, unusual, wide), max_size=10)
#: Mostly small, so that headers are cut too.
cuts = st.lists(st.one_of(st.integers(1, 9), st.integers(1, 80_000)), max_size=30)


plans = st.builds(
    Plan,
    max_frames=st.sampled_from((1, 2, 5, maxsize)),
    max_size=st.sampled_from((None, 1000, 66_000)),
    max_fragments=st.sampled_from((2, 100)),
    defer_close=st.booleans(),
    ping_before=st.integers(-1, 5),
    close_before=st.one_of(st.just(-1), st.just(-1), st.integers(0, 12)),
    stops=st.booleans(),
    at_end=st.booleans(),
)


@given(side=SIDES, frames=frames_and_wide, sizes=cuts, plan=plans)
@example(Side.SERVER, [RawFrame(0x81, b"\xff"), RawFrame(0x81, b"x")], [], Plan(close_before=0))
@example(Side.CLIENT, [RawFrame(0x01, b"a"), RawFrame(0x81, b"b")], [], Plan(max_frames=1))
@example(Side.SERVER, [RawFrame(0x81, b"", wide=8)], [], Plan())
def test_the_short_way_and_the_long_way_are_the_same(
    side: Side, frames: list[RawFrame], sizes: list[int], plan: Plan
) -> None:
    reads = list(pieces(b"".join(frame.encode(side) for frame in frames), sizes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("websockets.frames.secrets.token_bytes", bytes)  # replies of a client compare by their bytes
        assert history(side, reads, plan, short_way=True) == history(side, reads, plan, short_way=False)


@given(side=SIDES, frames=frames_and_wide, sizes=cuts, plan=plans)
def test_how_bytes_are_cut_into_reads_changes_nothing_but_when(
    side: Side, frames: list[RawFrame], sizes: list[int], plan: Plan
) -> None:
    data = b"".join(frame.encode(side) for frame in frames)
    whole = Plan(max_size=plan.max_size, max_fragments=plan.max_fragments, defer_close=plan.defer_close, at_end=True)
    cut = Plan(plan.max_frames, plan.max_size, plan.max_fragments, plan.defer_close, stops=plan.stops, at_end=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("websockets.frames.secrets.token_bytes", bytes)
        one = history(side, [data] if data else [], whole, short_way=True)
        other = history(side, list(pieces(data, sizes)), cut, short_way=True)
    assert _summary(one) == _summary(other)


def _summary(told: list[object]) -> tuple[object, ...]:
    """The messages, all that was written, and the end, without when each came."""
    messages = [entry for entry in told if isinstance(entry, tuple) and len(entry) == 2]
    states = [entry for entry in told if isinstance(entry, tuple) and len(entry) > 2]
    return messages, b"".join(state[0] for state in states), states[-1][1:] if states else ()


@given(side=SIDES, frames=frames, sizes=cuts, max_frames=st.sampled_from((1, 3, maxsize)))
def test_wsproto_comes_to_the_same_verdict(
    side: Side, frames: list[RawFrame], sizes: list[int], max_frames: int
) -> None:
    reads = list(pieces(b"".join(frame.encode(side) for frame in frames), sizes))
    messages, end, incomplete = our_verdict(side, reads, max_frames)
    their_messages, their_end = verdict_of_wsproto(side, reads)
    assert messages == their_messages
    if not (
        incomplete and their_end == "refused"
    ):  # it refuses some frames by their header, the core when they are whole
        assert end == their_end
