"""Known fields: every field of the schemas is known at its place, and nothing else is anywhere."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bridge.protocol.schema.known_fields import find_unknown_field, is_client_event
from tests.protocol.schema.samples import events_by_path

EVENTS = events_by_path()


def test_every_field_of_the_schemas_is_known() -> None:
    assert {path: find_unknown_field(event) for path, event in EVENTS.items()} == dict.fromkeys(EVENTS)


def _objects(value: object) -> list[dict[str, Any]]:
    match value:
        case dict():
            return [value, *(found for inner in value.values() for found in _objects(inner))]
        case list():
            return [found for inner in value for found in _objects(inner)]
    return []


def _free(path: str) -> bool:
    """Whether the path ends where the API takes any object."""
    return path.endswith("tools.type=mcp")


def test_a_field_in_other_letters_is_unknown_at_every_place() -> None:
    checked = 0
    for path in EVENTS:
        for at in range(0 if _free(path) else len(_objects(EVENTS[path]))):
            event = copy.deepcopy(EVENTS[path])
            _objects(event)[at]["Voice"] = "x"
            assert str(find_unknown_field(event)).endswith("Voice"), path
            checked += 1
    assert checked > len(EVENTS)


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"type": "message", "role": "developer", "content": []}, "item.role"),
        ({"type": "Message", "role": "user", "content": []}, "item.type"),
        ({"role": "user", "content": []}, "item.type"),
        ({"type": ["message"], "role": "user"}, "item.type"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_text"}, {"type": "new"}]},
            "item.content[1].type",
        ),
    ],
)
def test_an_unknown_variant_is_named_by_its_tag(item: dict[str, Any], path: str) -> None:
    assert find_unknown_field({"type": "conversation.item.create", "item": item}) == path


def test_any_object_may_stand_where_the_api_takes_any() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"type": "object", "Voice": {"x": [{}]}}}
    session = {"tools": [tool], "prompt": {"id": "p", "variables": {"a": {"b": 1}}}}
    assert find_unknown_field({"type": "session.update", "session": session}) is None


def test_an_object_in_the_place_of_a_text_is_unknown() -> None:
    assert (
        find_unknown_field({"type": "session.update", "session": {"instructions": {"a": 1}}})
        == "session.instructions.a"
    )


@pytest.mark.parametrize("value", [None, [], 3, "x"])
def test_a_value_of_another_type_is_for_the_service_to_refuse(value: object) -> None:
    assert find_unknown_field({"type": "session.update", "session": value}) is None
    assert find_unknown_field({"type": "response.create", "response": {"tools": [value]}}) is None


def test_fields_of_the_event_itself_are_known_by_its_type() -> None:
    assert find_unknown_field({"type": "input_audio_buffer.clear", "event_id": "e"}) is None
    assert find_unknown_field({"type": "input_audio_buffer.clear", "session": {}}) == "session"
    assert find_unknown_field({"type": "input_audio_buffer.clear", "Type": "session.update"}) == "Type"


@pytest.mark.parametrize("kind", ["session.update ", "session.update\0", "Session.update", "session.created", ""])
def test_a_type_is_known_letter_by_letter(kind: str) -> None:
    assert not is_client_event(kind)
    assert is_client_event("session.update")
