"""The order inside a response: output items, their content parts, and their text, transcript, audio and arguments.

A running response is a tree: outputs by `output_index`, parts by `content_index`, one stream per kind of content. Each
node remembers whether it is done. An event for a node that does not exist, or that is done, breaks a rule. Texts are
added up and compared with the final text; audio is not, only its place is checked.
Beta events must come under their GA names: `checker.py` translates them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from bridge.protocol.ordering.items import ItemOrder, ItemState
from bridge.protocol.ordering.rules import BoundedDict, RuleMessage, get_index, get_object, get_text

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many running responses are remembered: one on the conversation, and some out-of-band ones.
MAX_ACTIVE_RESPONSES = 256

#: The status of a response or an item that ended normally. Only then must everything inside be done.
COMPLETED = "completed"
_ENDINGS = frozenset({COMPLETED, "cancelled", "failed", "incomplete"})

#: Which streams a part may have. GA servers call parts `text` and `audio` (recorded), or `output_text` as in items.
_STREAMS_OF_PART: Mapping[str, frozenset[str]] = {
    "text": frozenset({"output_text"}),
    "output_text": frozenset({"output_text"}),
    "audio": frozenset({"output_audio", "output_audio_transcript"}),
    "output_audio": frozenset({"output_audio", "output_audio_transcript"}),
}
#: The field with the final text of a stream: in its own done event, and in the part of response.content_part.done.
_FINAL_FIELD: Mapping[str, str] = {
    "output_text": "text",
    "output_audio_transcript": "transcript",
    "function_call_arguments": "arguments",
}


@dataclass(slots=True)
class _Stream:
    pieces: list[str] = field(default_factory=list)
    done: bool = False

    def differs(self, name: str, final: object, what: str) -> Iterator[RuleMessage]:
        """Compare the final text with the sum of the deltas."""
        total = "".join(self.pieces)
        if isinstance(final, str) and final != total:
            message = f"{name} of {what}: the deltas make {_shorten(total)}, the end says {_shorten(final)}"
            yield "text-differs-from-deltas", message


@dataclass(slots=True)
class _Part:
    kind: str | None
    done: bool = False
    streams: dict[str, _Stream] = field(default_factory=dict)


@dataclass(slots=True)
class _Output:
    item_id: str | None
    kind: str | None
    call_id: str | None
    done: bool = False
    parts: dict[int, _Part] = field(default_factory=dict)
    arguments: _Stream = field(default_factory=_Stream)

    def open_inside(self) -> str | None:
        """Return something in the item that is not done, for a message; None if everything is."""
        if self.kind == "function_call" and not self.arguments.done:
            return "its arguments are"
        return next((f"part {index} is" for index, part in self.parts.items() if not part.done), None)


@dataclass(slots=True)
class _Response:
    name: str
    out_of_band: bool
    outputs: dict[int, _Output] = field(default_factory=dict)


#: A check that also looks something up: it yields what is wrong, and returns what it found, or None.
_Lookup: TypeAlias = Generator[RuleMessage, None, "_Output | None"]


class ResponseOrder:
    """Checks the response events of one session. Texts are kept only while their response is running."""

    def __init__(self, items: ItemOrder) -> None:
        self._items = items
        self._active: BoundedDict[_Response] = BoundedDict(MAX_ACTIVE_RESPONSES)
        self._finished: BoundedDict[None] = BoundedDict()
        self._on_conversation: str | None = None

    def feed(self, event_type: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check an event of a response, under its GA name. Ignore other events."""
        if handler := _HANDLERS.get(event_type):
            yield from handler(self, event)
        elif stream := _STREAM_EVENTS.get(event_type):
            yield from self._check_stream(*stream, event)
        elif step := _ARGUMENT_EVENTS.get(event_type):
            yield from self._check_arguments(step, event)

    def has_responses(self) -> bool:
        """Whether there was any response."""
        return len(self._active) + len(self._finished) > 0

    def check_item_done(self, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check conversation.item.done against the content that its response has streamed so far."""
        item = get_object(event, "item")
        for response in self._active.values():
            for output in response.outputs.values():
                if output.item_id == item.get("id") and item.get("status") == COMPLETED and output.open_inside():
                    yield "item-done-part-open", f"{output.item_id} is completed while {output.open_inside()} not done"

    def finish(self) -> Iterator[RuleMessage]:
        """Report what is left open in a session at rest."""
        for name in self._active:
            yield "response-not-done", f"{name} was created and no response.done followed"

    def on_created(self, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check response.created. A `conversation_id` of null makes the response out-of-band."""
        response = get_object(event, "response")
        name = get_text(response, "id")
        if name is None:
            return
        if name in self._active or name in self._finished:
            yield "response-created-twice", f"{name} was created before"
        out_of_band = response.get("conversation_id", "") is None
        if not out_of_band:
            if self._on_conversation not in {None, name}:
                yield "response-already-active", f"{name} is created while {self._on_conversation} is not done"
            self._on_conversation = name
        self._finished.pop(name)
        self._active[name] = _Response(name, out_of_band)

    def on_done(self, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check response.done: the response was created and ends once, its status is final, no item is left open."""
        final = get_object(event, "response")
        name = get_text(final, "id")
        if name is None:
            return
        response = self._active.pop(name)
        if response is None:
            yield from self._check_unknown_done(name)
        status = final.get("status", COMPLETED)
        if status not in _ENDINGS:
            yield "response-done-in-progress", f"{name} is done with status {status!r}"
        for output in response.outputs.values() if response else ():
            yield from self._left_open(name, output, status)
        self._finished[name] = None
        if self._on_conversation == name:
            self._on_conversation = None

    def on_item_added(self, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check response.output_item.added: its response is active, and neither item nor index was added before."""
        response = yield from self._response(event)
        if response is None:
            return
        item = get_object(event, "item")
        item_id, index = get_text(item, "id"), get_index(event, "output_index")
        if index in response.outputs or any(item_id == known.item_id for known in response.outputs.values()):
            yield "output-item-added-twice", f"{item_id} at output {index} of {response.name} was added before"
            return
        response.outputs[index] = _Output(item_id, get_text(item, "type"), get_text(item, "call_id"))
        if item_id:
            self._items.announce(item_id, out_of_band=response.out_of_band)

    def on_item_done(self, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check response.output_item.done: the item was added, isn't done yet, and all inside a completed one is."""
        output = yield from self._output(event, ending=True)
        if output is None:
            return
        item = get_object(event, "item")
        if get_text(item, "id") != output.item_id:
            yield "item-id-changed", f"{output.item_id} was added, {item.get('id')} is done"
        if output.done:
            yield "output-item-done-twice", f"{output.item_id} was done before"
        elif item.get("status", COMPLETED) == COMPLETED and (inside := output.open_inside()):
            yield "output-item-done-part-open", f"{output.item_id} is done while {inside} not"
        output.done = True

    def on_part_added(self, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check response.content_part.added: its item was added, and this index of it was not."""
        output = yield from self._output(event)
        if output is None:
            return
        index = get_index(event, "content_index")
        if index in output.parts:
            yield "content-part-added-twice", f"part {index} of {output.item_id} was added before"
        output.parts[index] = _Part(get_text(get_object(event, "part"), "type"))

    def on_part_done(self, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        """Check response.content_part.done: the part was added, its streams are done, and its text is their deltas'."""
        output = yield from self._output(event)
        if output is None:
            return
        index = get_index(event, "content_index")
        where = f"part {index} of {output.item_id}"
        part = output.parts.get(index)
        if part is None:
            yield "content-before-part", f"{where} is done and was never added"
            return
        if part.done:
            yield "content-part-done-twice", f"{where} was done before"
        for name, stream in part.streams.items():
            if not stream.done:
                yield "content-part-done-stream-open", f"{where} is done before its {name} is"
            final = get_object(event, "part").get(_FINAL_FIELD.get(name, ""))
            yield from stream.differs(name, final, where)
        part.done = True

    def _check_stream(self, name: str, step: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        output = yield from self._output(event)
        if output is None:
            return
        index = get_index(event, "content_index")
        where = f"part {index} of {output.item_id}"
        part = output.parts.get(index)
        if part is None:
            yield "content-before-part", f"{name}.{step} for {where}, which was never added"
            return
        if name not in _STREAMS_OF_PART.get(part.kind or "", {name}):
            yield "content-of-other-kind", f"{name}.{step} for {where}, which holds {part.kind}"
        stream = part.streams.setdefault(name, _Stream())
        if part.done or stream.done:
            yield "content-after-done", f"{name}.{step} for {where}, whose {name} had ended"
        yield from _advance(stream, name, step, event, where)

    def _check_arguments(self, step: str, event: Mapping[str, object]) -> Iterator[RuleMessage]:
        output = yield from self._output(event)
        if output is None:
            return
        where = str(output.item_id)
        if output.kind not in {"function_call", None}:
            yield "arguments-without-call", f"arguments for {where}, which is a {output.kind}"
        call_id = get_text(event, "call_id")
        if output.call_id and call_id and call_id != output.call_id:
            yield "call-id-changed", f"{where} was added as {output.call_id}, its arguments come for {call_id}"
        if output.arguments.done:
            yield "content-after-done", f"arguments.{step} for {where}, whose arguments had ended"
        yield from _advance(output.arguments, "function_call_arguments", step, event, where)

    def _response(self, event: Mapping[str, object]) -> Generator[RuleMessage, None, _Response | None]:
        name = get_text(event, "response_id")
        response = self._active.get(name) if name else None
        if name is None or response:
            return response
        if name in self._finished:
            yield "event-after-response-done", f"{name} was done"
        elif not self._finished.has_evicted and not self._active.has_evicted:
            yield "event-before-response-created", f"{name} was not created"
        return None

    def _output(self, event: Mapping[str, object], *, ending: bool = False) -> _Lookup:
        """Return the output item of an event. `ending`: the event is its output_item.done, which nests the item."""
        response = yield from self._response(event)
        if response is None:
            return None
        index = get_index(event, "output_index")
        output = response.outputs.get(index)
        if output is None:
            yield "event-before-output-item", f"output {index} of {response.name} was never added"
            return None
        item_id = output.item_id if ending else get_text(event, "item_id")
        if item_id and item_id != output.item_id:
            yield "item-id-changed", f"output {index} of {response.name} is {output.item_id}, not {item_id}"
        if output.done and not ending:
            yield "event-after-output-item-done", f"{output.item_id} was done"
        return output

    def _check_unknown_done(self, name: str) -> Iterator[RuleMessage]:
        if name in self._finished:
            yield "response-done-twice", f"{name} was done before"
        elif not self._finished.has_evicted and not self._active.has_evicted:
            expected = f"; {self._on_conversation} is running" if self._on_conversation else ""
            yield "response-done-before-created", f"{name} was never created{expected}"

    def _left_open(self, name: str, output: _Output, status: object) -> Iterator[RuleMessage]:
        item_id = output.item_id or ""
        if status == COMPLETED and not output.done:
            yield "response-done-item-open", f"{name} completed before response.output_item.done of {item_id}"
        elif status != COMPLETED or output.kind == "mcp_call":  # such a call runs later, perhaps once it is approved
            self._items.abandon(item_id)
        elif self._items.state(item_id) in {ItemState.ADDED, ItemState.CREATED}:
            yield "response-done-item-open", f"{name} completed before conversation.item.done of {item_id}"


def _advance(stream: _Stream, name: str, step: str, event: Mapping[str, object], where: str) -> Iterator[RuleMessage]:
    if step == "done":
        stream.done = True
        yield from stream.differs(name, event.get(_FINAL_FIELD.get(name, "")), where)
    elif name in _FINAL_FIELD:
        stream.pieces.append(get_text(event, "delta") or "")


def _shorten(text: str) -> str:
    """Shorten a text for a message to its end, where a text that lost something differs."""
    longest = 40
    return repr(text) if len(text) <= longest else f"…{text[-longest:]!r} ({len(text)} characters)"


_HANDLERS: Mapping[str, Callable[[ResponseOrder, Mapping[str, object]], Iterator[RuleMessage]]] = {
    "response.created": ResponseOrder.on_created,
    "response.done": ResponseOrder.on_done,
    "response.output_item.added": ResponseOrder.on_item_added,
    "response.output_item.done": ResponseOrder.on_item_done,
    "response.content_part.added": ResponseOrder.on_part_added,
    "response.content_part.done": ResponseOrder.on_part_done,
}
_STREAM_EVENTS: Mapping[str, tuple[str, str]] = {
    f"response.{name}.{step}": (name, step)
    for name in ("output_text", "output_audio", "output_audio_transcript")
    for step in ("delta", "done")
}
_ARGUMENT_EVENTS: Mapping[str, str] = {
    "response.function_call_arguments.delta": "delta",
    "response.function_call_arguments.done": "done",
}
