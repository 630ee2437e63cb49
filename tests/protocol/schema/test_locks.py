"""Locked fields: every path of the schemas that has the effect of a locked field is found, and no other path is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bridge.protocol.schema.locks import LOCKABLE_FIELDS, find_locked_paths
from tests.protocol.schema.samples import events_by_path

EVENTS = events_by_path()
#: What gives a path the effect of a field, by the names in it. Told apart from the table: it knows names, not places.
EFFECTS = {
    "model": r"\bmodel\b",
    "voice": r"\bvoice\b",
    "instructions": r"\binstructions\b|\.prompt\b|response\.input\b|role=system|role=developer",
    "tools": r"\btools\b|\btool_choice\b|response\.input\b|type=mcp",
    "turnDetection": r"\bturn_detection\b",
}
#: Where any lock is enough.
ANY_LOCK = r"(session|response)\.(prompt|tracing|include)\b"


def effects(path: str) -> set[str]:
    return {name for name, words in EFFECTS.items() if re.search(words, path)}


@pytest.mark.parametrize("name", LOCKABLE_FIELDS)
def test_a_lock_covers_every_path_to_its_effect_and_no_other(name: str) -> None:
    covered = {path for path, event in EVENTS.items() if list(find_locked_paths(event, frozenset({name})))}
    assert covered == {path for path in EVENTS if name in effects(path) or re.search(ANY_LOCK, path)}


def test_the_schemas_have_a_path_to_every_effect() -> None:
    assert {name for path in EVENTS for name in effects(path)} == set(LOCKABLE_FIELDS)
    assert sum(re.search(ANY_LOCK, path) is not None for path in EVENTS) > 5


def test_without_locks_nothing_is_locked() -> None:
    assert [path for path, event in EVENTS.items() if list(find_locked_paths(event, frozenset()))] == []


@pytest.mark.parametrize("value", [None, "", [], {}, 0])
def test_a_field_is_set_whatever_its_value(value: Any) -> None:
    event = {"type": "session.update", "session": {"audio": {"output": {"voice": value}}}}
    assert list(find_locked_paths(event, frozenset({"voice", "model"}))) == [("voice", "session.audio.output.voice")]


@pytest.mark.parametrize(
    ("session", "found"),
    [
        ({"audio": None}, {"voice", "turnDetection", "model", "instructions"}),
        ({"audio": {"input": None}}, {"turnDetection", "model", "instructions"}),
        ({"audio": {"output": None}}, {"voice"}),
        ({"audio": {"input": {"transcription": None}}}, set()),
    ],
)
def test_null_in_place_of_what_holds_a_locked_field_sets_it(session: Any, found: set[str]) -> None:
    event = {"type": "session.update", "session": session}
    assert {name for name, _ in find_locked_paths(event, frozenset(LOCKABLE_FIELDS))} == found


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_message_of_the_system_is_an_instruction(role: str) -> None:
    event = {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": []}}
    assert [name for name, _ in find_locked_paths(event, frozenset({"instructions"}))] == ["instructions"]
    assert list(find_locked_paths(event, frozenset({"voice"}))) == []


@pytest.mark.parametrize("session", [None, [], "x", {"audio": []}, {"audio": {"output": []}}])
def test_values_of_other_types_set_nothing(session: Any) -> None:
    assert list(find_locked_paths({"type": "session.update", "session": session}, frozenset(LOCKABLE_FIELDS))) == []
