"""Items in conversation order."""

from __future__ import annotations

import pytest

from bridge.simulator.session.conversation import ConversationItem, ConversationItems


def texts(role: str, text: str) -> ConversationItem:
    return ConversationItem(id=text, role=role, content=[{"type": "input_text", "text": text}])


def test_items_keep_the_order_in_which_they_were_added() -> None:
    conversation = ConversationItems()
    assert [conversation.add(ConversationItem(id=name)) for name in "ab"] == [None, "a"]
    assert conversation.add(ConversationItem(id="first"), "root") is None
    assert conversation.add(ConversationItem(id="between"), "a") == "a"
    assert conversation.last is conversation.get("b")
    assert len(conversation) == 4


def test_an_item_cannot_follow_one_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        ConversationItems().add(ConversationItem(id="a"), "gone")


def test_items_come_oldest_first_and_without_those_that_were_removed() -> None:
    conversation = ConversationItems()
    assert conversation.items == []
    for item in (texts("user", "one"), texts("user", "two"), texts("assistant", "three")):
        conversation.add(item)
    assert [item.id for item in conversation.items] == ["one", "two", "three"]
    conversation.remove("two")
    assert [item.id for item in conversation.items] == ["one", "three"]


def test_a_call_is_known_by_its_call_id_while_its_item_is_there() -> None:
    conversation = ConversationItems()
    conversation.add(ConversationItem(id="a", type="function_call", fields={"call_id": "call_1"}))
    assert conversation.has_call("call_1")
    assert not conversation.has_call("call_2")
    conversation.remove("a")
    assert not conversation.has_call("call_1")


def test_ids_of_any_json_kind_can_be_asked_for() -> None:
    names: list[object] = [None, 1, [], {}, "a"]
    assert [ConversationItems().get(name) for name in names] == [None] * 5


def test_an_assistants_parts_have_other_names_in_the_beta_dialect() -> None:
    item = ConversationItem(id="a", role="assistant", content=[{"type": "output_audio", "transcript": "Hi"}])
    assert item.as_json(beta=False)["content"] == [{"type": "output_audio", "transcript": "Hi"}]
    assert item.as_json(beta=True)["content"] == [{"type": "audio", "transcript": "Hi"}]
    assert item.text == "Hi"
