"""What the simulator answers: honest sentences about what arrived, or a function call where the tools ask for one."""

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
    """Answer in words."""

    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """Answer by calling a function."""

    name: str
    arguments: str
    """JSON, as the service sends it."""


def choose_reply(
    stage: SessionState, settings: Mapping[str, Any], context: Sequence[ConversationItem]
) -> TextReply | FunctionCall:
    """Decide on the answer to `context`, the items that the response reads: the conversation, or input of its own.

    `settings` is the session with the response's own settings over it.
    """
    latest = context[-1] if context else None
    if latest is None or latest.type != "function_call_output":
        tool = _tool_to_call(stage, settings, _asked(context))
        if tool is not None:
            return FunctionCall(str(tool["name"]), json.dumps(_sample(tool.get("parameters") or {})))
    return TextReply(stage.behaviour.reply_text or _sentence(latest))


def _asked(context: Sequence[ConversationItem]) -> str:
    """What the user last typed or said; empty when it is not known."""
    return next((item.text for item in reversed(context) if item.role == "user"), "")


def _sentence(latest: ConversationItem | None) -> str:
    """Say what was heard or read last."""
    if latest is None:
        return f"Hello. {_CLOSING}"
    if latest.type == "function_call_output":
        return f"The tool answered: {str(latest.fields.get('output', ''))[:200]}. {_CLOSING}"
    if latest.audio_ms and latest.role == "user":
        return f"I heard {latest.audio_ms / 1000:.1f} seconds of speech. {_CLOSING}"
    if latest.text:
        return f"You said: {latest.text[:200]}. {_CLOSING}"
    return f"I am listening. {_CLOSING}"


def _tool_to_call(stage: SessionState, settings: Mapping[str, Any], asked: str) -> Mapping[str, Any] | None:
    """Pick the function to call: the forced one, any when required, else one whose name the user's words mention."""
    tools: list[Mapping[str, Any]] = [tool for tool in settings.get("tools") or () if tool.get("type") == "function"]
    choice = settings.get("tool_choice", "auto")
    if not tools or choice == "none":
        return None
    if isinstance(choice, Mapping):
        return next((tool for tool in tools if tool.get("name") == choice.get("name")), None)
    if choice == "required" or stage.behaviour.reply == "function":
        return tools[0]
    return next((tool for tool in tools if _mentions(asked, str(tool.get("name")))), None)


def _mentions(text: str, name: str) -> bool:
    """Whether a word of at least four letters of the function's name stands in the text."""
    words = set(re.findall(r"[a-z]{4,}", text.lower()))
    return bool(words & set(re.findall(r"[a-z]{4,}", name.lower())))


_SAMPLES: Mapping[str, Any] = {"string": "example", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def _sample(schema: object) -> Any:
    """Make a value that fits a JSON schema closely enough for a call. Nobody has checked the schema."""
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
