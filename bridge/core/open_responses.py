"""What is open towards the client: the responses that it saw begin and has not seen end.

When a session is lost, no `response.done` comes any more, and a client that waits for it waits for ever. The core then
says which responses are open, with everything that the client has seen of them; the native endpoint ends them in the
service's own events (`bridge/server/clients/lost_response.py`).

The frames of an open response are kept as they were forwarded, without reading them: a live session costs no parse more
than before. Only a loss reads them. Audio is not kept, since no closing event repeats it. The frames are bounded: past
`MAX_KEPT_BYTES` a text is remembered up to there, and past twice that only the response itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.core.json_access import as_object, as_text, read_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: A spoken answer of a minute has some 60 KiB of transcript deltas.
MAX_KEPT_BYTES = 256 * 1024


@dataclass(slots=True)
class OpenPart:
    """One content part of an item, as the client has seen it."""

    kind: str
    """The type of the part: `text` or `audio`, as its `response.content_part.added` says."""
    text: str = ""
    """The text or the transcript so far."""
    text_done: bool = False
    audio_done: bool = False
    done: bool = False


@dataclass(slots=True)
class OpenItem:
    """One output item of a response, as the client has seen it."""

    item: Mapping[str, Any]
    """The item as `response.output_item.added` or `response.output_item.done` has it."""
    parts: dict[int, OpenPart] = field(default_factory=dict)
    """By `content_index`."""
    arguments: str = ""
    arguments_done: bool = False
    in_conversation: bool = False
    """Whether the client was told that the item is in the conversation."""
    previous_item_id: str | None = None
    conversation_done: bool = False
    """Whether `conversation.item.done` was forwarded."""
    done: bool = False


@dataclass(slots=True)
class OpenResponse:
    """A response that the client has seen begin and not end."""

    response: Mapping[str, Any]
    """The response as `response.created` has it."""
    items: dict[int, OpenItem] = field(default_factory=dict)
    """By `output_index`."""

    def whole_calls(self) -> list[Mapping[str, Any]]:
        """Return the function calls whose arguments are complete: the client may be running them.

        Those of a response that is out of band are not in the conversation.
        """
        if self.response.get("conversation_id", "") is None:
            return []
        calls = [one for one in self.items.values() if one.item.get("type") == "function_call" and one.arguments_done]
        return [{**one.item, "arguments": one.arguments, "status": "completed"} for one in calls]

    def half_spoken(self) -> list[Mapping[str, Any]]:
        """Return the messages that break off, with what the client has of their text, as the conversation has them."""
        if self.response.get("conversation_id", "") is None:
            return []
        open_items = [one for one in self.items.values() if one.item.get("type") == "message" and not one.done]
        spoken = [(one, [part.text for _, part in sorted(one.parts.items()) if part.text]) for one in open_items]
        return [
            {**one.item, "content": [{"type": "output_text", "text": text} for text in texts]}
            for one, texts in spoken
            if texts
        ]


class OpenResponses:
    """The open responses of one upstream session."""

    __slots__ = ("_frames", "_responses", "_size")

    def __init__(self) -> None:
        self._responses: dict[str, Mapping[str, Any]] = {}
        """By id, as `response.created` has them."""
        self._frames: list[tuple[str, bytes]] = []
        self._size = 0

    def __bool__(self) -> bool:
        """Whether any response is open."""
        return bool(self._responses)

    def created(self, response: Mapping[str, Any]) -> None:
        """Record that the client saw a response begin."""
        self._responses[str(response.get("id"))] = response

    def done(self, response_id: str) -> None:
        """Record that the client saw a response end."""
        self._responses.pop(response_id, None)
        if not self._responses:
            self._forget_frames()

    def record(self, event_type: str, frame: bytes) -> None:
        """Keep an event of `KEPT_EVENTS` that was forwarded, while a response is open."""
        if not self._responses or self._size > 2 * MAX_KEPT_BYTES:
            return
        if self._size + len(frame) > MAX_KEPT_BYTES and event_type.endswith(".delta"):
            return
        self._frames.append((event_type, frame))
        self._size += len(frame)

    def take(self) -> list[OpenResponse]:
        """Return the open responses, and forget them: they end now."""
        known = {name: OpenResponse(response) for name, response in self._responses.items()}
        if self._size <= 2 * MAX_KEPT_BYTES:
            for event_type, frame in self._frames:
                _READERS[event_type](known, read_object(frame))
        self._responses = {}
        self._forget_frames()
        return list(known.values())

    def _forget_frames(self) -> None:
        self._frames, self._size = [], 0


_Known = dict[str, OpenResponse]


def _index(event: Mapping[str, Any], name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0


def _item(known: _Known, event: Mapping[str, Any]) -> OpenItem | None:
    response = known.get(str(event.get("response_id")))
    return None if response is None else response.items.get(_index(event, "output_index"))


def _part(known: _Known, event: Mapping[str, Any]) -> OpenPart | None:
    item = _item(known, event)
    return None if item is None else item.parts.get(_index(event, "content_index"))


def _item_added(known: _Known, event: Mapping[str, Any]) -> None:
    response = known.get(str(event.get("response_id")))
    if response is not None:
        response.items[_index(event, "output_index")] = OpenItem(as_object(event.get("item")))


def _item_done(known: _Known, event: Mapping[str, Any]) -> None:
    item = _item(known, event)
    if item is not None:
        item.item, item.done = as_object(event.get("item")), True


def _part_added(known: _Known, event: Mapping[str, Any]) -> None:
    item = _item(known, event)
    if item is not None:
        kind = as_text(as_object(event.get("part")).get("type")) or ""
        item.parts[_index(event, "content_index")] = OpenPart(kind.removeprefix("output_"))


def _part_done(known: _Known, event: Mapping[str, Any]) -> None:
    part = _part(known, event)
    if part is not None:
        part.done = True


def _text_delta(known: _Known, event: Mapping[str, Any]) -> None:
    part = _part(known, event)
    if part is not None:
        part.text += as_text(event.get("delta")) or ""


def _text_done(known: _Known, event: Mapping[str, Any]) -> None:
    part = _part(known, event)
    if part is not None:
        part.text = as_text(event.get("text")) or as_text(event.get("transcript")) or part.text
        part.text_done = True


def _audio_done(known: _Known, event: Mapping[str, Any]) -> None:
    part = _part(known, event)
    if part is not None:
        part.audio_done = True


def _arguments_delta(known: _Known, event: Mapping[str, Any]) -> None:
    item = _item(known, event)
    if item is not None:
        item.arguments += as_text(event.get("delta")) or ""


def _arguments_done(known: _Known, event: Mapping[str, Any]) -> None:
    item = _item(known, event)
    if item is not None:
        item.arguments = as_text(event.get("arguments")) or item.arguments
        item.arguments_done = True


def _conversation_items(known: _Known, event: Mapping[str, Any]) -> list[OpenItem]:
    item_id = as_object(event.get("item")).get("id")
    return [one for response in known.values() for one in response.items.values() if one.item.get("id") == item_id]


def _conversation_item_added(known: _Known, event: Mapping[str, Any]) -> None:
    for item in _conversation_items(known, event):
        item.in_conversation = True
        item.previous_item_id = as_text(event.get("previous_item_id"))


def _conversation_item_done(known: _Known, event: Mapping[str, Any]) -> None:
    for item in _conversation_items(known, event):
        item.conversation_done = True


#: What each event says about an open response, under its GA and its beta name.
_READERS: Mapping[str, Callable[[_Known, Mapping[str, Any]], None]] = {
    "response.output_item.added": _item_added,
    "response.output_item.done": _item_done,
    "response.content_part.added": _part_added,
    "response.content_part.done": _part_done,
    "response.output_text.delta": _text_delta,
    "response.text.delta": _text_delta,
    "response.output_audio_transcript.delta": _text_delta,
    "response.audio_transcript.delta": _text_delta,
    "response.output_text.done": _text_done,
    "response.text.done": _text_done,
    "response.output_audio_transcript.done": _text_done,
    "response.audio_transcript.done": _text_done,
    "response.output_audio.done": _audio_done,
    "response.audio.done": _audio_done,
    "response.function_call_arguments.delta": _arguments_delta,
    "response.function_call_arguments.done": _arguments_done,
    "conversation.item.added": _conversation_item_added,
    "conversation.item.done": _conversation_item_done,
}

#: The events whose frames `OpenResponses.record` keeps.
KEPT_EVENTS = frozenset(_READERS)
