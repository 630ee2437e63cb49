"""From the upstream to the client: forward untouched, and take note of what the session must know.

Forwarding comes first and costs a look at the type; only the types of `turns.PARSED_EVENTS` are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core.commands import Forward
from bridge.core.json_access import as_number, as_object, as_text
from bridge.core.responses import OUTPUT_EVENTS
from bridge.core.to_upstream import RESPONSE_CREATE, request_next_response, request_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import UpstreamError, UpstreamEvent
    from bridge.core.session_data import SessionData


#: The code of the error that stands for a frame which is no event. It was not passed on.
UNREADABLE_FRAME = "unreadable_frame"


def forward(data: SessionData, event: UpstreamEvent) -> None:
    """Forward one native event and learn from it."""
    data.last_event_at = data.now
    data.emit(Forward(event.type, event.frame))
    if event.type in OUTPUT_EVENTS:
        _output(data)
        return
    learn = _LEARN.get(event.type)
    if learn is not None and event.body is not None:
        learn(data, event.body)
    data.replay_buffer.event_received(data.now)


def _output(data: SessionData) -> None:
    """A piece of an answer reaches the client: what it answers need not be sent again."""
    turns = data.responses
    if turns.active is not None and not turns.reached_client:
        turns.reached_client = True
        data.replay_buffer.answered(turns.answers_up_to)


def _response_created(data: SessionData, body: Mapping[str, Any]) -> None:
    response = as_object(body.get("response"))
    if response.get("conversation_id", "") is not None:  # null: out of band, beside the conversation
        data.responses.response_created(str(response.get("id")), data.replay_buffer.committed_up_to, data.now)


def _response_done(data: SessionData, body: Mapping[str, Any]) -> None:
    response = as_object(body.get("response"))
    up_to = data.responses.answers_up_to
    if data.responses.response_done(str(response.get("id"))):
        data.replay_buffer.answered(up_to)
    if response.get("status") == "failed":
        _response_failed(data, response)
    request_next_response(data)


def _response_failed(data: SessionData, response: Mapping[str, Any]) -> None:
    error = as_object(as_object(response.get("status_details")).get("error"))
    codes = (as_text(error.get("code")), as_text(error.get("type")))
    message = as_text(error.get("message")) or "The response failed."
    detail = {"upstream": error, "responseId": response.get("id")}
    data.log("response.failed", code=codes[0] or codes[1])
    data.send_error("UPSTREAM_ERROR", message, retryable=_NO_CREDIT.isdisjoint(codes), detail=detail)


def _output_item(data: SessionData, body: Mapping[str, Any]) -> None:
    item = as_object(body.get("item"))
    item_id = as_text(item.get("id"))
    if item_id is None or body.get("response_id") != data.responses.active:
        return
    data.responses.unfinished_items.add(item_id)
    if item.get("type") == "message":
        data.responses.spoken_item = item_id


def _item(data: SessionData, body: Mapping[str, Any]) -> None:
    data.history.record_item(as_object(body.get("item")))


def _item_output_done(data: SessionData, body: Mapping[str, Any]) -> None:
    item = as_object(body.get("item"))
    data.responses.unfinished_items.discard(as_text(item.get("id")) or "")
    if item.get("content") or item.get("type") != "message":
        data.history.record_item(item)


def _deleted(data: SessionData, body: Mapping[str, Any]) -> None:
    data.history.delete_item(body.get("item_id"))


def _transcribed(data: SessionData, body: Mapping[str, Any]) -> None:
    data.history.record_transcript(body.get("item_id"), body.get("transcript"))
    if data.transcribing:  # the words are all the answer that there will be
        data.replay_buffer.item_answered(str(body.get("item_id")))


def _speech_started(data: SessionData, body: Mapping[str, Any]) -> None:
    data.replay_buffer.speech_started(as_number(body.get("audio_start_ms")))


def _speech_stopped(data: SessionData, body: Mapping[str, Any]) -> None:
    data.replay_buffer.speech_stopped(as_number(body.get("audio_end_ms")))


def _committed(data: SessionData, body: Mapping[str, Any]) -> None:
    by_client = data.replay_buffer.committed(str(body.get("item_id")))
    if not by_client:
        data.responses.turn_committed(data.now, auto_response=data.auto_response)
    elif data.responses.settle_commit():
        request_response(data, RESPONSE_CREATE)


def _updated(data: SessionData, body: Mapping[str, Any]) -> None:
    session = as_object(body.get("session"))
    data.updates.confirmed(session)
    if session:
        data.apply_configuration(session)


#: A response that failed for one of these fails again.
_NO_CREDIT = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "project_spend_limit_exceeded",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)

_LEARN: Mapping[str, Callable[[SessionData, Mapping[str, Any]], None]] = {
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.added": _output_item,
    "response.output_item.done": _item_output_done,
    "conversation.item.added": _item,
    "conversation.item.created": _item,
    "conversation.item.done": _item,
    "conversation.item.deleted": _deleted,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.speech_stopped": _speech_stopped,
    "input_audio_buffer.committed": _committed,
    "session.updated": _updated,
    "transcription_session.updated": _updated,
}


def handle_error(data: SessionData, event: UpstreamError) -> None:
    """An `error` event of a running session: counted, or shown as UPSTREAM_ERROR. It ends nothing by itself."""
    data.last_event_at = data.now
    code = event.upstream.get("code")
    if code == "conversation_already_has_active_response":
        data.responses.request_refused()
        data.log("response.waits", code=code)
        return
    if code == "input_audio_buffer_commit_empty":
        data.replay_buffer.commit_refused()
        data.responses.settle_commit()
    data.updates.rejected(event.upstream)
    if data.responses.request_failed(event.upstream):
        request_next_response(data)
    if event.harmless:
        data.log("upstream.harmless_error", code=code)
        return
    failure = event.failure
    detail = {**failure.detail, "upstream": dict(event.upstream)}
    if code == UNREADABLE_FRAME:
        data.log("upstream.unreadable")
    else:
        data.log("upstream.error", code=code)
    data.send_error("UPSTREAM_ERROR", failure.message, retryable=failure.retryable, detail=detail)
