"""The two protocols that a caller can speak with the bridge: how its steps are encoded, how what comes back is decoded.

Pure; one value per connection. Records are kept in the terms of the client protocol, whichever protocol was spoken.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bridge.client_protocol.client import (
    AudioReceived,
    MessageReceived,
    NativeEventReceived,
    ProtocolClient,
    ReportedState,
)
from bridge.client_protocol.endpoints import CLIENT_PATH, NATIVE_PATH
from bridge.client_protocol.messages import (
    AudioCommitMessage,
    AudioMessage,
    ToolResultMessage,
    decode_client_message,
)
from bridge.client_protocol.native_errors import bridge_code
from bridge.protocol.events.groups import AUDIO_DELTAS, SESSION_CREATED
from bridge.simulation.service import event_id
from bridge.upstream.dial.dial import parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.upstream.dial.url import ParsedUrl

Message = dict[str, Any]
"""A JSON object with a `type`."""

_BASE_URL = "ws://bridge.test"
#: Known in both dialects.
_TRANSCRIPTION_MODEL = "whisper-1"
_RESPONSE_CREATE: Message = {"type": "response.create"}
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class CallerProtocol(Protocol):
    """One of the two protocols, on one connection."""

    @property
    def state(self) -> ReportedState:
        """The state of the session, as far as the bridge reported it."""
        ...

    def endpoint(self, options: Mapping[str, Any]) -> ParsedUrl:
        """Give the URL to connect to for a session with these options."""
        ...

    def open_session(self, options: Mapping[str, Any]) -> list[bytes]:
        """Give the text frames that ask for the session."""
        ...

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Give the text frame of a message that a plan made up: it may be invalid on purpose."""
        ...

    def audio(self, pcm: bytes, *, as_json: bool) -> tuple[bytes, bool]:
        """Give the frame of a chunk of speech, and whether it is a text frame."""
        ...

    def commit(self, options: Mapping[str, Any]) -> list[bytes]:
        """Give the text frames that end the turn."""
        ...

    def tool_result(self, call_id: str, output: str) -> list[bytes]:
        """Give the text frames that answer a tool call."""
        ...

    def parse(self, frame: str | bytes) -> tuple[str, Message]:
        """Read a frame: the type and the fields of a bridge message, or of a native event."""
        ...


class JsonCallerProtocol:
    """The client protocol of `/api/openai/realtime`, spoken with the client of `bridge.client_protocol`."""

    def __init__(self) -> None:
        self._client = ProtocolClient()

    @property
    def state(self) -> ReportedState:
        """The state of the session, as far as the bridge reported it."""
        return self._client.state

    def endpoint(self, options: Mapping[str, Any]) -> ParsedUrl:  # noqa: ARG002 - `create_session` carries them
        """Give the URL of the client endpoint, the same for all options."""
        return parse_url(f"{_BASE_URL}{CLIENT_PATH}")

    def open_session(self, options: Mapping[str, Any]) -> list[bytes]:
        """Give a `create_session` with the options as its fields."""
        message = decode_client_message({"type": "create_session", **options})
        return [self._client.send(message).encode()]

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Give the text frame of a message that a plan made up."""
        return msgspec.json.encode(message)

    def audio(self, pcm: bytes, *, as_json: bool) -> tuple[bytes, bool]:
        """Give a chunk of speech as JSON, or as the binary frame that it is."""
        if not as_json:
            return self._client.send_audio(pcm), False
        return self._client.send(AudioMessage(audio=b64encode(pcm).decode())).encode(), True

    def commit(self, options: Mapping[str, Any]) -> list[bytes]:  # noqa: ARG002 - the bridge knows them
        """Give `audio_commit`: the bridge commits the turn and requests the response."""
        return [self._client.send(AudioCommitMessage()).encode()]

    def tool_result(self, call_id: str, output: str) -> list[bytes]:
        """Give `tool_result`: the bridge adds the output and requests the response."""
        return [self._client.send(ToolResultMessage(call_id=call_id, output=output)).encode()]

    def parse(self, frame: str | bytes) -> tuple[str, Message]:
        """Read a frame. The type is `(audio)` for binary audio and `(unreadable)` for what isn't a message."""
        received = self._client.receive(frame)
        match received:
            case AudioReceived():
                return "(audio)", {}
            case MessageReceived(kind, fields):
                return kind, dict(fields)
            case NativeEventReceived(kind, text):
                return _native_event(kind, text)
        return "(unreadable)", {}


