"""Every client and server event of each dialect, with its required and optional fields.

Use it to check whether an event is known and complete. `bridge.protocol.schema` validates the values inside, and
`bridge.protocol.ordering` the order of events. Additional fields are never an error: the live service sends some that
no specification lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.events import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

OBSERVED_ACCEPTED_TYPES: tuple[str, ...] = (
    "session.update",
    "session.close",
    "input_audio_buffer.append",
    "session.input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
)
"""The types that the live GA service lists in its error about an unknown type, in its order (recorded 2026-09)."""

#: The only server event without an `event_id` (OpenAPI).
_WITHOUT_EVENT_ID = "input_audio_buffer.dtmf_event_received"


@dataclass(frozen=True, slots=True)
class EventFields:
    """An event's name and its fields, including `type` and `event_id`."""

    name: str
    required: frozenset[str]
    optional: frozenset[str]


def _client(rows: tables.EventRows) -> Mapping[str, EventFields]:
    return MappingProxyType(
        {
            name: EventFields(name, frozenset(("type", *required.split())), frozenset(("event_id", *optional.split())))
            for name, required, optional in rows
        }
    )


def _server(rows: tables.EventRows) -> Mapping[str, EventFields]:
    common = {name: ("type",) if name == _WITHOUT_EVENT_ID else ("type", "event_id") for name, _, _ in rows}
    return MappingProxyType(
        {
            name: EventFields(name, frozenset((*common[name], *required.split())), frozenset(optional.split()))
            for name, required, optional in rows
        }
    )


CLIENT_EVENTS: Mapping[Dialect, Mapping[str, EventFields]] = MappingProxyType(
    {
        Dialect.BETA: _client(tables.BETA_CLIENT),
        Dialect.GA: _client(tables.GA_CLIENT),
        Dialect.TRANSLATION: _client(tables.TRANSLATION_CLIENT),
    }
)
SERVER_EVENTS: Mapping[Dialect, Mapping[str, EventFields]] = MappingProxyType(
    {
        Dialect.BETA: _server(tables.BETA_SERVER),
        Dialect.GA: _server(tables.GA_SERVER),
        Dialect.TRANSLATION: _server(tables.TRANSLATION_SERVER),
    }
)


def missing_fields(event: Mapping[str, object], dialect: Dialect, *, from_server: bool) -> frozenset[str]:
    """Return the required fields that an event does not have; empty for an unknown event.

    A field that is `null` counts as present. An event without a string `type` misses `type`.
    """
    event_type = event.get("type")
    if not isinstance(event_type, str):
        return frozenset({"type"})
    known = (SERVER_EVENTS if from_server else CLIENT_EVENTS)[dialect].get(event_type)
    return known.required - event.keys() if known else frozenset()
