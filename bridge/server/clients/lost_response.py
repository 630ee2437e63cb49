"""Ends a response that was lost with its session, in the service's own events and in the service's own order.

Pure. The service ends a response that breaks off with the `.done` events of everything that is open, innermost first,
and a `response.done` whose status says why (recorded for cancelled responses). A response that the service itself could
not finish has the status `failed` and an error of type `server_error`; a lost one gets the same.

A function call whose arguments are not complete is the exception: it gets no `.done` event and isn't in the output,
because clients run a call as soon as they see one, whatever its status is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.client_protocol.errors import LOST_RESPONSE_MESSAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.core.open_responses import OpenItem, OpenPart, OpenResponse

#: The service reports a failed response with no usage: what a lost one cost is not known.
_NO_USAGE: Mapping[str, Any] = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 0, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
}

Event = dict[str, Any]


def closing_events(response: OpenResponse, *, beta: bool) -> list[Event]:
    """Return the events that end a lost response: content parts, items, and one `response.done`. They have no ids."""
    kind_of_output = "" if beta else "output_"
    events: list[Event] = []
    output: list[Mapping[str, Any]] = []
    for index, item in sorted(response.items.items()):
        if item.done:
            output.append(item.item)
        elif item.item.get("type") != "function_call" or item.arguments_done:
            final = _final_item(item, kind_of_output)
            place = {"response_id": response.response.get("id"), "output_index": index}
            events += _end_item(place, item, final, kind_of_output)
            output.append(final)
    error = {"type": "server_error", "code": None, "message": LOST_RESPONSE_MESSAGE}
    ending = {"status": "failed", "status_details": {"type": "failed", "error": error}, "usage": dict(_NO_USAGE)}
    events.append(_event("response.done", response={**response.response, **ending, "output": output}))
    return events


def _event(event_type: str, **fields: Any) -> Event:
    return {"type": event_type, **fields}


def _end_item(
    place: Mapping[str, Any], item: OpenItem, final: Mapping[str, Any], kind_of_output: str
) -> Iterator[Event]:
    for index, part in sorted(item.parts.items()):
        if not part.done:
            yield from _end_part({**place, "item_id": final.get("id"), "content_index": index}, part, kind_of_output)
    if item.in_conversation and not item.conversation_done:
        yield _event("conversation.item.done", previous_item_id=item.previous_item_id, item=final)
    yield _event("response.output_item.done", **place, item=final)


def _end_part(place: Mapping[str, Any], part: OpenPart, kind_of_output: str) -> Iterator[Event]:
    prefix = f"response.{kind_of_output}"
    if part.kind == "audio":
        if not part.audio_done:
            yield _event(f"{prefix}audio.done", **place)
        if not part.text_done:
            yield _event(f"{prefix}audio_transcript.done", **place, transcript=part.text)
    elif not part.text_done:
        yield _event(f"{prefix}text.done", **place, text=part.text)
    yield _event("response.content_part.done", **place, part={"type": part.kind, _holds(part): part.text})


def _holds(part: OpenPart) -> str:
    return "transcript" if part.kind == "audio" else "text"


def _final_item(item: OpenItem, kind_of_output: str) -> dict[str, Any]:
    """Return the item as it ends: incomplete, unless it is a call with all of its arguments."""
    if item.item.get("type") == "function_call":
        return {**item.item, "status": "completed", "arguments": item.arguments}
    parts = [part for _, part in sorted(item.parts.items())]
    content = [{"type": f"{kind_of_output}{part.kind}", _holds(part): part.text} for part in parts]
    return {**item.item, "status": "incomplete", "content": content or item.item.get("content") or []}
