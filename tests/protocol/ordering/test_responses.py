from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.ordering.items import ItemOrder, ItemState
from bridge.protocol.ordering.responses import ResponseOrder
from tests.protocol.ordering.event_samples import Event, called, created, done, event, spoken, written


def found(responses: ResponseOrder, *events: Event) -> list[tuple[str, str]]:
    return [found for entry in events for found in responses.feed(entry["type"], entry)]


def fresh() -> ResponseOrder:
    return ResponseOrder(ItemOrder(Dialect.GA))


def test_a_response_without_a_conversation_runs_beside_another() -> None:
    assert found(fresh(), created("r1"), created("r2", None), created("r3", None), done("r2"), done("r1")) == []


def test_a_response_without_word_of_its_conversation_is_on_the_default_one() -> None:
    silent = event("response.created", response={"id": "r2"})
    [(rule, message)] = found(fresh(), created("r1"), silent)
    assert (rule, message) == ("response-already-active", "r2 is created while r1 is not done")


def test_the_message_about_an_unknown_response_names_the_running_one() -> None:
    [(_, message)] = found(fresh(), created("r1"), done("r2"))
    assert message == "r2 was never created; r1 is running"


def test_a_difference_in_a_long_text_is_shown_from_its_end() -> None:
    events = written("r1", "i1", ["x" * 50, "end"])
    lost = [entry for entry in events if entry.get("delta") != "end"]
    messages = [message for rule, message in found(fresh(), created("r1"), *lost) if rule == "text-differs-from-deltas"]
    assert "end' (53 characters)" in messages[0]
    assert len(messages[0]) < 200


def test_text_is_forgotten_when_its_response_is_done() -> None:
    responses = fresh()
    found(responses, created("r1"), *written("r1", "i1", ["much text"]))
    assert len(responses._active) == 1
    found(responses, done("r1"))
    assert (len(responses._active), len(responses._finished)) == (0, 1)


def test_items_of_a_response_are_announced_to_the_conversation() -> None:
    items = ItemOrder(Dialect.GA)
    responses = ResponseOrder(items)
    found(responses, created("r1"), *written("r1", "i1", []), created("r2", None), *written("r2", "i2", []))
    assert (items.state("i1"), items.state("i2")) == (ItemState.ANNOUNCED, ItemState.OUT_OF_BAND)


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete"])
def test_what_ended_early_may_stand_open(status: str) -> None:
    begun = [*spoken("r1", "i1", ["Hi"])[:4]]
    assert found(fresh(), created("r1"), *begun, done("r1", status)) == []


def test_an_item_that_is_incomplete_may_be_done_with_open_parts() -> None:
    part, end = spoken("r1", "i1", ["Hi"])[2], spoken("r1", "i1", ["Hi"])[-1]
    begun = spoken("r1", "i1", ["Hi"])[0]
    end["item"] = {**end["item"], "status": "incomplete"}
    assert found(fresh(), created("r1"), begun, part, end) == []
    end["item"] = {**end["item"], "status": "completed"}
    assert [rule for rule, _ in found(fresh(), created("r1"), begun, part, end)] == ["output-item-done-part-open"]


def test_a_part_may_be_called_as_in_items() -> None:
    events = written("r1", "i1", ["Hi"])
    for entry in events:
        if "part" in entry:
            entry["part"] = {**entry["part"], "type": "output_text"}
    assert found(fresh(), created("r1"), *events, done("r1")) == []


def test_a_part_of_an_unknown_kind_may_hold_anything() -> None:
    events = written("r1", "i1", ["Hi"])
    for entry in events:
        if "part" in entry:
            entry["part"] = {**entry["part"], "type": "hologram"}
    assert found(fresh(), created("r1"), *events, done("r1")) == []


def test_arguments_of_two_calls_are_not_mixed_up() -> None:
    first, second = called("r1", "i1", "c1", ["{", "}"]), called("r1", "i2", "c2", ["[", "]"])
    for entry in second:
        if "output_index" in entry:
            entry["output_index"] = 1
    mixed = [entry for pair in zip(first, second, strict=True) for entry in pair]
    assert found(fresh(), created("r1"), *mixed, done("r1")) == []


@pytest.mark.parametrize("kind", ["output_text", "output_audio"])
def test_parts_with_the_names_of_items_hold_the_same_content(kind: str) -> None:
    right, wrong = (written, spoken) if kind == "output_text" else (spoken, written)
    for make, broken in ((right, False), (wrong, True)):
        events = make("r1", "i1", ["Hi"])
        events[2]["part"] = {"type": kind}
        rules = {rule for rule, _ in found(fresh(), created("r1"), *events)}
        assert ("content-of-other-kind" in rules) is broken


def test_a_part_that_was_never_added_is_not_done_either() -> None:
    events = [entry for entry in written("r1", "i1", []) if "content_part.added" not in entry["type"]]
    ends = [entry for entry in events if "output_text" not in entry["type"]]
    assert found(fresh(), created("r1"), *ends) == [("content-before-part", "part 0 of i1 is done and was never added")]


@pytest.mark.parametrize("change", [{"output_index": 1}, {"item": {"id": "i2", "type": "message"}}])
def test_neither_an_item_nor_an_index_is_added_twice(change: Event) -> None:
    begun = written("r1", "i1", [])[0]
    assert [rule for rule, _ in found(fresh(), created("r1"), begun, {**begun, **change})] == [
        "output-item-added-twice"
    ]


def test_a_response_completes_after_its_items_are_done_in_the_conversation() -> None:
    items = ItemOrder(Dialect.GA)
    responses = ResponseOrder(items)
    events = [created("r1"), *written("r1", "i1", ["Hi"])]
    without_done = [entry for entry in events if entry["type"] != "conversation.item.done"]
    for entry in without_done:
        assert [*items.feed(entry["type"], entry), *responses.feed(entry["type"], entry)] == []
    expected = "r1 completed before conversation.item.done of i1"
    assert found(responses, done("r1")) == [("response-done-item-open", expected)]


def test_after_an_eviction_unknown_responses_are_not_reported() -> None:
    responses = fresh()
    for number in range(257):
        found(responses, created(f"r{number}", None))
    stray = {**written("r0", "i0", [])[0]}
    assert found(responses, stray, done("r0")) == []
