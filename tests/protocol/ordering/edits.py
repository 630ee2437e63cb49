"""Ways to edit a sequence of server events: find, drop, repeat, move. None changes the sequence that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from bridge.protocol.dialects.detection import BETA_TO_GA
from bridge.protocol.events.fields import SERVER_EVENTS

Events: TypeAlias = list[dict[str, Any]]
Mutation: TypeAlias = Callable[[Events], list[Events]]

GA = {old: new[0] for old, new in BETA_TO_GA.items() if old.startswith("response.")}
OTHER_DIALECT = {**GA, **{new: old for old, new in GA.items()}, "session.output_audio.delta": "response.audio.delta"}

TEXTS = ("response.output_text", "response.output_audio_transcript", "response.function_call_arguments")
STREAMS = ("response.output_text", "response.output_audio_transcript", "response.output_audio")
FINAL = ("text", "transcript", "arguments")
ADDED = ("conversation.item.added", "conversation.item.created")
NOBODY = "item_nobody"
OUT_ADDED = ("response.output_item.added",)
LAST = ("response.content_part.done", "response.function_call_arguments.done")
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def name_of(event: dict[str, Any]) -> str:
    kind: str = event["type"]
    return GA.get(kind, kind)


def where(events: Events, *names: str) -> Iterator[int]:
    """Positions of events of these (GA) names."""
    return (index for index, event in enumerate(events) if name_of(event) in names)


def item_of(event: dict[str, Any]) -> str | None:
    """The item that an event is about."""
    named: str | None = event.get("item_id") or event.get("item", {}).get("id")
    return named


def following(events: Events, start: int, name: str, item_id: str | None = None) -> int | None:
    for index in range(start + 1, len(events)):
        if name_of(events[index]) == name and item_id in {None, item_of(events[index])}:
            return index
    return None


def without(events: Events, index: int) -> Events:
    return events[:index] + events[index + 1 :]


def inserted(events: Events, index: int, event: dict[str, Any]) -> Events:
    """Insert an event before `index`, under an id of its own."""
    return [*events[:index], {**event, "event_id": "event_inserted"}, *events[index:]]


def moved(events: Events, source: int, target: int) -> Events:
    """Move an event so that it comes right before the one at `target`."""
    rest = without(events, source)
    at = target if target < source else target - 1
    return [*rest[:at], events[source], *rest[at:]]


def edited(events: Events, index: int, **fields: Any) -> Events:
    return [*events[:index], {**events[index], **fields}, *events[index + 1 :]]


def dropping(*names: str) -> Mutation:
    return lambda events: [without(events, index) for index in where(events, *names)]


def repeating(*names: str) -> Mutation:
    return lambda events: [inserted(events, index + 1, events[index]) for index in where(events, *names)]


def changing(field: str, value: str, *names: str) -> Mutation:
    return lambda events: [
        edited(events, index, **{field: value}) for index in where(events, *names) if events[index].get(field)
    ]


def at_rest(mutation: Mutation) -> Mutation:
    """What is left open only matters in a session that was not ended by an error or a close."""
    return lambda events: [] if ended(events) else mutation(events)


def opened(events: Events) -> bool:
    return bool(events) and "session" in events[0]


def ended(events: Events) -> bool:
    """Whether nothing may follow any more."""
    last = events[-1]
    fatal = len(events) == 1 or last.get("error", {}).get("code") == "session_expired"
    return last["type"] == "session.closed" or (last["type"] == "error" and fatal)


def _statuses(events: Events) -> dict[str, str]:
    """How each response ended."""
    return {events[i]["response"]["id"]: events[i]["response"]["status"] for i in where(events, "response.done")}


def completed(events: Events, index: int) -> bool:
    """Whether the event belongs to a response that completed."""
    return _statuses(events).get(events[index].get("response_id", "")) == "completed"


def turn(events: Events, index: int) -> int | None:
    """Where the item of a speech event is committed."""
    return following(events, index, "input_audio_buffer.committed", item_of(events[index]))


def is_outside(event: dict[str, Any]) -> bool:
    return event["response"].get("conversation_id", "") is None


def streams_follow(events: Events, index: int) -> bool:
    names = [f"{name}.{step}" for name in STREAMS for step in ("delta", "done")]
    return any(following(events, index, name, item_of(events[index])) for name in names)


def streams_precede(events: Events, index: int) -> bool:
    part = item_of(events[index])
    return any(item_of(events[i]) == part for i in where(events[:index], *(f"{name}.done" for name in TEXTS)))


def required_in(event_type: str) -> frozenset[str]:
    """Fields that an event has in every dialect that knows it; `type` aside, without which it is no event at all."""
    known = [events[event_type].required for events in SERVER_EVENTS.values() if event_type in events]
    optional_in_beta = {"usage"}
    return frozenset.intersection(*known) - {"type"} - optional_in_beta if known else frozenset()
