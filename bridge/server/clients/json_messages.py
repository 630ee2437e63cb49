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
    Locked,
    Refused,
    audio_event,
    bad_message,
    decode_audio,
    locked_in_wish,
    native_event,
    read_object,
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import Event

__all__ = ["MESSAGES", "Field", "Shape", "client_event"]

#: An id of a ping is given back as it came; longer ones are no ids.
_MAX_PING_ID = 200
#: The largest integer that a JavaScript client holds exactly.
_LARGEST = 2**53
#: Longest playing time that is believed, in ms: a day.
_MAX_PLAYED_MS = 86_400_000


class Shape(Enum):
    """What a field may be; the text is how a message calls it."""

    TEXT = "a text"
    FILLED = "a text that is not empty"
    NAME = "a text or a number"
    MILLISECONDS = "a number of milliseconds, not negative"
    TOOLS = "a list of objects"
    ID = "a text or a number of at most 200 characters"


@dataclass(frozen=True, slots=True)
class Field:
    """What one field of a message must be."""

    shape: Shape = Shape.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()

    def fits(self, value: object) -> bool:
        """Whether a value may stand here."""
        return value in self.choices if self.choices and isinstance(value, str) else _FITS[self.shape](value)

    @property
    def wanted(self) -> str:
        """Say what must stand here."""
        return f"one of {', '.join(self.choices)}" if self.choices else self.shape.value


def _is_number(value: object) -> bool:
    """Whether it is a number that every JSON reader takes for the same one: no huge integers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


_FITS: Mapping[Shape, Callable[[object], bool]] = {
    Shape.TEXT: lambda value: isinstance(value, str),
    Shape.FILLED: lambda value: isinstance(value, str) and bool(value.strip()),
    Shape.NAME: lambda value: isinstance(value, str) or _is_number(value),
    Shape.MILLISECONDS: lambda value: _is_number(value) and 0 <= value <= _MAX_PLAYED_MS,  # type: ignore[operator]  # it is a number
    Shape.TOOLS: lambda value: isinstance(value, list) and all(isinstance(tool, dict) for tool in value),
    Shape.ID: lambda value: (isinstance(value, str) or _is_number(value)) and len(str(value)) <= _MAX_PING_ID,
}

_REQUIRED_TEXT = Field(Shape.FILLED, required=True)

#: Every message that a client may send, and its fields.
MESSAGES: Mapping[str, Mapping[str, Field]] = {
    "create_session": {
        "model": Field(Shape.FILLED),
        "voice": Field(Shape.FILLED),
        "instructions": Field(),
        "customerId": Field(Shape.NAME),
        "customerName": Field(),
        "kind": Field(choices=("conversation", "transcription")),
        "turnDetection": Field(choices=("server_vad", "semantic_vad", "none")),
        "tools": Field(Shape.TOOLS),
        "audioOut": Field(choices=("base64", "binary")),
    },
    "audio": {"audio": Field(Shape.TEXT, required=True)},
    "audio_commit": {},
    "text": {"text": _REQUIRED_TEXT},
    "interrupt": {"itemId": Field(Shape.FILLED), "playedMs": Field(Shape.MILLISECONDS)},
    "tool_result": {"callId": _REQUIRED_TEXT, "output": Field(Shape.TEXT, required=True)},
    "restart_session": {},
    "end_session": {},
    "ping": {"id": Field(Shape.ID)},
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


def client_event(frame: str, locked: Locked) -> Event:
    """Read one text frame of the client protocol. Never raises; what is wrong is told by BadMessage."""
    try:
        return _read(frame, locked)
    except Refused as refused:
        return bad_message(frame, refused)


def _read(frame: str, locked: Locked) -> Event:
    body = read_object(frame)
    kind = type_of(body)
    if "." in kind:
        return native_event(kind, frame, body, locked)
    fields = MESSAGES.get(kind)
    if fields is None:
        raise Refused(f"There is no message of type {kind[:60]!r}; there are: {', '.join(MESSAGES)}.")
    told = {name: value for name, value in body.items() if name in fields and value is not None}
    for name, field in fields.items():
        _check(kind, name, field, told)
    if kind == "create_session":
        locked_in_wish(told, locked)
    return _MAKE[kind](told)


def _check(kind: str, name: str, field: Field, told: Mapping[str, Any]) -> None:
    if name not in told:
        if field.required:
            raise Refused(f"{kind}: {name!r} is missing; it must be {field.wanted}.")
    elif not field.fits(told[name]):
        raise Refused(f"{kind}: {name!r} must be {field.wanted}.")


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
