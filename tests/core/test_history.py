from __future__ import annotations

from typing import Any

import pytest

from bridge.core.history import MAX_CHARACTERS, MAX_TURNS, ConversationHistory


def message(item_id: str | None, text: str | None, role: str = "user", kind: str = "input_text") -> dict[str, Any]:
    content = [] if text is None else [{"type": kind, "text": text}]
    found: dict[str, Any] = {"type": "message", "role": role, "content": content}
    return found if item_id is None else {"id": item_id, **found}


CALL = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}", "status": "completed"}
OUTPUT = {"id": "o1", "type": "function_call_output", "call_id": "c1", "output": "sunny"}


@pytest.mark.parametrize(
    ("role", "dialect", "part"),
    [
        ("user", "ga", "input_text"),
        ("system", "ga", "input_text"),
        ("assistant", "ga", "output_text"),
        ("assistant", "beta", "text"),
    ],
)
def test_a_turn_is_created_anew_as_text_in_the_dialects_own_words(role: str, dialect: str, part: str) -> None:
    context = ConversationHistory()
    context.record_item({**message("i1", "hi", role), "status": "completed", "object": "realtime.item"})
    assert context.restore(dialect).items == (
        {"id": "i1", "type": "message", "role": role, "content": [{"type": part, "text": "hi"}]},
    )


def test_spoken_turns_come_back_by_their_transcript_whoever_brings_it() -> None:
    context = ConversationHistory()
    spoken = {"id": "i1", "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    context.record_item(spoken)
    context.record_transcript("i1", "hello")
    answer = [{"type": "output_audio", "transcript": "hi"}, {"type": "output_audio", "transcript": "there"}]
    context.record_item({"id": "i2", "type": "message", "role": "assistant", "content": answer})
    context.record_item(spoken)
    restored = context.restore("ga")
    assert [item["content"][0]["text"] for item in restored.items] == ["hello", "hi there"]
    assert (restored.turns, restored.lost) == (2, ())


def test_speech_that_was_not_written_down_is_named_once() -> None:
    context = ConversationHistory()
    context.record_item(message("i1", None))
    assert context.restore("ga").lost == ("1 spoken turns without a transcript",)
    assert context.restore("ga").lost == ()


def test_calls_come_back_with_their_answers_and_open_ones_are_pending() -> None:
    context = ConversationHistory()
    context.record_item(CALL)
    assert context.restore("ga").pending_tools == 1
    context.record_item(OUTPUT)
    restored = context.restore("ga")
    assert restored.pending_tools == 0
    assert restored.items[0] == {name: CALL[name] for name in ("id", "type", "call_id", "name", "arguments")}
    assert restored.turns == 0


def test_what_went_up_and_was_not_announced_comes_back_as_it_was_sent() -> None:
    context = ConversationHistory()
    sent = message(None, "hi")
    context.item_sent(sent)
    assert context.restore("ga").items == (sent,)
    assert context.restore("ga").turns == 1


def test_what_is_announced_is_not_brought_back_twice() -> None:
    context = ConversationHistory()
    for text in ("yes", "yes", "no"):
        context.item_sent(message(None, text))
    for phase in range(2):
        context.record_item({**message("i1", "yes"), "status": str(phase)})
    assert [item["content"][0]["text"] for item in context.restore("ga").items] == ["yes", "yes", "no"]


def test_an_item_that_was_skipped_when_a_later_one_was_announced_was_refused() -> None:
    context = ConversationHistory()
    context.item_sent(message("bad", "refused"))
    context.item_sent({"type": "function_call_output", "call_id": "c1", "output": "x"})
    context.record_item(OUTPUT)
    assert [item["type"] for item in context.restore("ga").items] == ["function_call_output"]


def test_an_item_with_an_id_is_known_by_it() -> None:
    context = ConversationHistory()
    context.item_sent(message("mine", "hi"))
    context.record_item(message("other", "hi"))
    assert len(context.restore("ga").items) == 2
    context.record_item(message("mine", "hi"))
    assert len(context.restore("ga").items) == 2


def test_deleted_turns_and_ended_conversations_do_not_come_back() -> None:
    context = ConversationHistory()
    context.record_item(message("i1", "a"))
    context.record_item(message("i2", "b"))
    context.item_sent(message(None, "c"))
    context.delete_item("i1")
    assert [item.get("id") for item in context.restore("ga").items] == ["i2", None]
    context.clear()
    assert context.restore("ga").items == ()


def test_the_oldest_turns_go_past_the_bounds_and_are_counted() -> None:
    context = ConversationHistory()
    for n in range(MAX_TURNS + 2):
        context.record_item(message(f"i{n}", "x"))
    restored = context.restore("ga")
    assert (restored.turns, restored.items[0]["id"], restored.lost) == (MAX_TURNS, "i2", ("2 turns past the bound",))
    context.record_item(message("long", "y" * MAX_CHARACTERS))
    assert [item["id"] for item in context.restore("ga").items] == ["long"]


def test_requests_that_nobody_announces_are_bounded_too() -> None:
    context = ConversationHistory()
    for _ in range(MAX_TURNS + 3):
        context.item_sent(message(None, "x"))
    restored = context.restore("ga")
    assert (len(restored.items), restored.lost) == (MAX_TURNS, ("3 turns past the bound",))


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"id": 5, "type": "message"},
        {"id": "i", "type": ["message"]},
        {"id": "i", "type": "mcp_call"},
        {"id": "i", "type": "message", "content": "hi"},
        {"id": "i", "type": "message", "role": {}, "content": [5, {"text": 7}]},
        {"id": "i", "type": "function_call"},
        {"id": "i", "type": "function_call", "call_id": ["c"], "arguments": 5},
        {"id": "i", "type": "function_call_output", "call_id": {"a": 1}},
    ],
    ids=str,
)
def test_an_item_of_any_shape_is_taken_without_an_exception(item: dict[str, Any]) -> None:
    context = ConversationHistory()
    context.record_item(item)
    context.item_sent(item)
    context.record_item(item)
    context.record_transcript(item.get("id"), item)
    context.delete_item(item.get("type"))
    assert len(context.restore("ga").items) <= 2
