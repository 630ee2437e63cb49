"""What the core holds for a client is bounded by the memory that it takes, whatever the client sends."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.events import ClientAudio, ClientNative, ClientText, ClientToolResult, CreateSession
from bridge.core.history import ConversationHistory
from bridge.core.input_buffer import ENTRY_BYTES, InputBuffer, InputBufferLimits
from bridge.core.responses import MAX_QUEUED_BYTES, ResponseTracker
from bridge.core.session_updates import MAX_UNCONFIRMED_BYTES, SessionUpdates
from tests.core.builders import SESSION_OPTIONS, audio, new_session, play, ready_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.events import ClientInput
    from bridge.core.session import Session

KIB, MIB = 2**10, 2**20


def native(kind: str, **fields: Any) -> ClientNative:
    """Return an event as the endpoint makes it: what it holds is its own, and no part of it is used twice."""
    frame = json.dumps({"type": kind, **fields}).encode()
    return ClientNative(kind, frame, json.loads(frame))


def update(**session: Any) -> tuple[dict[str, Any], bytes]:
    event = {"session": session}
    return event, json.dumps(event).encode()


def message(item_id: str, text: str) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


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


def item(number: int, size: int) -> ClientNative:
    content = [{"type": "input_text", "text": "x"}, {"type": "strange", "parts": nested(size)}]
    message = {"id": f"i{number}", "type": "message", "role": "user", "content": content}
    return native("conversation.item.create", item=message)


def test_items_that_the_upstream_refuses_are_kept_as_bytes() -> None:
    assert held_by(ready_session(), lambda n: item(n, 16 * KIB), 40) < 2 * 40 * 16 * KIB


def test_items_that_the_upstream_refuses_are_bounded_and_the_newest_is_kept() -> None:
    history = ConversationHistory()
    for number in range(6):
        history.item_sent(message(str(number), "x" * MIB))
    restored = history.restore("ga")
    assert [one["id"] for one in restored.items] == ["3", "4", "5"]
    assert restored.lost == ("3 turns past the bound",)
    history.clear()
    history.item_sent(message("large", "x" * 5 * MIB))
    assert [one["id"] for one in history.restore("ga").items] == ["large"]
    history.item_sent(message("small", "x"))
    history.record_item(message("small", "x"))
    history.item_sent(message("last", "x" * 3 * MIB))
    history.item_sent(message("after", "x"))
    assert [one["id"] for one in history.restore("ga").items] == ["small", "last", "after"]


def test_of_an_announced_item_only_what_is_restored_is_kept() -> None:
    history = ConversationHistory()
    gc.collect()
    tracemalloc.start()
    for number in range(40):
        history.record_item(json.loads(item(number, 16 * KIB).frame)["item"])
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 40 * KIB * 2


def test_session_updates_that_nobody_answers_are_bounded_and_kept_as_bytes() -> None:
    session = ready_session()
    held = held_by(session, lambda n: native("session.update", session={f"x{n}": nested(16 * KIB)}), 40)
    assert held < 2 * 40 * 16 * KIB
    updates = SessionUpdates()
    for number in range(5):
        updates.sent(*update(**{f"x{number}": "x" * (MAX_UNCONFIRMED_BYTES // 3)}))
    assert list(updates.effective) == ["x3", "x4"]
    updates.sent(*update(large="x" * (2 * MAX_UNCONFIRMED_BYTES)))
    assert list(updates.effective) == ["large"]


def test_queued_response_requests_are_bounded_in_bytes_and_one_always_waits() -> None:
    responses = ResponseTracker()
    assert responses.enqueue(bytes(2 * MAX_QUEUED_BYTES))
    assert not responses.enqueue(b"more")
    responses.clear_requests()
    assert [responses.enqueue(bytes(MAX_QUEUED_BYTES // 2)) for _ in range(3)] == [True, True, False]
