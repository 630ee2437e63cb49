from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.ordering.items import ItemOrder, ItemState
from tests.protocol.ordering.event_samples import Event, event, item


def rules(items: ItemOrder, *events: Event) -> list[str]:
    return [rule for entry in events for rule, _ in items.feed(entry["type"], entry)]


def started(item_id: str) -> Event:
    return event("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item_id)


def stopped(item_id: str) -> Event:
    return event("input_audio_buffer.speech_stopped", audio_end_ms=9, item_id=item_id)


def committed(item_id: str) -> Event:
    return event("input_audio_buffer.committed", item_id=item_id)


def item_event(what: str, item_id: str, role: str = "user", status: str = "completed") -> Event:
    return event(f"conversation.item.{what}", item=item(item_id, role, status))


def test_an_item_goes_from_speech_to_deletion() -> None:
    items = ItemOrder(Dialect.GA)
    lives = []
    deleted = event("conversation.item.deleted", item_id="i")
    added, done = item_event("added", "i"), item_event("done", "i")
    for entry in (started("i"), stopped("i"), committed("i"), added, done, deleted):
        assert rules(items, entry) == []
        lives.append(items.state("i"))
    assert lives == [
        ItemState.SPEAKING,
        ItemState.STOPPED,
        ItemState.COMMITTED,
        ItemState.ADDED,
        ItemState.DONE,
        ItemState.DELETED,
    ]


def test_the_beta_has_one_event_per_item() -> None:
    items = ItemOrder(Dialect.BETA)
    assert rules(items, committed("i"), item_event("created", "i")) == []
    assert items.state("i") is ItemState.DONE
    assert rules(items, item_event("created", "i")) == ["item-added-twice"]


@pytest.mark.parametrize("what", ["added", "created"])
def test_a_ga_server_may_send_created_before_or_after_added(what: str) -> None:
    other = "created" if what == "added" else "added"
    assert rules(ItemOrder(Dialect.GA), item_event(what, "i"), item_event(other, "i"), item_event("done", "i")) == []


@pytest.mark.parametrize("step", ["added", "created"])
@pytest.mark.parametrize("speech", [1, 2])
def test_an_announced_item_waits_for_its_commit(step: str, speech: int) -> None:
    before = [started("i"), stopped("i")][:speech]
    assert rules(ItemOrder(Dialect.GA), *before, item_event(step, "i")) == ["item-before-commit"]


def test_after_a_violation_an_item_does_not_fall_back() -> None:
    items = ItemOrder(Dialect.GA)
    added, done = item_event("added", "i"), item_event("done", "i")
    assert rules(items, added, done, added) == ["item-added-twice"]
    assert items.state("i") is ItemState.DONE
    assert list(items.finish()) == []


def test_an_unfinished_item_of_a_cancelled_response_may_be_done_later_or_never() -> None:
    items = ItemOrder(Dialect.GA)
    items.announce("i", out_of_band=False)
    rules(items, item_event("added", "i", "assistant", "in_progress"))
    items.abandon("i")
    assert list(items.finish()) == []
    assert rules(items, item_event("done", "i", "assistant")) == []


def test_an_items_that_the_model_writes_is_announced_first_but_the_clients_are_not() -> None:
    assert rules(ItemOrder(Dialect.GA), item_event("added", "i", "assistant")) == []
    by_the_model = item_event("added", "i", "assistant", "in_progress")
    assert rules(ItemOrder(Dialect.GA), by_the_model) == ["item-before-output-item"]


def test_a_cleared_buffer_lets_the_turn_go() -> None:
    items = ItemOrder(Dialect.GA)
    assert (
        rules(items, started("i"), event("input_audio_buffer.cleared"), started("j"), stopped("j"), committed("j"))
        == []
    )
    assert items.state("i") is ItemState.DISCARDED


def test_the_previous_item_must_be_another_known_item() -> None:
    for previous in ("i", "stranger"):
        entry = {**item_event("added", "i"), "previous_item_id": previous}
        assert rules(ItemOrder(Dialect.GA), entry) == ["previous-item-unknown"]
    assert rules(ItemOrder(Dialect.GA), {**item_event("added", "i"), "previous_item_id": "root"}) == []


def test_a_deleted_item_may_still_be_the_previous_item() -> None:
    items = ItemOrder(Dialect.GA)
    deleted = event("conversation.item.deleted", item_id="i")
    assert rules(items, item_event("added", "i"), item_event("done", "i"), deleted) == []
    assert rules(items, {**item_event("added", "j"), "previous_item_id": "i"}) == []
    assert rules(items, deleted, item_event("retrieved", "i")) == ["item-unknown", "item-unknown"]


def walk(steps: str, dialect: Dialect) -> list[str]:
    """Apply steps, by name, to one item, and return the rules that it broke."""
    items = ItemOrder(dialect)
    broken: list[str] = []
    for step in steps.split():
        match step:
            case "planned" | "outside":
                items.announce("i", out_of_band=step == "outside")
            case "abandoned":
                items.abandon("i")
            case "cleared":
                broken += rules(items, event("input_audio_buffer.cleared"))
            case "speech_started" | "speech_stopped" | "committed" | "timeout_triggered":
                broken += rules(items, event(f"input_audio_buffer.{step}", item_id="i"))
            case "deleted":
                broken += rules(items, event("conversation.item.deleted", item_id="i"))
            case _:
                broken += rules(items, item_event(step, "i"))
    return broken


@pytest.mark.parametrize(
    "steps",
    [
        "timeout_triggered committed added done",
        "committed created added done",
        "committed created done deleted",
        "planned added done planned deleted",
        "planned created planned added done",
        "planned created deleted",
        "planned deleted",
        "added planned created deleted",
        "added created done created",
        "added deleted done",
        "planned added abandoned created done",
        "planned added abandoned deleted",
        "speech_started cleared speech_stopped committed added",
        "speech_started cleared speech_started speech_stopped committed",
        "speech_started cleared committed added",
        "outside planned",
    ],
)
def test_legal_steps_of_a_ga_item(steps: str) -> None:
    assert walk(steps, Dialect.GA) == []


@pytest.mark.parametrize(
    "steps",
    [
        "speech_started speech_stopped committed created deleted",
        "planned created planned",
        "planned deleted",
        "created planned",
    ],
)
def test_legal_steps_of_a_beta_item(steps: str) -> None:
    assert walk(steps, Dialect.BETA) == []


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ("outside added", "out-of-band-item-added"),
        ("outside created", "out-of-band-item-added"),
        ("outside done", "out-of-band-item-added"),
        ("outside deleted", "item-unknown"),
        ("committed deleted", "item-unknown"),
        ("planned done", "item-done-before-added"),
        ("added done deleted added", "item-added-twice"),
        ("added speech_started", "speech-started-twice"),
        ("added done speech_stopped", "speech-stopped-without-start"),
    ],
)
def test_illegal_steps_break_a_rule(steps: str, rule: str) -> None:
    assert walk(steps, Dialect.GA) == [rule]


