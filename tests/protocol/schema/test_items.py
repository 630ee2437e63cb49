from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.schema.items import INPUT_SCHEMAS, ITEM_SCHEMAS
from bridge.protocol.schema.validators import validate


def message(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


def text(kind: str) -> dict[str, Any]:
    return {"type": kind, "text": "hello"}


BOTH = [
    message("user", text("input_text"), {"type": "input_audio", "audio": "AAAA", "transcript": None}),
    message("system", text("input_text")),
    {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1", "status": "completed"},
    {"type": "function_call_output", "call_id": "call_1", "output": "{}", "id": "item_1", "object": "realtime.item"},
]


@pytest.mark.parametrize("dialect", [Dialect.GA, Dialect.BETA])
@pytest.mark.parametrize("item", BOTH)
def test_most_items_are_the_same_in_both_dialects(item: dict[str, Any], dialect: Dialect) -> None:
    assert validate(item, ITEM_SCHEMAS[dialect], "item") is None
    assert validate(item, INPUT_SCHEMAS[dialect], "item") is None


@pytest.mark.parametrize(
    ("dialect", "right", "wrong"),
    [(Dialect.GA, "output_text", "text"), (Dialect.BETA, "text", "output_text")],
)
def test_an_assistants_content_parts_have_other_names(dialect: Dialect, right: str, wrong: str) -> None:
    assert validate(message("assistant", text(right)), ITEM_SCHEMAS[dialect], "item") is None
    fault = validate(message("assistant", text(wrong)), ITEM_SCHEMAS[dialect], "item")
    assert fault is not None
    assert (fault.code, fault.param) == ("invalid_value", "item.content[0].type")


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "message"}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        (message("tool"), "invalid_value", "item.role"),
        (message("user", text("output_text")), "invalid_value", "item.content[0].type"),
        (message("user", {"type": "input_text"}), "missing_required_parameter", "item.content[0].text"),
        (message("system", {"type": "input_audio", "audio": ""}), "invalid_value", "item.content[0].type"),
        ({"type": "function_call_output", "call_id": "c"}, "missing_required_parameter", "item.output"),
        ({"type": "function_call_output", "call_id": "c", "output": {}}, "invalid_type", "item.output"),
        ({"type": "function_call_output", "call_id": "c", "output": "", "name": "f"}, "unknown_parameter", "item.name"),
        ({"type": "item_reference", "id": "item_1"}, "invalid_value", "item.type"),
    ],
)
def test_a_faulty_item_is_refused_by_code_and_path(item: dict[str, Any], code: str, param: str) -> None:
    fault = validate(item, ITEM_SCHEMAS[Dialect.GA], "item")
    assert fault is not None
    assert (fault.code, fault.param) == (code, param)


@pytest.mark.parametrize(
    "error",
    [
        {"type": "protocol_error", "code": -32601, "message": "no such method"},
        {"type": "http_error", "code": 503, "message": "unavailable"},
        {"type": "tool_execution_error", "message": "it failed"},
        None,
    ],
)
def test_a_call_of_an_mcp_tool_may_hold_each_kind_of_error(error: object) -> None:
    call = {"type": "mcp_call", "server_label": "s", "name": "f", "arguments": "{}", "error": error}
    assert validate(call, ITEM_SCHEMAS[Dialect.GA], "item") is None
    assert validate(call, ITEM_SCHEMAS[Dialect.BETA], "item") is not None


def test_an_mcp_error_without_its_code_is_refused() -> None:
    error = {"type": "http_error", "message": "unavailable"}
    call = {"type": "mcp_call", "server_label": "s", "name": "f", "arguments": "{}", "error": error}
    fault = validate(call, ITEM_SCHEMAS[Dialect.GA], "item")
    assert fault is not None
    assert (fault.code, fault.param) == ("missing_required_parameter", "item.error.code")


@pytest.mark.parametrize("kind", ["function_call", "function_call_output"])
def test_a_call_id_has_at_most_32_characters(kind: str) -> None:
    rest = {"name": "f", "arguments": "{}"} if kind == "function_call" else {"output": "{}"}
    assert validate({"type": kind, "call_id": "c" * 32, **rest}, ITEM_SCHEMAS[Dialect.GA], "item") is None
    fault = validate({"type": kind, "call_id": "c" * 33, **rest}, ITEM_SCHEMAS[Dialect.GA], "item")
    assert fault is not None
    assert (fault.code, fault.param) == ("string_above_max_length", "item.call_id")


def test_only_a_message_of_the_assistant_has_a_phase() -> None:
    said = {**message("assistant", text("output_text")), "phase": "final_answer"}
    asked = {**message("user", text("input_text")), "phase": "final_answer"}
    assert validate(said, ITEM_SCHEMAS[Dialect.GA], "item") is None
    fault = validate(asked, ITEM_SCHEMAS[Dialect.GA], "item")
    assert fault is not None
    assert fault.code == "unknown_parameter"


def test_a_picture_is_for_ga_only() -> None:
    item = message("user", {"type": "input_image", "image_url": "data:,", "detail": "low"})
    assert validate(item, ITEM_SCHEMAS[Dialect.GA], "item") is None
    assert validate(item, ITEM_SCHEMAS[Dialect.BETA], "item") is not None


def test_a_reference_stands_only_in_the_input_of_a_response() -> None:
    assert validate({"type": "item_reference", "id": "item_1"}, INPUT_SCHEMAS[Dialect.BETA], "input[0]") is None
