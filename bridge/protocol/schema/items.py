"""The schemas of conversation items that a client creates, in both dialects.

A client sends items in `conversation.item.create` (path `item`) and in the `input` of a response, which may also refer
to an item of the conversation. Source: OpenAPI of 2026-08 for GA, of 2025-04 for beta.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.schema.types import (
    AnyValue,
    Array,
    Boolean,
    Choice,
    Const,
    Integer,
    Nullable,
    Object,
    OneOf,
    Schema,
    String,
    of_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMON: Mapping[str, Schema] = {
    "id": Nullable(String()),
    "object": Const("realtime.item"),
    "status": Choice(("completed", "incomplete", "in_progress")),
}

#: Of the assistant's messages. The service sends it (recorded 2026-07); that it takes it back is inferred.
_PHASE = Nullable(Choice(("commentary", "final_answer")))

_INPUT_TEXT = Object({"type": Const("input_text"), "text": String()}, required=("type", "text"))
_INPUT_AUDIO = Object(
    {"type": Const("input_audio"), "audio": String(), "transcript": Nullable(String())}, required=("type", "audio")
)
_INPUT_IMAGE = Object(
    {"type": Const("input_image"), "image_url": String(), "detail": Choice(("auto", "low", "high"))},
    required=("type", "image_url"),
)


def _spoken(name: str) -> Object:
    return Object({"type": Const(name), "audio": String(), "transcript": Nullable(String())}, required=("type",))


def _written(name: str) -> Object:
    return Object({"type": Const(name), "text": String()}, required=("type", "text"))


def _message(role: str, parts: Mapping[str, Schema]) -> Object:
    fields = {"type": Const("message"), "role": Const(role), "content": Array(OneOf(parts)), **_COMMON}
    phase = {"phase": _PHASE} if "output_text" in parts else {}
    return Object({**fields, **phase}, required=("type", "role", "content"))


#: Which content parts each role may have.
_GA_PARTS: Mapping[str, Mapping[str, Schema]] = {
    "user": {"input_text": _INPUT_TEXT, "input_audio": _INPUT_AUDIO, "input_image": _INPUT_IMAGE},
    "assistant": {"output_text": _written("output_text"), "output_audio": _spoken("output_audio")},
    "system": {"input_text": _INPUT_TEXT},
}
_BETA_PARTS: Mapping[str, Mapping[str, Schema]] = {
    "user": {"input_text": _INPUT_TEXT, "input_audio": _INPUT_AUDIO},
    "assistant": {"text": _written("text"), "audio": _spoken("audio")},
    "system": {"input_text": _INPUT_TEXT},
}

#: Longer ids, such as those of other models in a restored history, are refused (LiveKit and pydantic-ai shorten them).
_CALL_ID = String(32)
_FUNCTION_CALL = Object(
    {"type": Const("function_call"), "name": String(), "arguments": String(), "call_id": _CALL_ID, **_COMMON},
    required=("type", "name", "arguments"),
)
_FUNCTION_CALL_OUTPUT = Object(
    {"type": Const("function_call_output"), "call_id": _CALL_ID, "output": String(), **_COMMON},
    required=("type", "call_id", "output"),
)
_MCP_APPROVAL_RESPONSE = Object(
    {
        "type": Const("mcp_approval_response"),
        **_COMMON,
        "approval_request_id": String(),
        "approve": Boolean(),
        "reason": Nullable(String()),
    },
    required=("type", "approval_request_id", "approve"),
)
_MCP_CALL_FIELDS: Mapping[str, Schema] = {"server_label": String(), "name": String(), "arguments": String()}
_MCP_APPROVAL_REQUEST = Object(
    {"type": Const("mcp_approval_request"), **_MCP_CALL_FIELDS, **_COMMON},
    required=("type", *_MCP_CALL_FIELDS),
)
_MCP_ERROR = OneOf(
    {
        "protocol_error": of_type("protocol_error", ("code", "message"), code=Integer(), message=String()),
        "http_error": of_type("http_error", ("code", "message"), code=Integer(), message=String()),
        "tool_execution_error": of_type("tool_execution_error", ("message",), message=String()),
    }
)
_MCP_CALL = Object(
    {
        "type": Const("mcp_call"),
        **_MCP_CALL_FIELDS,
        "approval_request_id": Nullable(String()),
        "output": Nullable(String()),
        "error": Nullable(_MCP_ERROR),
        **_COMMON,
    },
    required=("type", *_MCP_CALL_FIELDS),
)
_LISTED_TOOL = Object(
    {
        "name": String(),
        "description": Nullable(String()),
        "input_schema": AnyValue("an object"),
        "annotations": Nullable(AnyValue("an object")),
    },
    required=("name", "input_schema"),
)
_MCP_LIST_TOOLS = Object(
    {"type": Const("mcp_list_tools"), "server_label": String(), "tools": Array(_LISTED_TOOL), **_COMMON},
    required=("type", "server_label", "tools"),
)
_ITEM_REFERENCE = Object({"type": Const("item_reference"), "id": String()}, required=("type", "id"))


def _items(parts: Mapping[str, Mapping[str, Schema]]) -> dict[str, Schema]:
    return {
        "message": OneOf({role: _message(role, of_role) for role, of_role in parts.items()}, tag="role"),
        "function_call": _FUNCTION_CALL,
        "function_call_output": _FUNCTION_CALL_OUTPUT,
    }


_GA_ITEMS: Mapping[str, Schema] = {
    **_items(_GA_PARTS),
    "mcp_approval_response": _MCP_APPROVAL_RESPONSE,
    "mcp_list_tools": _MCP_LIST_TOOLS,
    "mcp_call": _MCP_CALL,
    "mcp_approval_request": _MCP_APPROVAL_REQUEST,
}

#: The `item` of `conversation.item.create`. A translation session has no items.
ITEM_SCHEMAS: Mapping[Dialect, OneOf] = {Dialect.GA: OneOf(_GA_ITEMS), Dialect.BETA: OneOf(_items(_BETA_PARTS))}

#: A member of `response.input`: an item, or a reference to one.
INPUT_SCHEMAS: Mapping[Dialect, OneOf] = {
    dialect: OneOf({**schema.variants, "item_reference": _ITEM_REFERENCE}) for dialect, schema in ITEM_SCHEMAS.items()
}
