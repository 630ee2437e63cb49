"""Client events about conversation items (create, delete, retrieve, truncate), and the server events they cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.schema.items import ITEM_SCHEMAS
from bridge.protocol.schema.types import Integer
from bridge.protocol.schema.validators import InvalidField, validate
from bridge.simulator.session.conversation import ConversationItem
from bridge.simulator.session.input_audio import decode_audio
from bridge.simulator.session.updates import input_encoding, output_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bridge.simulator.session.state import SessionState

#: What `ConversationItem` has fields for. Anything else in an item is kept as the client wrote it.
_ITEM_FIELDS = frozenset({"id", "object", "type", "status"})
#: Items that have a status even if the client gives them none. The output of a call has none (recorded 2026-07).
_WITH_STATUS = frozenset({"message", "function_call"})
_MESSAGE_FIELDS = _ITEM_FIELDS | {"role", "content"}
_POSITION = Integer(0)
_DOING = {"delete": "deleting", "retrieve": "retrieving", "truncate": "truncating"}
#: The wording and the code are those of user reports; in some of them the code is null.
_NO_AUDIO = InvalidField("unsupported_content_type", "Only model output audio messages can be truncated", None)


def add_item(state: SessionState, item: ConversationItem, after: str | None = None) -> None:
    """Add a complete item and send its events: added and done in GA, created in the beta dialect (recorded)."""
    previous = state.conversation.add(item, after)
    plain = item.as_json(beta=state.is_beta)
    if state.is_beta:
        state.send("conversation.item.created", previous_item_id=previous, item=plain)
        return
    state.send("conversation.item.added", previous_item_id=previous, item=plain)
    state.send("conversation.item.done", previous_item_id=previous, item=plain)


def create(state: SessionState, event: Mapping[str, Any]) -> None:
    """Handle `conversation.item.create`: add the item and send its events, or send what is wrong with it."""
    given = event.get("item")
    if given is None:
        return state.reject("missing_required_parameter", "Missing required parameter: 'item'.", "item")
    invalid = validate(given, ITEM_SCHEMAS[state.setup.dialect], "item") or find_audio_error(state, given, "item")
    if invalid is not None:
        return state.reject(invalid.code, invalid.message, invalid.param)
    after = event.get("previous_item_id")
    if after not in (None, "root") and state.conversation.get(after) is None:
        message = f"Error adding item: the previous item with id '{after}' does not exist."
        return state.reject("item_create_invalid_previous_item_id", message)
    if state.conversation.get(given.get("id")) is not None:
        message = f"Error adding item: an item with id '{given['id']}' already exists."
        return state.reject("item_create_duplicate_item_id", message)
    if given["type"] == "function_call_output" and not state.conversation.has_call(given.get("call_id")):
        message = f"Tool call ID '{given.get('call_id')}' not found in conversation."
        return state.reject("invalid_tool_call_id", message, "item.call_id")
    approval = given.get("approval_request_id") if given["type"] == "mcp_approval_response" else None
    if approval is not None and approval not in state.mcp_approvals and state.conversation.get(approval) is None:
        message = f"Error adding item: the approval request with id '{approval}' does not exist."
        return state.reject("invalid_value", message, "item.approval_request_id")
    add_item(state, build_item(state, given), after)
    if (answer := state.mcp_approvals.pop(str(approval), None)) is not None:
        answer(given["approve"])
    return None


def _decoded_audio(state: SessionState, given: Mapping[str, Any], path: str = "") -> Iterator[bytes | InvalidField]:
    """Decode the audio in an item's parts. Assistant items have the session's output encoding, others the input one."""
    encoding = output_encoding(state) if given.get("role") == "assistant" else input_encoding(state)
    for index, part in enumerate(given.get("content") or ()):
        if part.get("audio") is not None:
            yield decode_audio(part["audio"], encoding, f"{path}.content[{index}].audio")


def find_audio_error(state: SessionState, given: Mapping[str, Any], path: str) -> InvalidField | None:
    """Return the first error in the audio of a well-formed item; None if all of it decodes."""
    return next((audio for audio in _decoded_audio(state, given, path) if isinstance(audio, InvalidField)), None)


def build_item(state: SessionState, given: Mapping[str, Any]) -> ConversationItem:
    """Build an item from a client's object that `find_audio_error` accepts. Its audio is measured, not kept."""
    message = given["type"] == "message"
    known = _MESSAGE_FIELDS if message else _ITEM_FIELDS
    return ConversationItem(
        id=str(given.get("id") or state.new_id("item")),
        type=str(given["type"]),
        status=given.get("status", "completed" if given["type"] in _WITH_STATUS else None),
        role=given["role"] if message else None,
        content=[_ga_part(part) for part in given["content"]] if message else [],
        fields={key: value for key, value in given.items() if key not in known},
        audio_ms=sum(bytes_to_ms(len(audio)) for audio in _decoded_audio(state, given) if isinstance(audio, bytes)),
    )


