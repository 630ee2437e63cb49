"""One value for each field of a schema, however deep: what a client could send to set just that field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.schema.requests import ITEM_SCHEMAS, RESPONSE_SCHEMAS, SESSION_SCHEMAS
from bridge.protocol.schema.types import AnyOf, Array, Nullable, Object, OneOf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.protocol.schema.types import Schema

#: The events that set fields, the object that holds them, and its schemas.
HOLDERS: tuple[tuple[str, str, tuple[Schema, ...]], ...] = (
    ("session.update", "session", tuple(SESSION_SCHEMAS.values())),
    ("transcription_session.update", "session", tuple(SESSION_SCHEMAS.values())),
    ("response.create", "response", tuple(RESPONSE_SCHEMAS.values())),
    ("conversation.item.create", "item", tuple(ITEM_SCHEMAS.values())),
)


def field_samples(schema: Schema) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path of each field, and a value that sets it and little else. Arrays are no step of a path."""
    match schema:
        case Nullable(inner):
            yield from field_samples(inner)
        case AnyOf(alternatives):
            for alternative in alternatives:
                yield from field_samples(alternative)
        case Array(items):
            yield from ((path, [value]) for path, value in field_samples(items))
        case OneOf(variants, tag):
            for name, variant in variants.items():
                yield from (
                    ((f"{tag}={name}", *path), {**_object(value), tag: name}) for path, value in field_samples(variant)
                )
        case Object(fields):
            for name, inner in fields.items():
                yield from (((name, *path), {name: value}) for path, value in field_samples(inner))
        case _:
            yield (), "x"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def events_by_path() -> dict[str, dict[str, Any]]:
    """Return an event for each path of the schemas, such as `session.update session.audio.output.voice`."""
    return {
        f"{kind} {'.'.join((holder, *path))}": {"type": kind, holder: value}
        for kind, holder, schemas in HOLDERS
        for schema in schemas
        for path, value in field_samples(schema)
    }
