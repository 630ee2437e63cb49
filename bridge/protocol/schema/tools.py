"""The schemas of tools and of `tool_choice`, in both dialects. MCP tools exist only in GA.

Source: Python SDK 3.57 and OpenAPI of 2026-08 (GA), OpenAPI of 2025-04 (beta). Connectors (`connector_id`) do not work
with models after 2026-09-01 (SDK); that is not checked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.protocol.schema.types import (
    AnyOf,
    AnyValue,
    Array,
    Boolean,
    Choice,
    Const,
    Nullable,
    Object,
    OneOf,
    Schema,
    String,
    of_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Tool descriptions longer than this are refused.
MAX_TOOL_DESCRIPTION = 1024

_FUNCTION_TOOL = of_type(
    "function",
    ("name",),
    name=String(),
    description=String(MAX_TOOL_DESCRIPTION),
    parameters=AnyValue("an object"),
)
_TOOL_FILTER = Object({"tool_names": Array(String()), "read_only": Boolean()})
_APPROVAL = AnyOf((Choice(("always", "never")), Object({"always": _TOOL_FILTER, "never": _TOOL_FILTER})))
_MCP_TOOL = Object(
    {
        "type": Const("mcp"),
        "server_label": String(),
        "server_url": String(),
        "connector_id": String(),
        "tunnel_id": String(),
        "authorization": String(),
        "server_description": String(),
        "headers": Nullable(AnyValue("an object")),
        "allowed_tools": Nullable(AnyOf((Array(String()), _TOOL_FILTER))),
        "allowed_callers": Nullable(Array(Choice(("direct", "programmatic")))),
        "require_approval": Nullable(_APPROVAL),
        "defer_loading": Boolean(),
    },
    required=("type", "server_label"),
    required_one_of=("server_url", "connector_id", "tunnel_id"),
)

_TOOL_CHOICE_WORD = Choice(("none", "auto", "required"))
_CHOSEN_FUNCTION = of_type("function", ("name",), name=String())
_CHOSEN_MCP = of_type("mcp", ("server_label",), server_label=String(), name=Nullable(String()))
GA_TOOLS: Mapping[str, Schema] = {
    "tools": Array(OneOf({"function": _FUNCTION_TOOL, "mcp": _MCP_TOOL})),
    "tool_choice": AnyOf((_TOOL_CHOICE_WORD, OneOf({"function": _CHOSEN_FUNCTION, "mcp": _CHOSEN_MCP}))),
}
BETA_TOOLS: Mapping[str, Schema] = {
    "tools": Array(OneOf({"function": _FUNCTION_TOOL})),
    "tool_choice": AnyOf((_TOOL_CHOICE_WORD, OneOf({"function": _CHOSEN_FUNCTION}))),
}
