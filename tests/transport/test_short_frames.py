"""Frames as we write them, and masking with and without the C function of `websockets`."""

from __future__ import annotations

import importlib
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from bridge.transport import short_frames
from bridge.transport.short_frames import BINARY_FRAME, TEXT_FRAME, MaskKeys, encode_frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
@pytest.mark.parametrize(("first", "opcode"), [(TEXT_FRAME, Opcode.TEXT), (BINARY_FRAME, Opcode.BINARY)])
def test_frames_are_those_that_websockets_writes(
    monkeypatch: pytest.MonkeyPatch, size: int, first: int, opcode: Opcode
) -> None:
    payload, key = bytes(at % 251 for at in range(size)), b"\x01\x80\xff\x00"
    monkeypatch.setattr("websockets.frames.secrets.token_bytes", lambda _: key)
    assert encode_frame(first, payload, None) == Frame(opcode, payload).serialize(mask=False)
    assert encode_frame(first, payload, key) == Frame(opcode, payload).serialize(mask=True)


def test_a_masking_key_is_used_once_and_one_call_of_the_system_makes_many(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def urandom(size: int) -> bytes:
        made.append(size)
        return b"".join((len(made) * size + at).to_bytes(4, "big") for at in range(size // 4))

    monkeypatch.setattr(os, "urandom", urandom)
    keys = MaskKeys()
    taken = [keys.take() for _ in range(320)]
    assert {len(key) for key in taken} == {4}
    assert len(set(taken)) == 320
    assert made == [256] * 5


@given(data=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4))
def test_without_the_c_function_masking_gives_the_same(data: bytes, key: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "websockets.speedups", None)
        patch.delitem(sys.modules, "bridge.transport.short_frames")
        slow = importlib.import_module("bridge.transport.short_frames")
    assert slow.apply_mask.__module__ == "websockets.utils"
    assert slow.apply_mask(data, key) == short_frames.apply_mask(data, key)
    assert isinstance(slow.apply_mask(data, key), bytes)


def test_the_c_function_is_used_where_it_is_there() -> None:
    pytest.importorskip("websockets.speedups")
    assert short_frames.apply_mask.__module__ != "websockets.utils"
