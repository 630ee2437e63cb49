"""What a response says: a sentence about what the client sent, or a function call if the tools ask for one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.state import SessionState

_CLOSING = "This is the simulator speaking; no model was asked."


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
) -> TextReply | FunctionCall:
    """Choose the reply to the items that a response reads.

    `settings` are those of the session, overridden by those of the response. `context` is the conversation, or the
    response's own input.
    """
    latest = context[-1] if context else None
    if latest is None or latest.type != "function_call_output":
        tool = _tool_to_call(state, settings, _user_text(context))
        if tool is not None:
            return FunctionCall(str(tool["name"]), json.dumps(_sample(tool.get("parameters") or {})))
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
    if latest.is_silence:
        return f"Are you still there? {_CLOSING}"
    if latest.audio_ms and latest.role == "user":
        return f"I heard {latest.audio_ms / 1000:.1f} seconds of speech. {_CLOSING}"
    if latest.text:
        return f"You said: {latest.text[:200]}. {_CLOSING}"
    return f"I am listening. {_CLOSING}"


def _tool_to_call(state: SessionState, settings: Mapping[str, Any], user_text: str) -> Mapping[str, Any] | None:
    """Choose the function to call; None for none.

    It is the one that `tool_choice` names, the first one if a call is required, or one whose name the user mentions.
    """
    tools: list[Mapping[str, Any]] = [tool for tool in settings.get("tools") or () if tool.get("type") == "function"]
    choice = settings.get("tool_choice", "auto")
    if not tools or choice == "none":
        return None
    if isinstance(choice, Mapping):
        return next((tool for tool in tools if tool.get("name") == choice.get("name")), None)
    if choice == "required" or state.behaviour.reply == "function":
        return tools[0]
    return next((tool for tool in tools if _mentions(user_text, str(tool.get("name")))), None)


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
