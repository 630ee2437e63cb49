from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core import json_access, session_updates
from bridge.core.session_updates import (
    MAX_COMPARED_BYTES,
    MAX_UNCONFIRMED,
    REPLACED_WHOLE,
    SessionUpdates,
    merge_config,
)
from bridge.protocol.schema import sessions

if TYPE_CHECKING:
    from collections.abc import Mapping


def sent(**sessions: Any) -> SessionUpdates:
    """Updates that were sent upstream, by their event ids."""
    updates = SessionUpdates()
    for event_id, session in sessions.items():
        event = {"type": "session.update", "event_id": event_id, "session": session}
        updates.sent(event, json.dumps(event).encode())
    return updates


def test_objects_merge_and_everything_else_is_replaced() -> None:
    old = {"audio": {"input": {"format": 1}, "output": {"voice": "a"}}, "tools": [1, 2], "turn": {"type": "vad"}}
    new = {"audio": {"output": {"speed": 2}}, "tools": [3], "turn": None, "text": {"a": {"b": 1}}}
    assert merge_config(old, new) == {
        "audio": {"input": {"format": 1}, "output": {"voice": "a", "speed": 2}},
        "tools": [3],
        "turn": None,
        "text": {"a": {"b": 1}},
    }


def test_merging_changes_neither_side() -> None:
    old, new = {"a": {"b": 1}}, {"a": {"c": {"d": 2}}}
    both = merge_config(old, new)
    merge_config(both, {"a": {"c": {"d": 3}}})
    assert (old, new, both) == ({"a": {"b": 1}}, {"a": {"c": {"d": 2}}}, {"a": {"b": 1, "c": {"d": 2}}})


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.3}},
            {"turn_detection": {"type": "semantic_vad"}},
            None,
        ),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 0.3}},
            {"turn_detection": {"type": "server_vad"}},
            None,
        ),
        ({"format": {"type": "audio/pcm", "rate": 24_000}}, {"format": {"type": "audio/pcmu"}}, None),
        ({"noise_reduction": {"type": "near_field", "x": 1}}, {"noise_reduction": {"type": "far_field"}}, None),
        (
            {"noise_reduction": {"type": "near_field", "x": 1}},
            {"noise_reduction": {"y": 2}},
            {"type": "near_field", "x": 1, "y": 2},
        ),
        (
            {"transcription": {"model": "a", "prompt": "p"}},
            {"transcription": {"language": "de"}},
            {"model": "a", "prompt": "p", "language": "de"},
        ),
        ({"voice": {"id": "v", "x": 1}}, {"voice": {"id": "w"}}, None),
        ({"turn_detection": None}, {"turn_detection": {"type": "server_vad"}}, None),
    ],
)
def test_a_union_is_replaced_as_a_whole(old: dict[str, Any], new: dict[str, Any], both: object) -> None:
    [name] = new
    wanted = new[name] if both is None else both
    assert merge_config({"audio": {"input": old}}, {"audio": {"input": new}}) == {"audio": {"input": {name: wanted}}}


def test_what_is_replaced_is_what_the_service_replaces() -> None:
    assert REPLACED_WHOLE == sessions._REPLACED


def confirmed(updates: SessionUpdates) -> dict[str, Any]:
    """What would be left if a fresh session refused the rest."""
    updates.drop_unconfirmed()
    return updates.effective


def test_an_update_counts_when_it_is_confirmed() -> None:
    assert confirmed(sent(one={"a": 1}, two={"b": 2})) == {}
    updates = sent(one={"a": 1}, two={"b": 2})
    updates.confirmed({"a": 1})
    assert confirmed(updates) == {"a": 1}
    updates = sent(one={"a": 1}, two={"b": 2})
    for _ in range(3):
        updates.confirmed({})
    assert confirmed(updates) == {"a": 1, "b": 2}


