"""Native client events on their way through the bridge: parsed once, checked for locked fields, then forwarded.

Pure. What was checked is what is sent: every event is encoded again from what was parsed, so that a duplicate key can't
mean one thing here and another upstream. With a locked field, only what the API knows is forwarded: types that match
letter by letter, and known fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bridge.core.events import BadMessage, ClientAudio, ClientNative
from bridge.protocol.schema.known_fields import find_unknown_field, is_client_event
from bridge.protocol.schema.locks import find_locked_paths
from bridge.server.clients.json_bounds import MAX_TEXT_BYTES, exceeded_bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.events import Event

APPEND = "input_audio_buffer.append"

LockedFields = frozenset[str]
"""Names of `create_session` fields that only the server may set: some of `bridge.protocol.schema.locks`."""

#: Native events that hold settings, and the object that has them.
_HOLDERS: Mapping[str, str] = {
    "session.update": "session",
    "transcription_session.update": "session",
    "response.create": "response",
}
_MAX_TYPE_SHOWN = 60
_MAX_PATH_SHOWN = 120


class InvalidMessageError(Exception):
    """A client's message is invalid. The text says why, for the client."""


class _Typed(msgspec.Struct):
    type: str = ""
    audio: str = ""
    event_id: str | None = None


class _Named(msgspec.Struct):
    event_id: str | None = None


_objects = msgspec.json.Decoder(dict[str, Any])
_typed = msgspec.json.Decoder(_Typed)
_named = msgspec.json.Decoder(_Named)
#: The longest event id that the service accepts (its error says so).
_MAX_EVENT_ID = 512


def decode_object(frame: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises InvalidMessageError for anything else, past a bound, or with numbers out of range."""
    if (exceeded := exceeded_bound(frame)) is not None:
        raise InvalidMessageError(exceeded)
    try:
        return _objects.decode(frame)
    except msgspec.ValidationError as error:
        if "object" in str(error):
            raise InvalidMessageError("The message is not a JSON object.") from None
        raise InvalidMessageError("The message has a number that is out of range.") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidMessageError(f"The message is not JSON: {error}.") from None


def message_type(body: Mapping[str, Any]) -> str:
    """Return the type of a message. Raises InvalidMessageError if it has none."""
    kind = body.get("type")
    if not isinstance(kind, str) or not kind:
        raise InvalidMessageError("The message has no 'type', or it is not a string.")
    return kind


def parse_native_frame(frame: bytes, locked: LockedFields) -> Event:
    """Return the event of one text frame of the native endpoint, `BadMessage` for an invalid one. Never raises."""
    try:
        head = _decode_head(frame)
        if head.type == APPEND and head.audio:
            return audio_event(decode_audio(head.audio), head.event_id)
        body = decode_object(frame)
        return to_native_event(message_type(body), body, locked)
    except InvalidMessageError as invalid:
        return bad_message(frame, invalid)


def bad_message(frame: bytes, error: InvalidMessageError) -> BadMessage:
    """Return the event of an invalid message, with the message's `event_id` unless it is too long to look."""
    try:
        event_id = _named.decode(frame).event_id if len(frame) <= MAX_TEXT_BYTES else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        event_id = None
    detail = {} if event_id is None or len(event_id) > _MAX_EVENT_ID else {"eventId": event_id}
    return BadMessage("INVALID_MESSAGE", str(error), detail)


def _decode_head(frame: bytes) -> _Typed:
    """Decode type and audio only: appends are frequent, and a dictionary for each is slow."""
    try:
        return _typed.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Typed()


def to_native_event(kind: str, body: dict[str, Any], locked: LockedFields) -> Event:
    """Return the core event of a native event.

    Raises InvalidMessageError if it sets a locked field, or if its audio is invalid.
    """
    if kind == APPEND:
        audio = body.get("audio")
        if not isinstance(audio, str):
            raise InvalidMessageError(f"{APPEND}: 'audio' must be a base64 string.")
        event_id = body.get("event_id")
        return audio_event(decode_audio(audio), event_id if isinstance(event_id, str) else None)
    holder = _HOLDERS.get(kind)
    if holder is not None and not isinstance(body.get(holder), dict | None):
        raise InvalidMessageError(f"{kind}: {holder!r} must be an object.")
    if locked:
        _check_locks(kind, body, locked)
    return ClientNative(kind, _encode(body), body)


def _check_locks(kind: str, body: Mapping[str, Any], locked: LockedFields) -> None:
    """Raise InvalidMessageError if the event sets a locked field, or may do so in a way that nobody knows."""
    if not is_client_event(kind):
        raise InvalidMessageError(f"{kind[:_MAX_TYPE_SHOWN]!r} is not an event of the API.")
    blocked = sorted({path for _, path in find_locked_paths(body, locked)})
    if blocked:
        raise InvalidMessageError(f"{kind}: {_listed(blocked)} set by the server and cannot be changed.")
    unknown = find_unknown_field(body)
    if unknown is not None:
        raise InvalidMessageError(f"{kind}: {unknown[:_MAX_PATH_SHOWN]!r} is not a field of the API.")


def check_locked_options(options: Mapping[str, Any], locked: LockedFields) -> None:
    """Raise InvalidMessageError if the options of a `create_session` set a locked field."""
    blocked = sorted(locked & options.keys())
    if blocked:
        raise InvalidMessageError(
            f"create_session: {_listed(blocked)} set by the server. {'Omit it' if len(blocked) == 1 else 'Omit them'}."
        )


def decode_audio(text: str) -> bytes:
    """Decode base64 audio. Raises InvalidMessageError if it isn't valid base64."""
    try:
        return msgspec.convert(text, bytes)  # as strict as `binascii`, and four times as fast
    except msgspec.ValidationError:
        raise InvalidMessageError("The audio is not valid base64.") from None


def audio_problem(pcm: bytes) -> str | None:
    """Return what is wrong with an audio chunk: half a sample. None if it is fine."""
    return f"The audio has {len(pcm)} bytes, but PCM16 samples have 2 bytes each." if len(pcm) % 2 else None


def audio_event(pcm: bytes, event_id: str | None = None) -> ClientAudio:
    """Return the event of an audio chunk. Raises InvalidMessageError for half a sample or a long event id."""
    if problem := audio_problem(pcm):
        raise InvalidMessageError(problem)
    if event_id is not None and len(event_id) > _MAX_EVENT_ID:
        raise InvalidMessageError(f"{APPEND}: 'event_id' must have at most {_MAX_EVENT_ID} characters.")
    return ClientAudio(pcm, event_id)


def _encode(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (OverflowError, ValueError, RecursionError, UnicodeError) as error:
        raise InvalidMessageError(f"The event cannot be encoded: {error}.") from None


def _listed(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
