"""The client protocol as documents for other languages: a JSON Schema, and an AsyncAPI 3.0 description.

Both are derived from the message structs and the error table. `docs/` has a copy of each; write them again with
`python -m bridge.client_protocol docs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.client_protocol.endpoints import CLIENT_PATH
from bridge.client_protocol.errors import CLOSE_CODES, ERRORS
from bridge.client_protocol.messages import BRIDGE_MESSAGES, CLIENT_MESSAGES, PROTOCOL_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.client_protocol.fields import MessageType

_TITLE: Final = "Sherpa client protocol"
_DESCRIPTION: Final = (
    "What a voice client and a bridge to the OpenAI Realtime API say to each other. Text frames carry one JSON object"
    " with a string `type`; binary frames carry audio: PCM16, little endian, mono, 24 kHz. A `type` with a dot is an"
    " event of the Realtime API itself, passed through in either direction."
)
_AUDIO: Final = "binaryAudio"
_NATIVE: Final = "nativeEvent"
_NATIVE_SCHEMA: Final = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string", "pattern": r"\."}},
}


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12): `$defs/ClientMessage` and `$defs/BridgeMessage` are the two directions."""
    definitions = _definitions("#/$defs/{name}")
    directions = {"ClientMessage": CLIENT_MESSAGES, "BridgeMessage": BRIDGE_MESSAGES}
    for name, known in directions.items():
        names = [message.struct.__name__ for message in known.values()]
        definitions[name] = {"oneOf": [{"$ref": f"#/$defs/{one}"} for one in (*names, "NativeEvent")]}
    definitions["NativeEvent"] = {"description": "An event of the Realtime API.", **_NATIVE_SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{_TITLE} {PROTOCOL_VERSION}",
        "description": _DESCRIPTION,
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in directions],
        "$defs": definitions,
    }


def asyncapi() -> dict[str, Any]:
    """Give the AsyncAPI 3.0 document. The application is the bridge: it receives what clients send."""
    messages = {
        **{message.name: _message(message) for message in (*CLIENT_MESSAGES.values(), *BRIDGE_MESSAGES.values())},
        _AUDIO: {
            "summary": "A chunk of audio: PCM16, little endian, mono, 24 kHz, whole samples.",
            "contentType": "application/octet-stream",
            "payload": {"type": "string", "format": "binary"},
        },
        _NATIVE: {
            "summary": "An event of the Realtime API, passed through.",
            "contentType": "application/json",
            "payload": _NATIVE_SCHEMA,
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": _TITLE,
            "version": f"{PROTOCOL_VERSION}.0.0",
            "description": f"{_DESCRIPTION}\n\n{_error_table()}",
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8765", "protocol": "ws", "description": "sherpa-bridge serve"}},
        "channels": {
            "client": {
                "address": CLIENT_PATH,
                "description": "The client endpoint: one WebSocket, one session at a time.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "fromClient": _operation("receive", "What a client sends.", CLIENT_MESSAGES),
            "toClient": _operation("send", "What the bridge sends.", BRIDGE_MESSAGES),
        },
        "components": {"messages": messages, "schemas": _definitions("#/components/schemas/{name}")},
    }


def _definitions(ref_template: str) -> dict[str, Any]:
    structs = [message.struct for message in (*CLIENT_MESSAGES.values(), *BRIDGE_MESSAGES.values())]
    _, definitions = msgspec.json.schema_components(structs, ref_template=ref_template)
    return definitions


def _message(message: MessageType) -> dict[str, Any]:
    return {
        "name": message.name,
        "title": message.name,
        "summary": message.description,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{message.struct.__name__}"},
    }


def _operation(action: str, summary: str, known: Mapping[str, MessageType]) -> dict[str, Any]:
    names: Iterable[str] = (*known, _AUDIO, _NATIVE)
    return {
        "action": action,
        "channel": {"$ref": "#/channels/client"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/client/messages/{name}"} for name in names],
    }


def _error_table() -> str:
    """Write the error codes and close codes as Markdown."""
    retry = {True: "yes", False: "no", None: "depends"}
    rows = [f"| `{code}` | {info.title} | {retry[info.retryable]} | {info.fix} |" for code, info in ERRORS.items()]
    closes = [f"- {code}: {text}" for code, text in CLOSE_CODES.items()]
    head = ("## Errors", "", "| code | meaning | retry | what to do |", "|---|---|---|---|")
    return "\n".join((*head, *rows, "", "## Close codes", "", *closes))
