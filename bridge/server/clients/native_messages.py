"""Native client events as they pass through the bridge: read once, checked for what the server owns, then let through.

Pure. Reading is strict where an upstream and we might read differently (what JSON forbids), and what was checked is
what goes up: an event with fields to look at is written anew, so that a name that stands twice cannot mean two things.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.core.events import BadMessage, ClientAudio, ClientNative

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bridge.core.events import Event

APPEND = "input_audio_buffer.append"

LockedFields = frozenset[str]
"""Names of `create_session` fields that the server owns: model, voice, instructions, tools, turnDetection."""

LOCKABLE_FIELDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "model": (("model",),),
    "voice": (("voice",), ("audio", "output", "voice")),
    "instructions": (("instructions",), ("prompt",)),
    "tools": (("tools",),),
    "turnDetection": (("turn_detection",), ("audio", "input", "turn_detection")),
}
"""Where each lockable field stands in a native session or response object, in either dialect."""

#: Native events that can change what the server owns, and the object that does.
_CHANGING: Mapping[str, str] = {
    "session.update": "session",
    "transcription_session.update": "session",
    "response.create": "response",
}


class InvalidMessageError(Exception):
    """The message is not taken; the text says why, for the client."""


class _Typed(msgspec.Struct):
    type: str = ""
    audio: str = ""
    event_id: str | None = None


class _Named(msgspec.Struct):
    event_id: str | None = None


_objects = msgspec.json.Decoder(dict[str, Any])
_typed = msgspec.json.Decoder(_Typed)
_named = msgspec.json.Decoder(_Named)
#: The longest id of an event that the service takes (its error names the figure).
_MAX_EVENT_ID = 512


def decode_object(frame: str | bytes) -> dict[str, Any]:
    """Read a JSON object. Raises Refused for anything else: broken, too deep, numbers that no JSON has."""
    try:
        return _objects.decode(frame)
    except msgspec.ValidationError as error:
        if "object" in str(error):
            raise InvalidMessageError("A message is one JSON object; this is JSON of another kind.") from None
        raise InvalidMessageError("The message is not taken: it holds a number that no double can hold.") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidMessageError(f"The message is not JSON: {error}.") from None
    except RecursionError:
        raise InvalidMessageError("The message is not taken: its JSON is nested too deeply.") from None


def message_type(body: Mapping[str, Any]) -> str:
    """Give the type of a message. Raises Refused when it has none."""
    kind = body.get("type")
    if not isinstance(kind, str) or not kind:
        raise InvalidMessageError("The message has no 'type', or it is not a text.")
    return kind


def parse_native_frame(frame: str, locked: LockedFields) -> Event:
    """Read one text frame of the native door. Never raises; what is wrong is told by BadMessage."""
    try:
        head = _typed_head(frame)
        if head.type == APPEND and head.audio:
            return audio_event(decode_audio(head.audio), head.event_id)
        body = decode_object(frame)
        return to_native_event(message_type(body), frame, body, locked)
    except InvalidMessageError as refused:
        return bad_message(frame, refused)


def bad_message(frame: str | bytes, refused: InvalidMessageError) -> BadMessage:
    """Say why a message is not taken, and which one it was, where it can be read so far and has an id."""
    try:
        event_id = _named.decode(frame).event_id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        event_id = None
    detail = {} if event_id is None or len(event_id) > _MAX_EVENT_ID else {"eventId": event_id}
    return BadMessage("INVALID_MESSAGE", str(refused), detail)


def _typed_head(frame: str) -> _Typed:
    """Look at type and audio only: appends are many, and are not worth a dictionary each."""
    try:
        return _typed.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Typed()


def to_native_event(kind: str, frame: str, body: dict[str, Any], locked: LockedFields) -> Event:
    """Let a native event through. Raises Refused when it touches what the server owns, or is broken audio."""
    if kind == APPEND:
        audio = body.get("audio")
        if not isinstance(audio, str):
            raise InvalidMessageError(f"{APPEND}: 'audio' must be a text in base64.")
        event_id = body.get("event_id")
        return audio_event(decode_audio(audio), event_id if isinstance(event_id, str) else None)
    holder = _CHANGING.get(kind)
    if holder is None:
        return ClientNative(kind, frame.encode(), body)
    told = body.get(holder)
    if told is not None and not isinstance(told, dict):
        raise InvalidMessageError(f"{kind}: {holder!r} must be an object.")
    touched = sorted(name for name in locked if told and _touches(told, LOCKABLE_FIELDS[name]))
    if touched:
        raise InvalidMessageError(f"{kind}: {_listed(touched)} set by the server and cannot be changed.")
    return ClientNative(kind, _rewritten(body), body)


def check_locked_options(wish: Mapping[str, Any], locked: LockedFields) -> None:
    """Raise Refused when a `create_session` sets what the server owns."""
    touched = sorted(locked & wish.keys())
    if touched:
        raise InvalidMessageError(f"create_session: {_listed(touched)} set by the server: leave it out.")


def decode_audio(text: str) -> bytes:
    """Decode base64. Raises Refused for anything that is none."""
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        raise InvalidMessageError("The audio is not base64.") from None


def audio_event(pcm: bytes, event_id: str | None = None) -> ClientAudio:
    """Take a chunk of speech. Raises Refused when it ends within a sample, or has an id that no service takes."""
    if len(pcm) % 2:
        raise InvalidMessageError(f"The audio has {len(pcm)} bytes, and a sample has two: it must be PCM16.")
    if event_id is not None and len(event_id) > _MAX_EVENT_ID:
        raise InvalidMessageError(f"{APPEND}: 'event_id' may have {_MAX_EVENT_ID} characters.")
    return ClientAudio(pcm, event_id)


def _touches(told: Mapping[str, Any], paths: Iterable[tuple[str, ...]]) -> bool:
    return any(_has(told, path) for path in paths)


def _has(told: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(told, dict) or name not in told:
            return False
        told = told[name]
    return True


def _rewritten(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (OverflowError, ValueError, RecursionError, UnicodeError) as error:
        raise InvalidMessageError(f"The event cannot be passed on: {error}.") from None


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
