from __future__ import annotations

from typing import Any

from bridge.core.updates import MAX_SENT, Updates, merged


def sent(**sessions: Any) -> Updates:
    """Updates that have gone up, named by their event ids."""
    updates = Updates()
    for event_id, session in sessions.items():
        updates.sent({"type": "session.update", "event_id": event_id, "session": session})
    return updates


def test_objects_merge_and_everything_else_is_replaced() -> None:
    old = {"audio": {"input": {"format": 1}, "output": {"voice": "a"}}, "tools": [1, 2], "turn": {"type": "vad"}}
    new = {"audio": {"output": {"speed": 2}}, "tools": [3], "turn": None, "text": {"a": {"b": 1}}}
    assert merged(old, new) == {
        "audio": {"input": {"format": 1}, "output": {"voice": "a", "speed": 2}},
        "tools": [3],
        "turn": None,
        "text": {"a": {"b": 1}},
    }


def test_merging_changes_neither_side() -> None:
    old, new = {"a": {"b": 1}}, {"a": {"c": {"d": 2}}}
    both = merged(old, new)
    merged(both, {"a": {"c": {"d": 3}}})
    assert (old, new, both) == ({"a": {"b": 1}}, {"a": {"c": {"d": 2}}}, {"a": {"b": 1, "c": {"d": 2}}})


def test_an_update_counts_when_it_is_confirmed() -> None:
    updates = sent(one={"a": 1}, two={"b": 2})
    assert updates.confirmed == {}
    updates.took()
    assert updates.confirmed == {"a": 1}
    updates.took()
    updates.took()
    assert updates.confirmed == {"a": 1, "b": 2}


def test_a_refusal_by_event_id_takes_that_update_away() -> None:
    updates = sent(one={"a": 1}, two={"b": 2})
    updates.refused({"event_id": "two", "param": "session.b"})
    updates.settle()
    assert updates.confirmed == {"a": 1}


def test_a_refusal_by_field_takes_the_oldest_away() -> None:
    updates = sent(one={"a": 1}, two={"b": 2})
    updates.refused({"event_id": None, "param": "session.a"})
    updates.settle()
    assert updates.confirmed == {"b": 2}


def test_errors_about_something_else_take_nothing_away() -> None:
    updates = sent(one={"a": 1})
    for error in ({}, {"param": "item.id"}, {"param": 5, "event_id": 7}, {"event_id": "three"}, {"param": "sessions"}):
        updates.refused(error)
    updates.settle()
    assert updates.confirmed == {"a": 1}


def test_what_was_not_answered_when_the_session_was_lost_is_wanted_all_the_same() -> None:
    updates = sent(one={"a": 1}, two="no object", three={"a": 3})
    updates.settle()
    assert updates.confirmed == {"a": 3}


def test_updates_without_an_answer_are_bounded() -> None:
    updates = sent(**{f"u{n}": {"n": n} for n in range(MAX_SENT + 1)})
    assert updates.confirmed == {"n": 0}