def test_a_refusal_by_event_id_takes_that_update_away() -> None:
    updates = sent(one={"a": 1}, two={"b": 2})
    updates.rejected({"event_id": "two", "param": "session.b"})
    assert updates.effective == {"a": 1}


def test_a_refusal_by_field_takes_the_oldest_away() -> None:
    updates = sent(one={"a": 1}, two={"b": 2})
    updates.rejected({"event_id": None, "param": "session.a"})
    assert updates.effective == {"b": 2}


def test_errors_about_something_else_take_nothing_away() -> None:
    updates = sent(one={"a": 1})
    for error in ({}, {"param": "item.id"}, {"param": 5, "event_id": 7}, {"event_id": "three"}, {"param": "sessions"}):
        updates.rejected(error)
    assert updates.effective == {"a": 1}


def test_a_refusal_that_named_nothing_is_seen_by_the_session_that_does_not_show_it() -> None:
    updates = sent(one={"voice": "nobody"}, two={"audio": {"output": {"speed": 1.5}}, "tools": []})
    updates.confirmed({"voice": "alloy", "audio": {"output": {"speed": 1.5, "format": {}}}, "tools": [], "model": "m"})
    assert updates.effective == {"voice": "nobody", "audio": {"output": {"speed": 1.5}}, "tools": []}
    assert confirmed(updates) == {"audio": {"output": {"speed": 1.5}}, "tools": []}


def test_of_what_is_in_doubt_a_later_update_has_the_last_word() -> None:
    updates = sent(one={"a": 1, "b": 1}, two={"a": 2})
    updates.confirmed({"a": 2})
    assert updates.effective == {"a": 2, "b": 1}


def test_what_is_refused_before_a_confirmed_one_lets_that_hold() -> None:
    updates = sent(one={"a": 1}, two={"b": 2}, three={"c": 3})
    updates.confirmed({"b": 2})
    updates.confirmed({"b": 2, "c": 3})
    updates.rejected({"param": "session.a"})
    assert updates.effective == {"a": 1, "b": 2, "c": 3}
    assert updates.drop_unconfirmed()
    assert not updates.drop_unconfirmed()
    assert updates.effective == {"b": 2, "c": 3}


def test_what_was_not_answered_when_the_session_was_lost_is_wanted_all_the_same() -> None:
    updates = sent(one={"a": 1}, two="no object", three={"a": 3})
    assert updates.effective == {"a": 3}


def test_what_a_fresh_session_has_confirmed_is_never_dropped() -> None:
    updates = sent(one={"a": 1})
    updates.confirm_all()
    assert not updates.drop_unconfirmed()
    assert updates.effective == {"a": 1}


def test_updates_without_an_answer_are_bounded() -> None:
    updates = sent(**{f"u{n}": {"n": n} for n in range(MAX_UNCONFIRMED + 1)})
    assert confirmed(updates) == {"n": 0}


#: A quarter of what a confirmation is compared with.
LARGE = "x" * (MAX_COMPARED_BYTES // 4 - 100)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Count what is parsed."""
    found = list[bytes]()

    def read_object(frame: bytes) -> Mapping[str, Any]:
        found.append(frame)
        return json_access.read_object(frame)

    monkeypatch.setattr(session_updates, "read_object", read_object)
    return found


def test_however_much_waits_a_confirmation_is_compared_with_a_part_of_it(read: list[bytes]) -> None:
    updates = sent(**{f"u{number}": {"n": number, "large": LARGE} for number in range(20)})
    updates.confirmed({"n": 19, "large": LARGE})
    assert len(read) <= 5  # four, and the oldest, which counts as confirmed
    assert confirmed(updates) == {"n": 0, "large": LARGE}


def test_an_update_that_is_confirmed_is_parsed_once(read: list[bytes]) -> None:
    updates = sent(one={"a": 1}, two={"a": 2})
    updates.confirmed({"a": 1})
    assert len(read) == 1
    updates.confirmed({"a": 2})
    assert len(read) == 2
    assert updates.effective == {"a": 2}
