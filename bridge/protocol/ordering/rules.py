"""The rules about the order of events, each with its sentence, and the bounded memory that the checker uses.

This module applies no rule: see `checker.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

V = TypeVar("V")

#: A broken rule's id, and a message.
RuleMessage: TypeAlias = tuple[str, str]

#: How many items, responses and transcriptions are remembered: in 60 minutes, a turn per second would make 3,600.
MAX_REMEMBERED = 4_096

#: How many event ids are remembered to detect a repeated frame, which is repeated at once or not at all.
MAX_REMEMBERED_EVENT_IDS = 512

ORDER_RULES: Mapping[str, str] = MappingProxyType(
    {
        # The session.
        "event-before-session-created": "Only an error may come before the event that opens the session.",
        "session-created-twice": "A session opens once.",
        "session-of-other-kind": "The session has the type that the WebSocket was opened for.",
        "session-not-created": "A session opens, or the server refuses it with an error.",
        "conversation-created-twice": "The conversation is announced once, if at all.",
        "conversation-created-late": "The conversation is announced before its first item or response.",
        "event-after-fatal-error": "After an error that ends the session, only the close comes.",
        "event-after-session-closed": "After session.closed, only the close comes.",
        "event-of-other-dialect": "A server uses one dialect.",
        "response-in-transcription": "A transcription session has no responses.",
        "missing-field": "An event has all its required fields.",
        "event-id-repeated": "Every event has an id of its own.",
        # What the user says.
        "speech-started-twice": "Speech does not start again before it has stopped.",
        "speech-stopped-without-start": "Speech that stops has started, under the same item id.",
        "speech-not-committed": "Speech that has stopped is committed before other speech starts.",
        "committed-before-speech-stopped": "Speech is committed after it has stopped.",
        "committed-other-item": "The committed item is the one that the speech events announced.",
        "committed-twice": "An item is committed once.",
        "committed-item-missing": "A committed item is added to the conversation, before the next commit.",
        "item-before-commit": "An item that speech events announced is added after its commit.",
        # Items.
        "item-added-twice": "An item is added to the conversation once.",
        "item-done-before-added": "An item is done after it was added.",
        "item-done-twice": "An item is done once.",
        "item-not-done": "Each added item is done in the end.",
        "item-before-output-item": "An item that the model writes is added after response.output_item.added names it.",
        "item-done-part-open": "An item is completed after all its content parts are done.",
        "item-unknown": "Only an item of the conversation is truncated, deleted or retrieved.",
        "truncated-item-not-assistant": "Only an item of the assistant can be truncated.",
        "previous-item-unknown": "previous_item_id names another item of the conversation.",
        "out-of-band-item-added": "Items of an out-of-band response stay out of the conversation.",
        "transcription-unknown-item": "Only an item that was announced, committed or added is transcribed.",
        "transcription-after-end": "A transcription ends once, with completed or failed, and no event follows.",
        "transcription-not-ended": "A transcription that has begun ends with completed or failed.",
        # Responses.
        "response-created-twice": "A response is created once.",
        "response-already-active": "The default conversation has one response at a time.",
        "event-before-response-created": "Events of a response come after its response.created.",
        "response-done-before-created": "A response is done after it was created.",
        "response-done-twice": "A response is done once.",
        "response-done-in-progress": "A response that is done has a final status.",
        "response-done-item-open": "A response completes after all its items are done.",
        "response-not-done": "Each created response is done in the end.",
        "event-after-response-done": "Events of a response come before its response.done.",
        "output-item-added-twice": "Each output index and each output item of a response is added once.",
        "event-before-output-item": "Events of an output item come after response.output_item.added.",
        "event-after-output-item-done": "Events of an output item come before its response.output_item.done.",
        "output-item-done-twice": "An output item is done once.",
        "output-item-done-part-open": "An output item completes after its parts and arguments are done.",
        "item-id-changed": "All events of an output item name the same item.",
        "call-id-changed": "All events of a function call name the same call.",
        "content-part-added-twice": "Each content part of an item is added once.",
        "content-part-done-twice": "A content part is done once.",
        "content-part-done-stream-open": "A content part is done after its text, transcript and audio are.",
        "content-before-part": "Text, transcript and audio come after the response.content_part.added of their part.",
        "content-after-done": "Text, transcript, audio and arguments end with their done event.",
        "content-of-other-kind": "A text part holds text; an audio part holds audio and its transcript.",
        "text-differs-from-deltas": "The final text, transcript or arguments equal the sum of the deltas.",
        "arguments-without-call": "Only a function call has arguments.",
    }
)
"""Rule id to one sentence that states the rule."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An event that breaks a rule."""

    rule: str
    index: int
    """Position of the event, from 0; the number of events if the rule concerns the end of the session."""
    event_type: str
    """Type of the event; "" if the rule concerns the end of the session."""
    message: str
    """What came and what was expected, with the ids."""


class BoundedDict(Generic[V]):
    """A mapping that evicts its oldest entries beyond `limit`, and remembers that it did.

    An hour of events must not fill the memory. After an eviction, an unknown key does not prove anything.
    """

    __slots__ = ("_entries", "_limit", "has_evicted")

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._entries: OrderedDict[str, V] = OrderedDict()
        self._limit = limit
        self.has_evicted = False

    def __setitem__(self, key: str, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)
            self.has_evicted = True

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def get(self, key: str) -> V | None:
        """Return an entry, None if there is none. Its age does not change."""
        return self._entries.get(key)

    def pop(self, key: str) -> V | None:
        """Remove and return an entry. This does not count as an eviction."""
        return self._entries.pop(key, None)

    def values(self) -> Iterator[V]:
        """Iterate over the values, oldest first."""
        return iter(self._entries.values())

    def items(self) -> Iterator[tuple[str, V]]:
        """Iterate over keys and values, oldest first."""
        return iter(self._entries.items())


def get_text(event: Mapping[str, object], name: str) -> str | None:
    """Return a field if it is a string, else None."""
    value = event.get(name)
    return value if isinstance(value, str) else None


def get_object(event: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return a field if it is an object, else an empty one."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def get_index(event: Mapping[str, object], name: str) -> int:
    """Return an index; 0 if it is missing, as in the live service's transcription deltas."""
    value = event.get(name)
    return value if isinstance(value, int) else 0
