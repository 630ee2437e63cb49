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
def test_a_turn_is_restored_as_text_in_the_part_type_of_the_dialect(role: str, dialect: str, part: str) -> None:
    history = ConversationHistory()
    history.record_item({**message("i1", "hi", role), "status": "completed", "object": "realtime.item"})
    assert history.restore(dialect).items == (
        {"id": "i1", "type": "message", "role": role, "content": [{"type": part, "text": "hi"}]},
    )


def test_spoken_turns_are_restored_from_their_transcript_in_any_event() -> None:
    history = ConversationHistory()
    spoken = {"id": "i1", "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    history.record_item(spoken)
    history.record_transcript("i1", "hello")
    answer = [{"type": "output_audio", "transcript": "hi"}, {"type": "output_audio", "transcript": "there"}]
    history.record_item({"id": "i2", "type": "message", "role": "assistant", "content": answer})
    history.record_item(spoken)
    restored = history.restore("ga")
    assert [item["content"][0]["text"] for item in restored.items] == ["hello", "hi there"]
    assert (restored.turns, restored.lost) == (2, ())


def test_speech_without_a_transcript_is_reported_once() -> None:
    history = ConversationHistory()
    history.record_item(message("i1", None))
    assert history.restore("ga").lost == ("1 spoken turns without a transcript",)
    assert history.restore("ga").lost == ()


def test_silence_that_an_idle_time_out_committed_is_no_turn_and_no_loss() -> None:
    history = ConversationHistory()
    history.record_silence("i1")
    history.record_silence(None)
    for _ in ("added", "done"):
        history.record_item(message("i1", None))
    history.record_item(message("i2", None))
    history.record_transcript("i2", "")
    assert (history.restore("ga").items, history.restore("ga").lost) == ((), ())


def test_silence_of_an_ended_conversation_is_forgotten() -> None:
    history = ConversationHistory()
    history.record_silence("i1")
    history.clear()
    history.record_item(message("i1", None))
    assert history.restore("ga").lost == ("1 spoken turns without a transcript",)


def test_calls_come_back_with_their_answers_and_open_ones_are_pending() -> None:
    history = ConversationHistory()
    history.record_item(CALL)
    assert history.restore("ga").pending_tools == 1
    history.record_item(OUTPUT)
    restored = history.restore("ga")
    assert restored.pending_tools == 0
    assert restored.items[0] == {name: CALL[name] for name in ("id", "type", "call_id", "name", "arguments")}
    assert restored.turns == 0


def test_what_was_sent_and_was_not_announced_comes_back_as_it_was_sent() -> None:
    history = ConversationHistory()
    sent = message(None, "hi")
    history.item_sent(sent)
    assert history.restore("ga").items == (sent,)
    assert history.restore("ga").turns == 1


def test_what_is_announced_is_not_restored_twice() -> None:
    history = ConversationHistory()
    for text in ("yes", "yes", "no"):
        history.item_sent(message(None, text))
    for phase in range(2):
        history.record_item({**message("i1", "yes"), "status": str(phase)})
    assert [item["content"][0]["text"] for item in history.restore("ga").items] == ["yes", "yes", "no"]


def test_an_item_that_was_skipped_when_a_later_one_was_announced_was_refused() -> None:
    history = ConversationHistory()
    history.item_sent(message("bad", "refused"))
    history.item_sent({"type": "function_call_output", "call_id": "c1", "output": "x"})
    history.record_item(OUTPUT)
    assert [item["type"] for item in history.restore("ga").items] == ["function_call_output"]


def test_an_item_with_an_id_is_known_by_it() -> None:
    history = ConversationHistory()
    history.item_sent(message("mine", "hi"))
    history.record_item(message("other", "hi"))
    assert len(history.restore("ga").items) == 2
    history.record_item(message("mine", "hi"))
    assert len(history.restore("ga").items) == 2


def test_deleted_turns_and_ended_conversations_do_not_come_back() -> None:
    history = ConversationHistory()
    history.record_item(message("i1", "a"))
    history.record_item(message("i2", "b"))
    history.item_sent(message(None, "c"))
    history.delete_item("i1")
    assert [item.get("id") for item in history.restore("ga").items] == ["i2", None]
    history.clear()
    assert history.restore("ga").items == ()


def test_the_oldest_turns_go_past_the_bounds_and_are_counted() -> None:
    history = ConversationHistory()
    for n in range(MAX_TURNS + 2):
        history.record_item(message(f"i{n}", "x"))
    restored = history.restore("ga")
    assert (restored.turns, restored.items[0]["id"], restored.lost) == (MAX_TURNS, "i2", ("2 turns past the bound",))
    history.record_item(message("long", "y" * MAX_CHARACTERS))
    assert [item["id"] for item in history.restore("ga").items] == ["long"]


def test_items_that_are_never_announced_are_bounded_too() -> None:
    history = ConversationHistory()
    for _ in range(MAX_TURNS + 3):
        history.item_sent(message(None, "x"))
    restored = history.restore("ga")
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
    history = ConversationHistory()
    history.record_item(item)
    history.item_sent(item)
    history.record_item(item)
    history.record_transcript(item.get("id"), item)
    history.delete_item(item.get("type"))
    assert len(history.restore("ga").items) <= 2
