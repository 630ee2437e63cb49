"""The fields of protocol messages: value types, and a checker that names each field that is missing or wrong.

A field's type, description and constraints are in the annotation of its message (`messages.py`). Validation, the
JSON Schema and the texts of error messages are all derived from that annotation.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The largest integer that a JavaScript client holds exactly.
_LARGEST_NUMBER: Final = 2**53
#: The longest playback position that is accepted: a day.
_MAX_PLAYED_MS: Final = 86_400_000
_MAX_ID_CHARACTERS: Final = 200
#: ISO 8601, UTC, milliseconds.
TIMESTAMP_PATTERN: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def _expected(text: str) -> dict[str, str]:
    """Attach the words in which an error message names a type."""
    return {"expected": text}


Number = (
    Annotated[int, Meta(ge=-_LARGEST_NUMBER, le=_LARGEST_NUMBER)]
    | Annotated[float, Meta(ge=-_LARGEST_NUMBER, le=_LARGEST_NUMBER)]
)
Text = Annotated[str, Meta(extra=_expected("a string"))]
NonEmptyText = Annotated[str, Meta(pattern=r"\S", extra=_expected("a non-empty string"))]
TextOrNumber = Annotated[str | Number, Meta(extra=_expected("a string or a number"))]
PingId = Annotated[
    Annotated[str, Meta(max_length=_MAX_ID_CHARACTERS)] | Number,
    Meta(extra=_expected(f"a string of at most {_MAX_ID_CHARACTERS} characters or a number")),
]
PlayedMs = Annotated[
    float,
    Meta(ge=0, le=_MAX_PLAYED_MS, extra=_expected(f"a number of milliseconds from 0 to {_MAX_PLAYED_MS}")),
]
Tools = Annotated[list[dict[str, Any]], Meta(extra=_expected("an array of objects"))]
Count = Annotated[int, Meta(ge=0, extra=_expected("a whole number, 0 or more"))]
Amount = Annotated[float, Meta(ge=0, extra=_expected("a number, 0 or more"))]
Texts = Annotated[list[str], Meta(extra=_expected("an array of strings"))]
Object = Annotated[dict[str, Any], Meta(extra=_expected("an object"))]
Flag = Annotated[bool, Meta(extra=_expected("true or false"))]
Timestamp = Annotated[
    str,
    Meta(pattern=TIMESTAMP_PATTERN, extra=_expected("an ISO 8601 time in UTC with milliseconds")),
]


def format_timestamp(when: datetime) -> str:
    """Write a time as every message of a bridge has it: ISO 8601, UTC, milliseconds."""
    return f"{when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def parse_timestamp(value: object) -> float | None:
    """Read a message's `timestamp` as Unix seconds; None where it isn't an ISO 8601 time."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageField:
    """One field of a message, as it is named on the wire."""

    name: str
    annotation: Any
    """The Python type that a value must convert to."""
    required: bool
    expected: str
    """What the value must be, for error messages: `one of base64, binary`."""
    description: str
    choices: tuple[str, ...] = ()
    """The values of a field that has a fixed set of them."""

    def fits(self, value: object) -> bool:
        """Whether a JSON value is valid here. An optional field takes null for absent."""
        try:
            msgspec.convert(value, self.annotation)
        except msgspec.ValidationError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A field that is missing or holds an invalid value."""

    field: MessageField
    missing: bool

    def __str__(self) -> str:
        """Say it in half a sentence: `'text' is missing (expected a string)`."""
        what = "is missing" if self.missing else "is invalid"
        return f"{self.field.name!r} {what} (expected {self.field.expected})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageType:
    """One message of the protocol: its type on the wire, its struct and its fields."""

    name: str
    struct: type[msgspec.Struct]
    description: str
    fields: Mapping[str, MessageField]

    def problems(self, body: Mapping[str, Any]) -> Iterator[FieldProblem]:
        """Name every field of a JSON object that is missing or invalid. Fields that are not known are ignored."""
        for name, field in self.fields.items():
            value = body.get(name)
            if value is None:
                if field.required:
                    yield FieldProblem(field, missing=True)
            elif not field.fits(value):
                yield FieldProblem(field, missing=False)

    @classmethod
    def from_struct(cls, struct: type[msgspec.Struct]) -> MessageType:
        """Read the description of a message out of its struct."""
        hints = get_type_hints(struct, include_extras=True)
        fields = [_field(info, hints[info.name]) for info in msgspec.structs.fields(struct)]
        return cls(
            name=str(struct.__struct_config__.tag),
            struct=struct,
            description=" ".join((struct.__doc__ or "").split()),
            fields={field.name: field for field in fields},
        )


def _field(info: msgspec.structs.FieldInfo, annotation: Any) -> MessageField:
    choices = tuple(map(str, _choices(annotation)))
    metas = list(_metas(annotation))
    expected = next((str(meta.extra["expected"]) for meta in metas if meta.extra), "")
    return MessageField(
        name=info.encode_name,
        annotation=annotation,
        required=info.required,
        expected=_one_of(choices) if choices else expected,
        description=next((meta.description for meta in metas if meta.description), ""),
        choices=choices,
    )


def _one_of(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"


def _metas(annotation: Any) -> Iterator[Meta]:
    """Give the metadata of a type, the outermost first."""
    if get_origin(annotation) is Annotated:
        yield from (meta for meta in reversed(annotation.__metadata__) if isinstance(meta, Meta))
        yield from _metas(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _metas(part)


def _choices(annotation: Any) -> Iterator[object]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (member.value for member in annotation)
    elif get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Annotated, Union, types.UnionType):
        for part in get_args(annotation):
            yield from _choices(part)
