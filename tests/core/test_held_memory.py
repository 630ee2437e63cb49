"""What the core holds for a client is bounded by the memory that it takes, whatever the client sends."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.events import ClientAudio, ClientNative, ClientText, ClientToolResult, CreateSession
from bridge.core.input_buffer import ENTRY_BYTES, InputBuffer, InputBufferLimits
from tests.core.builders import SESSION_OPTIONS, audio, new_session, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.events import ClientInput
    from bridge.core.session import Session

KIB, MIB = 2**10, 2**20


def native(kind: str, **fields: Any) -> ClientNative:
    """Return an event as the endpoint makes it: what it holds is its own, and no part of it is used twice."""
    frame = json.dumps({"type": kind, **fields}).encode()
    return ClientNative(kind, frame, json.loads(frame))


def nested(size: int) -> list[list[Any]]:
    """Return JSON that takes about `size` bytes as text, and twenty times that as a tree."""
    return [[] for _ in range(size // 4)]


def held_by(session: Session, make_event: Callable[[int], ClientInput], count: int) -> int:
    """Return the bytes that a session holds after `count` events, which nobody else keeps."""
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(count):
            session.handle(make_event(number), 1.0)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def waiting_session(limits: InputBufferLimits | None = None) -> Session:
    session = new_session(buffer_limits=limits or InputBufferLimits())
    play(session, CreateSession(SESSION_OPTIONS))
    return session


def test_a_native_event_waits_as_bytes_not_as_a_tree() -> None:
    session = waiting_session()
    held = held_by(session, lambda _: native("conversation.item.create", item=nested(16 * KIB)), 20)
    assert session.statistics().buffered_messages == 20
    assert held < 2 * 20 * 16 * KIB


@pytest.mark.parametrize(
    "make_event",
    [
        lambda n: ClientText(f"{n}" + "\N{ROCKET}" * (MIB // 4)),
        lambda n: ClientToolResult(f"{n}", f"{n}" + "x" * MIB),
    ],
    ids=["text", "tool result"],
)
def test_large_messages_wait_within_eight_mebibytes(make_event: Callable[[int], ClientInput]) -> None:
    session = waiting_session()
    assert held_by(session, make_event, 12) < 9 * MIB
    assert 5 <= session.statistics().buffered_messages <= 8


def test_the_memory_of_tiny_chunks_is_bounded_though_they_are_short() -> None:
    session = waiting_session(InputBufferLimits(kept_bytes=256 * KIB))
    assert held_by(session, lambda n: ClientAudio(bytes([n % 256, 1])), 6_000) < 300 * KIB


def test_thirty_seconds_in_chunks_of_one_millisecond_fit() -> None:
    held = InputBuffer(InputBufferLimits())
    for _ in range(30_000):
        held.add(audio(1), 0.0)
    assert (held.ms, held.has_dropped) == (30_000, False)


def test_the_newest_message_waits_whatever_its_size_and_what_goes_is_counted() -> None:
    held = InputBuffer(InputBufferLimits(kept_bytes=1000))
    held.add(ClientText("small"), 0.0)
    held.add(ClientText("x" * 2000), 0.0)
    assert held.messages == 1
    dropped = held.pop_dropped()
    assert dropped is not None
    assert (dropped.reason, dropped.messages, held.pop()) == ("buffer_full", 1, ClientText("x" * 2000))


def test_full_in_bytes_means_past_the_bound_and_what_left_takes_no_room() -> None:
    held = InputBuffer(InputBufferLimits(kept_bytes=2 * (ENTRY_BYTES + 100)))
    for _ in range(2):
        held.add(ClientAudio(bytes(100)), 0.0)
    assert held.pop() is not None
    held.add(ClientAudio(bytes(100)), 0.0)
    assert not held.has_dropped
    held.add(ClientAudio(bytes(2)), 0.0)
    assert held.chunks == 2
