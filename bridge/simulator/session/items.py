"""Conversation items on the wire: create, delete, retrieve, truncate, and the events that announce them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.schema.items import ITEM_SCHEMAS
from bridge.protocol.schema.validators import Integer, InvalidField, validate
from bridge.simulator.session.conversation import ConversationItem
from bridge.simulator.session.input_audio import decode_audio
from bridge.simulator.session.updates import input_encoding, output_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.simulator.session.state import SessionState

#: What `ConversationItem` holds in fields of its own; all else that a client gives is kept as it is.
_ITEM_FIELDS = frozenset({"id", "object", "type", "status"})
_MESSAGE_FIELDS = _ITEM_FIELDS | {"role", "content"}
_POSITION = Integer(0)


def add_item(stage: SessionState, item: ConversationItem, after: str | None = None) -> None:
    """Put a whole item into the conversation and say so: GA added then done, beta created (recorded)."""
    previous = stage.conversation.add(item, after)
    shown = item.as_json(beta=stage.is_beta)
    if stage.is_beta:
        stage.send("conversation.item.created", previous_item_id=previous, item=shown)
        return
    stage.send("conversation.item.added", previous_item_id=previous, item=shown)
    stage.send("conversation.item.done", previous_item_id=previous, item=shown)


def create(stage: SessionState, event: Mapping[str, Any]) -> None:
    """Take `conversation.item.create`."""
    given = event.get("item")
    if given is None:
        return stage.reject("missing_required_parameter", "Missing required parameter: 'item'.", "item")
    fault = validate(given, ITEM_SCHEMAS[stage.setup.dialect], "item") or find_audio_error(stage, given, "item")
    if fault is not None:
        return stage.reject(fault.code, fault.message, fault.param)
    after = event.get("previous_item_id")
    if after not in (None, "root") and stage.conversation.get(after) is None:
        message = f"Error creating item: the previous item with id '{after}' does not exist."
        return stage.reject("item_create_invalid_previous_item_id", message, "previous_item_id")
    if stage.conversation.get(given.get("id")) is not None:
        message = f"Error creating item: an item with id '{given['id']}' exists already."
        return stage.reject("item_create_duplicate_item_id", message, "item.id")
    if given["type"] == "function_call_output" and not stage.conversation.has_call(given.get("call_id")):
        message = f"Tool call ID '{given.get('call_id')}' not found in conversation."
        return stage.reject("invalid_tool_call_id", message, "item.call_id")
    return add_item(stage, build_item(stage, given), after)


def _sounds(stage: SessionState, given: Mapping[str, Any], path: str = "") -> Iterator[bytes | InvalidField]:
    """Decode the audio of an item's parts, which is coded as the session codes that side's audio."""
    encoding = output_encoding(stage) if given.get("role") == "assistant" else input_encoding(stage)
    for index, part in enumerate(given.get("content") or ()):
        if part.get("audio") is not None:
            yield decode_audio(part["audio"], encoding, f"{path}.content[{index}].audio")


def find_audio_error(stage: SessionState, given: Mapping[str, Any], path: str) -> InvalidField | None:
    """Find audio in a well-formed item that is none."""
    return next((sound for sound in _sounds(stage, given, path) if isinstance(sound, InvalidField)), None)


def build_item(stage: SessionState, given: Mapping[str, Any]) -> ConversationItem:
    """Make an item of what a client wrote and `audio_fault` let pass; its audio is measured and forgotten."""
    message = given["type"] == "message"
    known = _MESSAGE_FIELDS if message else _ITEM_FIELDS
    return ConversationItem(
        id=str(given.get("id") or stage.new_id("item")),
        type=str(given["type"]),
        status=given.get("status", "completed"),
        role=given["role"] if message else None,
        content=[_ga_part(part) for part in given["content"]] if message else [],
        fields={key: value for key, value in given.items() if key not in known},
        audio_ms=sum(bytes_to_ms(len(sound)) for sound in _sounds(stage, given) if isinstance(sound, bytes)),
    )


def _ga_part(part: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a content part without its audio, which nobody asks back for here."""
    kept = {key: value for key, value in part.items() if key != "audio"}
    kept["type"] = {"text": "output_text", "audio": "output_audio"}.get(str(part["type"]), part["type"])
    return kept


def delete(stage: SessionState, event: Mapping[str, Any]) -> None:
    """Take `conversation.item.delete`."""
    item = _named(stage, event, "delete")
    if item is not None:
        stage.conversation.remove(item.id)
        stage.send("conversation.item.deleted", item_id=item.id)


def retrieve(stage: SessionState, event: Mapping[str, Any]) -> None:
    """Take `conversation.item.retrieve`. The audio of an item is not kept, so it is not given back."""
    item = _named(stage, event, "retrieve")
    if item is not None:
        stage.send("conversation.item.retrieved", item=item.as_json(beta=stage.is_beta))


def truncate(stage: SessionState, event: Mapping[str, Any]) -> None:
    """Take `conversation.item.truncate`: cut what the user did not hear, and its transcript with it."""
    item = _named(stage, event, "truncate")
    if item is None:
        return None
    fault = _cut_fault(item, event)
    if fault is not None:
        return stage.reject(fault.code, fault.message, fault.param)
    end, index = event["audio_end_ms"], event["content_index"]
    item.audio_ms, item.truncated = end, True
    item.content[index].pop("transcript", None)
    return stage.send("conversation.item.truncated", item_id=item.id, content_index=index, audio_end_ms=end)


def _cut_fault(item: ConversationItem, event: Mapping[str, Any]) -> InvalidField | None:
    """Find why this item cannot be cut there."""
    for name in ("content_index", "audio_end_ms"):
        if event.get(name) is None:
            return InvalidField("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
        fault = validate(event[name], _POSITION, name)
        if fault is not None:
            return fault
    end, index = event["audio_end_ms"], event["content_index"]
    if item.role != "assistant" or not any(part["type"] == "output_audio" for part in item.content):
        return InvalidField("invalid_value", "Only an assistant message with audio can be truncated.", "item_id")
    if index >= len(item.content) or item.content[index]["type"] != "output_audio":
        return InvalidField("invalid_value", f"The item has no audio content at index {index}.", "content_index")
    if end > item.audio_ms:
        message = f"Audio content of {item.audio_ms:.0f}ms is already shorter than {end}ms"
        return InvalidField("invalid_value", message, "audio_end_ms")
    return None


def _named(stage: SessionState, event: Mapping[str, Any], verb: str) -> ConversationItem | None:
    """Find the item that an event names, or answer with the error of its family."""
    item_id = event.get("item_id")
    if not isinstance(item_id, str):
        stage.reject("missing_required_parameter", "Missing required parameter: 'item_id'.", "item_id")
        return None
    item = stage.conversation.get(item_id)
    if item is None:
        message = f"Error with item {verb}: the item with id '{item_id}' does not exist."
        stage.reject(f"item_{verb}_invalid_item_id", message, "item_id")
    return item