def test_a_committed_item_is_added_before_the_next_commit() -> None:
    items = ItemOrder(Dialect.GA)
    found = [found for entry in (committed("i"), committed("j")) for found in items.feed(entry["type"], entry)]
    assert found == [("committed-item-missing", "j is committed before i was added")]


def test_an_unknown_item_is_called_unknown_and_a_known_one_by_its_state() -> None:
    items = ItemOrder(Dialect.GA)
    [(_, unknown)] = items.feed("conversation.item.deleted", event("conversation.item.deleted", item_id="i"))
    rules(items, item_event("added", "j"))
    [(_, known)] = items.feed("conversation.item.added", item_event("added", "j"))
    assert unknown == "conversation.item.deleted came for i, which no earlier event named"
    assert known == "conversation.item.added came for the user's item j, which was added already"


def test_an_event_that_never_came_is_named_with_the_item_that_it_was_for() -> None:
    # As recorded from aimock 1.43: no conversation.item.done for the user's item, no ...added for the assistant's.
    items = ItemOrder(Dialect.GA)
    rules(items, item_event("added", "u"))
    items.announce("a", out_of_band=False)
    [(rule, message)] = items.feed("conversation.item.done", item_event("done", "a", role="assistant"))
    assert rule == "item-done-before-added"
    assert message == "conversation.item.done came for the assistant's item a without conversation.item.added"
    assert list(items.finish()) == [
        ("item-not-done", "conversation.item.done never came for the user's item u, which was added")
    ]
