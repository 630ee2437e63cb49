from __future__ import annotations

from typing import Any

from bridge.protocol.dialects.detection import Dialect
from probes.conversation.ordering import EventOrder

GA = {"type": "session.created", "event_id": "e1", "session": {"type": "realtime"}}
BETA = {"type": "session.created", "event_id": "e1", "session": {"modalities": ["text"]}}


def item(name: str, event_id: str = "e2") -> dict[str, Any]:
    return {"type": f"conversation.item.{name}", "event_id": event_id, "item": {"id": "i", "role": "user"}}


def rules(order: EventOrder, *events: dict[str, Any]) -> list[str]:
    return [rule for event in events for rule, _ in order.feed(event)]


def test_the_first_event_decides_the_dialect_whichever_was_requested() -> None:
    assert rules(EventOrder(Dialect.GA), BETA, item("created")) == []
    assert rules(EventOrder(Dialect.BETA), GA, item("added"), item("done", "e3")) == []
    assert "event-of-other-dialect" in rules(EventOrder(Dialect.GA), BETA, item("added"))


def test_events_before_session_created_are_checked_with_it() -> None:
    order = EventOrder(Dialect.GA)
    early = {"type": "response.created", "event_id": "e0", "response": {"id": "r"}}
    assert rules(order, early) == []
    assert "event-before-session-created" in rules(order, GA)


def test_a_session_that_never_opens_is_checked_after_eight_events() -> None:
    events = [{**item("added", f"e{n}"), "item": {"id": f"i{n}", "role": "user"}} for n in range(9)]
    assert "event-before-session-created" in rules(EventOrder(Dialect.GA), *events)


def test_the_same_event_is_a_repeat_and_another_one_with_its_id_is_not() -> None:
    order = EventOrder(Dialect.GA)
    assert not order.is_repeat(GA)
    assert order.is_repeat(dict(GA))
    assert not order.is_repeat({**item("added"), "event_id": "e1"})
    assert not order.is_repeat({"type": "x"})
    assert not order.is_repeat({"type": "x"}), "without an id it can't be told"


def test_a_restart_forgets_what_the_previous_session_left_open() -> None:
    order = EventOrder(Dialect.GA)
    assert rules(order, GA, item("added")) == []
    assert [rule for rule, _ in order.finish()] == ["item-not-done"]
    order.restart()
    assert list(order.finish()) == []
    assert rules(order, GA) == []
