"""The core's commands as messages of the client protocol: JSON with a timestamp, native events as they came.

Pure. How a client gets them (a WebSocket, the REST fallback) is not decided here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from bridge.client_protocol.fields import format_timestamp
from bridge.client_protocol.messages import PROTOCOL_VERSION
from bridge.core.commands import EndResponse, Forward, SendMessage, SendNative

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bridge.core.commands import ClientCommand


def connected_message(client_id: str) -> dict[str, Any]:
    """Return the first message of a bridge."""
    return {"type": "connected", "clientId": client_id, "protocol": PROTOCOL_VERSION}


def encode_message(message: Mapping[str, Any], now: datetime) -> bytes:
    """Return a message of the bridge as JSON, with its time; what it says to come in so many ms gets a time as well."""
    timed = {**message, "timestamp": format_timestamp(now)}
    if "expiresInMs" in message:
        timed["expiresAt"] = format_timestamp(now + timedelta(milliseconds=message["expiresInMs"]))
    return msgspec.json.encode(timed)


def render_message(command: ClientCommand, now: datetime) -> bytes | None:
    """Return the message that a command becomes; None for what these clients learn from other messages."""
    match command:
        case Forward(_, frame):
            return frame
        case SendMessage(message):
            return encode_message(message, now)
        case EndResponse() | SendNative():  # they learn from `reconnecting` and `session_closed`
            return None
        case _:
            assert_never(command)
