"""The JSON Schema and the AsyncAPI document: valid, complete, and the copies in `docs/` are up to date."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from bridge.client_protocol.__main__ import DOCUMENTS
from bridge.client_protocol.messages import BRIDGE_MESSAGES, CLIENT_MESSAGES
from bridge.client_protocol.schema import asyncapi, json_schema

ROOT = Path(__file__).parents[2]
EVERY_MESSAGE = {**CLIENT_MESSAGES, **BRIDGE_MESSAGES}


def validator(direction: str) -> Draft202012Validator:
    schema = json_schema()
    return Draft202012Validator({"$ref": f"#/$defs/{direction}", "$defs": schema["$defs"]})


def test_the_json_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_asyncapi_document_is_valid() -> None:
    published = json.loads((ROOT / "tests/data/asyncapi-3.0.0.json").read_text())
    problems = [f"{error.json_path}: {error.message}" for error in Draft7Validator(published).iter_errors(asyncapi())]
    assert problems == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_copy_in_docs_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == DOCUMENTS[name](), "run: python -m bridge.client_protocol docs"


def test_the_command_writes_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bridge.client_protocol", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "bridge.client_protocol.__main__")  # it runs a second time, as `python -m` does
    runpy.run_module("bridge.client_protocol", run_name="__main__")
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {name: text() for name, text in DOCUMENTS.items()}


@pytest.mark.parametrize("name", EVERY_MESSAGE)
def test_every_message_has_its_own_schema_and_its_asyncapi_message(name: str) -> None:
    message, document = EVERY_MESSAGE[name], asyncapi()
    schema = json_schema()["$defs"][message.struct.__name__]
    assert set(schema["properties"]) == {"type", *message.fields}
    required = {"type", *(field.name for field in message.fields.values() if field.required)}
    assert set(schema["required"]) == required
    assert document["components"]["messages"][name]["summary"] == message.description


@pytest.mark.parametrize(
    ("direction", "message", "valid"),
    [
        ("ClientMessage", {"type": "ping"}, True),
        ("ClientMessage", {"type": "ping", "more": 1}, True),
        ("ClientMessage", {"type": "text"}, False),
        ("ClientMessage", {"type": "no_such_message"}, False),
        ("ClientMessage", {"type": "response.create"}, True),
        ("ClientMessage", {"type": "create_session", "voice": None}, True),
        ("ClientMessage", {"type": "create_session", "voice": " "}, False),
        ("BridgeMessage", {"type": "pong", "timestamp": "2026-11-21T01:02:03.045Z"}, True),
        ("BridgeMessage", {"type": "pong", "timestamp": "yesterday"}, False),
        ("BridgeMessage", {"type": "pong"}, False),
        ("BridgeMessage", {"type": "session.created"}, True),
    ],
)
def test_the_schema_agrees_with_the_tables(direction: str, message: dict[str, Any], *, valid: bool) -> None:
    assert validator(direction).is_valid(message) is valid
