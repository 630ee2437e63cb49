"""The two protocols that a caller may speak with the bridge: how its steps are said, how what comes back is read.

Pure. The callers' books are kept in the terms of the client protocol, whichever tongue was spoken.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bridge.simulation.service import event_id
from bridge.upstream.dial.dial import parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.upstream.dial.url import ParsedUrl

Message = dict[str, Any]

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_DROPPED = re.compile(r"(\d+) ms of audio")
_RESPONSE: Message = {"type": "response.create"}


class CallerProtocol(Protocol):
    """One of them."""

    def endpoint(self, wish: Mapping[str, Any]) -> ParsedUrl:
        """Where it is spoken."""
        ...

    def open_session(self, wish: Mapping[str, Any]) -> list[Message]:
        """Ask for a session."""
        ...

    def audio(self, pcm: bytes, *, as_json: bool) -> tuple[bytes, bool]:
        """Write a chunk of speech; whether it goes as text."""
        ...

    def commit(self, wish: Mapping[str, Any]) -> list[Message]:
        """Say that the speech has ended."""
        ...

    def tool_result(self, call_id: str, output: str) -> list[Message]:
        """Answer a tool call."""
        ...

    def parse(self, frame: str | bytes) -> tuple[str, Message]:
        """Read one frame: the type and the fields of a bridge message, or of a native event."""
        ...


class JsonCallerProtocol:
    """The client protocol."""

    def endpoint(self, wish: Mapping[str, Any]) -> ParsedUrl:  # noqa: ARG002 - the wish goes with create_session
        """Where voice clients connect."""
        return parse_url("ws://bridge.test/api/openai/realtime")

    def open_session(self, wish: Mapping[str, Any]) -> list[Message]:
        """Ask for a session."""
        return [{"type": "create_session", **wish}]

    def audio(self, pcm: bytes, *, as_json: bool) -> tuple[bytes, bool]:
        """Write a chunk of speech, as JSON or as it is."""
        if not as_json:
            return pcm, False
        return msgspec.json.encode({"type": "audio", "audio": b64encode(pcm).decode()}), True

    def commit(self, wish: Mapping[str, Any]) -> list[Message]:  # noqa: ARG002 - the bridge knows what is wished for
        """Say that the speech has ended."""
        return [{"type": "audio_commit"}]

    def tool_result(self, call_id: str, output: str) -> list[Message]:
        """Answer a tool call."""
        return [{"type": "tool_result", "callId": call_id, "output": output}]

    def parse(self, frame: str | bytes) -> tuple[str, Message]:
        """Read one frame."""
        return ("(speech)", {}) if isinstance(frame, bytes) else _read(frame)


class NativeCallerProtocol:
    """What an unmodified SDK speaks. Its session is wished for by connecting, and changed by `session.update`."""

    def __init__(self, *, flat: bool) -> None:
        """`flat`: the service behind the bridge speaks the beta dialect, and this SDK is as old."""
        self._flat = flat

    def endpoint(self, wish: Mapping[str, Any]) -> ParsedUrl:
        """Where SDKs connect."""
        query = "intent=transcription" if _transcribes(wish) else "model=gpt-realtime-2.1"
        return parse_url(f"ws://bridge.test/v1/realtime?{query}")

    def open_session(self, wish: Mapping[str, Any]) -> list[Message]:
        """Change the session into what is wished for, if that is something special."""
        changed: Message = {}
        if "turnDetection" in wish:
            name = wish["turnDetection"]
            detection = None if name == "none" else {"type": name}
            changed = {"turn_detection": detection}
            changed = changed if self._flat else {"audio": {"input": changed}}
        if "tools" in wish:
            changed["tools"] = wish["tools"]
        return [self._update(changed, wish)] if changed else []

    def _update(self, session: Message, wish: Mapping[str, Any]) -> Message:
        if self._flat:
            kind = "transcription_session.update" if _transcribes(wish) else "session.update"
            return {"type": kind, "session": session}
        return {
            "type": "session.update",
            "session": {"type": "transcription" if _transcribes(wish) else "realtime", **session},
        }

    def audio(self, pcm: bytes, *, as_json: bool) -> tuple[bytes, bool]:  # noqa: ARG002 - there is one way only
        """Write a chunk of speech."""
        return msgspec.json.encode({"type": "input_audio_buffer.append", "audio": b64encode(pcm).decode()}), True

    def commit(self, wish: Mapping[str, Any]) -> list[Message]:
        """Say that the speech has ended, and ask for the answer where there is one."""
        ask = [] if _transcribes(wish) else [_RESPONSE]
        return [{"type": "input_audio_buffer.commit"}, *ask]

    def tool_result(self, call_id: str, output: str) -> list[Message]:
        """Answer a tool call."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        return [{"type": "conversation.item.create", "item": item}, _RESPONSE]

    def parse(self, frame: str | bytes) -> tuple[str, Message]:
        """Read one frame; the bridge's own errors are given in the client protocol's words."""
        if isinstance(frame, bytes):
            return "(binary)", {}
        kind, body = _read(frame)
        error = body.get("error")
        if kind != "error" or not isinstance(error, dict) or error.get("type") != "bridge_error":
            return kind, body
        code = str(error.get("code"))
        if code == "audio_dropped":
            found = _DROPPED.match(str(error.get("message")))
            return code, {"ms": float(found[1]) if found else 0.0}
        if code == "session_not_restored":
            return code, {}
        return "error", {"code": code.upper(), "detail": error.get("detail"), "generation": 0}


def _transcribes(wish: Mapping[str, Any]) -> bool:
    return wish.get("kind") == "transcription"


def _read(frame: str) -> tuple[str, Message]:
    """Read text: the sound of answers is not looked into, and what the service cut short cannot be."""
    found = event_id(frame.encode())
    if "audio.delta" in frame[:200] and found:
        return "response.output_audio.delta", {"event_id": found[0]}
    try:
        body = _decode(frame)
    except msgspec.DecodeError:
        return "(unreadable.event)", {"event_id": found[0]} if found else {}
    return str(body.get("type")), body
