"""What a response says: a sentence about what the client sent, or a call of a function or an MCP tool if asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.simulator.session.mcp import listed_tools
from bridge.simulator.session.state import McpTool

if TYPE_CHECKING:
    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.state import SessionState

_CLOSING = "This is the simulator speaking; no model was asked."
#: After one of these, a response makes no further call.
_AFTER_CALL = frozenset({"function_call_output", "mcp_call", "mcp_approval_request", "mcp_approval_response"})


@dataclass(frozen=True, slots=True)
class TextReply:
    """Reply with text, written or spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """Reply with a function call."""

    name: str
    arguments: str
    """A JSON object, as text."""


def choose_reply(
    state: SessionState, settings: Mapping[str, Any], context: Sequence[ConversationItem]
) -> TextReply | FunctionCall | McpTool:
    """Choose the reply to the items that a response reads.

    `settings` are those of the session, overridden by those of the response. `context` is the conversation, or the
    response's own input.
    """
    context = [item for item in context if item.type != "mcp_list_tools"]
    latest = context[-1] if context else None
    if latest is None or latest.type not in _AFTER_CALL:
        tool = _tool_to_call(state, settings, _user_text(context))
        if isinstance(tool, McpTool):
            return tool
        if tool is not None:
            return FunctionCall(str(tool["name"]), json.dumps(_sample(tool.get("parameters") or {})))
    if latest is not None and latest.type.startswith("mcp_"):
        latest = next((item for item in reversed(context) if item.type == "mcp_call"), latest)
    return TextReply(state.behaviour.reply_text or _sentence(latest))


def _user_text(context: Sequence[ConversationItem]) -> str:
    """The user's last text or transcript; empty if there is none."""
    return next((item.text for item in reversed(context) if item.role == "user"), "")


def _sentence(latest: ConversationItem | None) -> str:
    """Return a sentence about the latest item."""
    if latest is None:
        return f"Hello. {_CLOSING}"
    if latest.type == "function_call_output":
        return f"The tool answered: {str(latest.fields.get('output', ''))[:200]}. {_CLOSING}"
    if latest.type.startswith("mcp_"):
        error = latest.fields.get("error") or {}
        said = error.get("message") or latest.fields.get("output") or "nothing yet"
        return f"The tool answered: {str(said)[:200]}. {_CLOSING}"
    if latest.is_silence:
        return f"Are you still there? {_CLOSING}"
    if latest.audio_ms and latest.role == "user":
        return f"I heard {latest.audio_ms / 1000:.1f} seconds of speech. {_CLOSING}"
    if latest.text:
        return f"You said: {latest.text[:200]}. {_CLOSING}"
    return f"I am listening. {_CLOSING}"


def _tool_to_call(
    state: SessionState, settings: Mapping[str, Any], user_text: str
) -> Mapping[str, Any] | McpTool | None:
    """Choose the function or the MCP tool to call; None for none.

    It is the one that `tool_choice` names, the first one if a call is required, or one whose name the user mentions.
    """
    offered = settings.get("tools") or ()
    functions: list[Mapping[str, Any]] = [tool for tool in offered if tool.get("type") == "function"]
    tools: list[Mapping[str, Any] | McpTool] = [*functions, *listed_tools(state, offered)]
    choice = settings.get("tool_choice", "auto")
    if not tools or choice == "none":
        return None
    if isinstance(choice, Mapping):
        return next((tool for tool in tools if _is_chosen(tool, choice)), None)
    if choice == "required" or state.behaviour.reply == "function":
        return tools[0]
    return next((tool for tool in tools if _mentions(user_text, _name_of(tool))), None)


def _name_of(tool: Mapping[str, Any] | McpTool) -> str:
    return tool.name if isinstance(tool, McpTool) else str(tool.get("name"))


def _is_chosen(tool: Mapping[str, Any] | McpTool, choice: Mapping[str, Any]) -> bool:
    """Whether a `tool_choice` names this tool. One for an MCP server may name any of its tools, or none."""
    if choice.get("type") == "mcp":
        named = choice.get("name")
        return isinstance(tool, McpTool) and tool.server_label == choice["server_label"] and named in (None, tool.name)
    return not isinstance(tool, McpTool) and tool.get("name") == choice.get("name")


def _mentions(text: str, name: str) -> bool:
    """Whether the text contains a word of the function's name that has at least four letters."""
    words = set(re.findall(r"[a-z]{4,}", text.lower()))
    return bool(words & set(re.findall(r"[a-z]{4,}", name.lower())))


_SAMPLES: Mapping[str, Any] = {"string": "example", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def _sample(schema: object) -> Any:
    """Return a value that roughly fits a JSON schema. The schema has not been validated."""
    if not isinstance(schema, Mapping):
        return "example"
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    kinds = schema.get("type", "object")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    if kind == "object":
        properties = schema.get("properties")
        return {name: _sample(inner) for name, inner in properties.items()} if isinstance(properties, Mapping) else {}
    if kind == "array":
        return [_sample(schema.get("items") or {"type": "string"})]
    return _SAMPLES.get(str(kind))
