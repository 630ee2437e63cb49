"""The client protocol's messages: one table says what each may carry, one function turns a frame into a core event.

Pure. What does not fit gives a `BadMessage` that names the field and what it should have been; unknown extra fields are
let pass, null counts as absent. Native events (a dot in the type) are `native_messages.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from bridge.core.events import (
    ClientCommit,
    ClientText,
    ClientToolResult,
    CreateSession,
    EndSession,
    Interrupt,
    Ping,
    RestartSession,
)
from bridge.server.clients.native_messages import (
    InvalidMessageError,
    LockedFields,
    audio_event,
    bad_message,
    check_locked_options,
    decode_audio,
    decode_object,
    message_type,
    to_native_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import Event

__all__ = ["CLIENT_MESSAGES", "FieldType", "MessageField", "parse_client_frame"]

#: An id of a ping is given back as it came; longer ones are no ids.
_MAX_PING_ID = 200
#: The largest integer that a JavaScript client holds exactly.
_LARGEST = 2**53
#: Longest playing time that is believed, in ms: a day.
_MAX_PLAYED_MS = 86_400_000


class FieldType(Enum):
    """What a field may be; the text is how a message calls it."""

    TEXT = "a text"
    NON_EMPTY_TEXT = "a text that is not empty"
    TEXT_OR_NUMBER = "a text or a number"
    MILLISECONDS = "a number of milliseconds, not negative"
    TOOLS = "a list of objects"
    ID = "a text or a number of at most 200 characters"


@dataclass(frozen=True, slots=True)
class MessageField:
    """What one field of a message must be."""

    type: FieldType = FieldType.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()

    def fits(self, value: object) -> bool:
        """Whether a value may stand here."""
        return value in self.choices if self.choices and isinstance(value, str) else _FITS[self.type](value)

    @property
    def expected(self) -> str:
        """Say what must stand here."""
        return f"one of {', '.join(self.choices)}" if self.choices else self.type.value


def _is_number(value: object) -> bool:
    """Whether it is a number that every JSON reader takes for the same one: no huge integers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


_FITS: Mapping[FieldType, Callable[[object], bool]] = {
    FieldType.TEXT: lambda value: isinstance(value, str),
    FieldType.NON_EMPTY_TEXT: lambda value: isinstance(value, str) and bool(value.strip()),
    FieldType.TEXT_OR_NUMBER: lambda value: isinstance(value, str) or _is_number(value),
    FieldType.MILLISECONDS: lambda value: _is_number(value) and 0 <= value <= _MAX_PLAYED_MS,  # type: ignore[operator]  # it is a number
    FieldType.TOOLS: lambda value: isinstance(value, list) and all(isinstance(tool, dict) for tool in value),
    FieldType.ID: lambda value: (isinstance(value, str) or _is_number(value)) and len(str(value)) <= _MAX_PING_ID,
}

_REQUIRED_TEXT = MessageField(FieldType.NON_EMPTY_TEXT, required=True)

#: Every message that a client may send, and its fields.
CLIENT_MESSAGES: Mapping[str, Mapping[str, MessageField]] = {
    "create_session": {
        "model": MessageField(FieldType.NON_EMPTY_TEXT),
        "voice": MessageField(FieldType.NON_EMPTY_TEXT),
        "instructions": MessageField(),
        "customerId": MessageField(FieldType.TEXT_OR_NUMBER),
        "customerName": MessageField(),
        "kind": MessageField(choices=("conversation", "transcription")),
        "turnDetection": MessageField(choices=("server_vad", "semantic_vad", "none")),
        "tools": MessageField(FieldType.TOOLS),
        "audioOut": MessageField(choices=("base64", "binary")),
    },
    "audio": {"audio": MessageField(FieldType.TEXT, required=True)},
    "audio_commit": {},
    "text": {"text": _REQUIRED_TEXT},
    "interrupt": {"itemId": MessageField(FieldType.NON_EMPTY_TEXT), "playedMs": MessageField(FieldType.MILLISECONDS)},
    "tool_result": {"callId": _REQUIRED_TEXT, "output": MessageField(FieldType.TEXT, required=True)},
    "restart_session": {},
    "end_session": {},
    "ping": {"id": MessageField(FieldType.ID)},
}

#: What a message becomes, once its fields are known to be good.
_MAKE: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "create_session": CreateSession,
    "audio": lambda fields: audio_event(decode_audio(fields["audio"])),
    "audio_commit": lambda _: ClientCommit(),
    "text": lambda fields: ClientText(fields["text"]),
    "interrupt": lambda fields: Interrupt(fields.get("itemId"), _whole(fields.get("playedMs"))),
    "tool_result": lambda fields: ClientToolResult(fields["callId"], fields["output"]),
    "restart_session": lambda _: RestartSession(),
    "end_session": lambda _: EndSession(),
    "ping": lambda fields: Ping(fields.get("id")),
}


def parse_client_frame(frame: str, locked: LockedFields) -> Event:
    """Read one text frame of the client protocol. Never raises; what is wrong is told by BadMessage."""
    try:
        return _read(frame, locked)
    except InvalidMessageError as refused:
        return bad_message(frame, refused)


def _read(frame: str, locked: LockedFields) -> Event:
    body = decode_object(frame)
    kind = message_type(body)
    if "." in kind:
        return to_native_event(kind, frame, body, locked)
    fields = CLIENT_MESSAGES.get(kind)
    if fields is None:
        raise InvalidMessageError(
            f"There is no message of type {kind[:60]!r}; there are: {', '.join(CLIENT_MESSAGES)}."
        )
    told = {name: value for name, value in body.items() if name in fields and value is not None}
    for name, field in fields.items():
        _check(kind, name, field, told)
    if kind == "create_session":
        check_locked_options(told, locked)
    return _MAKE[kind](told)


def _check(kind: str, name: str, field: MessageField, told: Mapping[str, Any]) -> None:
    if name not in told:
        if field.required:
            raise InvalidMessageError(f"{kind}: {name!r} is missing; it must be {field.expected}.")
    elif not field.fits(told[name]):
        raise InvalidMessageError(f"{kind}: {name!r} must be {field.expected}.")


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