class NativeCallerProtocol:
    """What an unmodified SDK speaks: connecting asks for the session, and `session.update` changes it."""

    def __init__(self, *, flat: bool) -> None:
        """`flat`: the service behind the bridge speaks the beta dialect, and so does this SDK."""
        self._flat = flat
        self.state = ReportedState.NONE
        """READY as soon as the session exists: the bridge doesn't report to an SDK that it was lost."""

    def endpoint(self, options: Mapping[str, Any]) -> ParsedUrl:
        """Give the native endpoint, with the model or the intent in its query."""
        query = "intent=transcription" if _transcribes(options) else "model=gpt-realtime-2.1"
        return parse_url(f"{_BASE_URL}{NATIVE_PATH}?{query}")

    def open_session(self, options: Mapping[str, Any]) -> list[bytes]:
        """Give a `session.update` where the options differ from the defaults. An SDK asks for transcripts itself."""
        audio_input: Message = {}
        if "turnDetection" in options:
            name = options["turnDetection"]
            audio_input["turn_detection"] = None if name == "none" else {"type": name}
        if _transcribes(options):
            name = "input_audio_transcription" if self._flat else "transcription"
            audio_input[name] = {"model": _TRANSCRIPTION_MODEL}
        changed: Message = {}
        if audio_input:
            changed = audio_input if self._flat else {"audio": {"input": audio_input}}
        if "tools" in options:
            changed["tools"] = options["tools"]
        return [self.encode(self._update(changed, options))] if changed else []

    def _update(self, session: Message, options: Mapping[str, Any]) -> Message:
        if self._flat:
            kind = "transcription_session.update" if _transcribes(options) else "session.update"
            return {"type": kind, "session": session}
        return {
            "type": "session.update",
            "session": {"type": "transcription" if _transcribes(options) else "realtime", **session},
        }

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """Give the text frame of an event."""
        return msgspec.json.encode(message)

    def audio(self, pcm: bytes, *, as_json: bool) -> tuple[bytes, bool]:  # noqa: ARG002 - always JSON
        """Give an `input_audio_buffer.append` with the speech in base64, which is always a text frame."""
        return self.encode({"type": "input_audio_buffer.append", "audio": b64encode(pcm).decode()}), True

    def commit(self, options: Mapping[str, Any]) -> list[bytes]:
        """Give the commit, and the request for a response where there is one."""
        request = [] if _transcribes(options) else [self.encode(_RESPONSE_CREATE)]
        return [self.encode({"type": "input_audio_buffer.commit"}), *request]

    def tool_result(self, call_id: str, output: str) -> list[bytes]:
        """Give the item with the result, and the request for a response."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        return [self.encode({"type": "conversation.item.create", "item": item}), self.encode(_RESPONSE_CREATE)]

    def parse(self, frame: str | bytes) -> tuple[str, Message]:
        """Read a frame; an error as its code, that of the client protocol if the bridge made it."""
        if isinstance(frame, bytes):
            return "(binary)", {}
        kind, body = _native_event("", frame)
        if kind in SESSION_CREATED:
            self.state = ReportedState.READY
        error = body.get("error")
        if kind != "error" or not isinstance(error, dict):
            return kind, body
        own = bridge_code(error)
        return kind, {"code": own.upper() if own else error.get("code"), "eventId": error.get("event_id")}


def _transcribes(options: Mapping[str, Any]) -> bool:
    return options.get("kind") == "transcription"


def _native_event(kind: str, frame: str) -> tuple[str, Message]:
    """Read a native event. The audio of answers isn't decoded; what the service cut short can't be."""
    found = event_id(frame.encode())
    if found and (kind in AUDIO_DELTAS or "audio.delta" in frame[:200]):
        return "response.output_audio.delta", {"event_id": found[0]}
    try:
        body = _decode(frame)
    except msgspec.DecodeError:
        return "(unreadable.event)", {"event_id": found[0]} if found else {}
    return str(body.get("type")), body
