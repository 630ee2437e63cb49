"""What the service accepts as a client event, before anything is done: its type, its fields, and the usual append."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.events.fields import CLIENT_EVENTS, OBSERVED_ACCEPTED_TYPES
from bridge.protocol.schema.validators import quote_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The longest `event_id`, in characters (recorded).
MAX_EVENT_ID: Final = 512


class UsualAppend(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An `input_audio_buffer.append` as nearly all clients send it. Its decoder decodes the base64, too."""

    type: Literal["input_audio_buffer.append"]
    audio: bytes
    event_id: str | None = None


_decode: Final = msgspec.json.Decoder(UsualAppend).decode
#: How an append begins if its type stands first. Only then is it worth a try.
_OPENING: Final = b'{"type":"input_audio_buffer.append"'


def decode_usual_append(event: str | bytes) -> UsualAppend | None:
    """Decode an append in UTF-8; None for every other event, and for an append that may be wrong in any way.

    It takes less than the service does, and nothing that the service refuses but what depends on the session.
    """
    if isinstance(event, str) or not event.startswith(_OPENING):
        return None
    try:
        append = _decode(event)
    except (msgspec.DecodeError, RecursionError):
        return None
    return append if append.event_id is None or len(append.event_id) <= MAX_EVENT_ID else None


def unknown_type_message(event_type: str, dialect: Dialect, handled: Iterable[str]) -> str:
    """Return the error message for an unknown type, which lists the accepted ones (recorded 2026-09-18)."""
    known = OBSERVED_ACCEPTED_TYPES if dialect is Dialect.GA else tuple(handled)
    return f"Invalid value: '{event_type[:100]}'. Supported values are: {quote_values(known)}."


def unknown_field(event: Mapping[str, Any], dialect: Dialect) -> str | None:
    """Return the first field that an event of this type does not have, cut to 200 characters; None if there is none.

    Two types that GA sessions accept are documented for translation sessions only.
    """
    event_type = event["type"]
    known = CLIENT_EVENTS[dialect].get(event_type) or CLIENT_EVENTS[Dialect.TRANSLATION][event_type]
    unknown = event.keys() - (known.required | known.optional)
    return next((name for name in event if name in unknown), "")[:200] if unknown else None