def _ga_part(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a content part in GA shape, without its audio."""
    kept = {key: value for key, value in part.items() if key != "audio"}
    kept["type"] = {"text": "output_text", "audio": "output_audio"}.get(str(part["type"]), part["type"])
    return kept


def delete(state: SessionState, event: Mapping[str, Any]) -> None:
    """Handle `conversation.item.delete`; an unknown id gets an error."""
    item = _find_item(state, event, "delete")
    if item is not None:
        state.conversation.remove(item.id)
        state.send("conversation.item.deleted", item_id=item.id)


def retrieve(state: SessionState, event: Mapping[str, Any]) -> None:
    """Handle `conversation.item.retrieve`. The answer has no audio, because the audio of items is not kept."""
    item = _find_item(state, event, "retrieve")
    if item is not None:
        state.send("conversation.item.retrieved", item=item.as_json(beta=state.is_beta))


def truncate(state: SessionState, event: Mapping[str, Any]) -> None:
    """Handle `conversation.item.truncate`: cut the audio that the user did not hear, and remove the transcript.

    An item that has audio can be cut at 0 ms; one that has none yet is refused (openai-agents-python #4457, LiveKit).
    """
    item = _find_item(state, event, "truncate")
    if item is None:
        return None
    invalid = _truncation_error(item, event)
    if invalid is not None:
        return state.reject(invalid.code, invalid.message, invalid.param)
    end, index = event["audio_end_ms"], event["content_index"]
    item.audio_ms, item.truncated = end, True
    item.content[index].pop("transcript", None)
    return state.send("conversation.item.truncated", item_id=item.id, content_index=index, audio_end_ms=end)


def _truncation_error(item: ConversationItem, event: Mapping[str, Any]) -> InvalidField | None:
    """Return why the item cannot be truncated as the event asks; None if it can."""
    for name in ("content_index", "audio_end_ms"):
        if event.get(name) is None:
            return InvalidField("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
        invalid = validate(event[name], _POSITION, name)
        if invalid is not None:
            return invalid
    end, index = event["audio_end_ms"], event["content_index"]
    if item.role != "assistant" or not (item.audio_ms or item.truncated):
        return _NO_AUDIO
    if index >= len(item.content) or item.content[index]["type"] != "output_audio":
        return InvalidField("invalid_value", f"The item has no audio content at index {index}.", "content_index")
    if end > item.audio_ms:
        message = f"Audio content of {item.audio_ms:.0f}ms is already shorter than {end}ms"
        return InvalidField("invalid_value", message, "audio_end_ms")
    return None


def _find_item(state: SessionState, event: Mapping[str, Any], verb: str) -> ConversationItem | None:
    """Return the item that an event names; if there is none, send the matching error and return None."""
    item_id = event.get("item_id")
    if not isinstance(item_id, str):
        state.reject("missing_required_parameter", "Missing required parameter: 'item_id'.", "item_id")
        return None
    item = state.conversation.get(item_id)
    if item is None:
        message = f"Error {_DOING[verb]} item: the item with id '{item_id}' does not exist."
        state.reject(f"item_{verb}_invalid_item_id", message, "item_id")
    return item
