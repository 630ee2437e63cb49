"""From the upstream to the client: forward untouched, and take note of what the session must know.

Forwarding comes first and costs a look at the type; only the types of `turns.LOOKED_INTO` are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.core.commands import Forward
from bridge.core.json_access import a_figure, a_text, an_object
from bridge.core.responses import OUTPUT
from bridge.core.to_upstream import RESPONSE_CREATE, ask, ask_next

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import UpstreamError, UpstreamEvent
    from bridge.core.session_data import SessionData


#: The code of the error that stands for a frame which is no event. It was not passed on.
UNREADABLE = "unreadable_frame"


def take(data: SessionData, event: UpstreamEvent) -> None:
    """Forward one native event and learn from it."""
    data.heard_at = data.now
    data.do(Forward(event.type, event.frame))
    if event.type in OUTPUT:
        _output(data)
        return
    learn = _LEARN.get(event.type)
    if learn is not None and event.body is not None:
        learn(data, event.body)
    data.unanswered.heard(data.now)


def _output(data: SessionData) -> None:
    """A piece of an answer reaches the client: what it answers need not be sent again."""
    turns = data.turns
    if turns.active is not None and not turns.reached_client:
        turns.reached_client = True
        data.unanswered.answered(turns.answers_up_to)


def _response_created(data: SessionData, body: Mapping[str, Any]) -> None:
    response = an_object(body.get("response"))
    if response.get("conversation_id", "") is not None:  # null: out of band, beside the conversation
        data.turns.began(str(response.get("id")), data.unanswered.taken_up_to, data.now)


def _response_done(data: SessionData, body: Mapping[str, Any]) -> None:
    response = an_object(body.get("response"))
    up_to = data.turns.answers_up_to
    if data.turns.ended(str(response.get("id"))):
        data.unanswered.answered(up_to)
    if response.get("status") == "failed":
        _response_failed(data, response)
    ask_next(data)


def _response_failed(data: SessionData, response: Mapping[str, Any]) -> None:
    error = an_object(an_object(response.get("status_details")).get("error"))
    codes = (a_text(error.get("code")), a_text(error.get("type")))
    message = a_text(error.get("message")) or "The response failed."
    detail = {"upstream": error, "responseId": response.get("id")}
    data.note("response.failed", code=codes[0] or codes[1])
    data.fail("UPSTREAM_ERROR", message, retryable=_NO_CREDIT.isdisjoint(codes), detail=detail)


def _output_item(data: SessionData, body: Mapping[str, Any]) -> None:
    item = an_object(body.get("item"))
    item_id = a_text(item.get("id"))
    if item_id is None or body.get("response_id") != data.turns.active:
        return
    data.turns.unfinished.add(item_id)
    if item.get("type") == "message":
        data.turns.spoken_item = item_id


def _item(data: SessionData, body: Mapping[str, Any]) -> None:
    data.context.note_item(an_object(body.get("item")))


def _item_output_done(data: SessionData, body: Mapping[str, Any]) -> None:
    item = an_object(body.get("item"))
    data.turns.unfinished.discard(a_text(item.get("id")) or "")
    if item.get("content") or item.get("type") != "message":
        data.context.note_item(item)


def _deleted(data: SessionData, body: Mapping[str, Any]) -> None:
    data.context.forget(body.get("item_id"))


def _transcribed(data: SessionData, body: Mapping[str, Any]) -> None:
    data.context.note_transcript(body.get("item_id"), body.get("transcript"))
    if data.transcribing:  # the words are all the answer that there will be
        data.unanswered.answered_item(str(body.get("item_id")))


def _speech_started(data: SessionData, body: Mapping[str, Any]) -> None:
    data.unanswered.speech_started(a_figure(body.get("audio_start_ms")))


def _speech_stopped(data: SessionData, body: Mapping[str, Any]) -> None:
    data.unanswered.speech_stopped(a_figure(body.get("audio_end_ms")))


def _committed(data: SessionData, body: Mapping[str, Any]) -> None:
    by_client = data.unanswered.committed(str(body.get("item_id")))
    if not by_client:
        data.turns.turn_taken(data.now, answers_itself=data.answers_itself)
    elif data.turns.commit_settled():
        ask(data, RESPONSE_CREATE)


def _updated(data: SessionData, body: Mapping[str, Any]) -> None:
    session = an_object(body.get("session"))
    data.updates.took(session)
    if session:
        data.note_configuration(session)


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


def take_error(data: SessionData, event: UpstreamError) -> None:
    """An `error` event of a running session: counted, or shown as UPSTREAM_ERROR. It ends nothing by itself."""
    data.heard_at = data.now
    code = event.upstream.get("code")
    if code == "conversation_already_has_active_response":
        data.turns.refused()
        data.note("response.waits", code=code)
        return
    if code == "input_audio_buffer_commit_empty":
        data.unanswered.commit_refused()
        data.turns.commit_settled()
    data.updates.refused(event.upstream)
    if data.turns.failed(event.upstream):
        ask_next(data)
    if event.harmless:
        data.note("upstream.harmless_error", code=code)
        return
    failure = event.failure
    detail = {**failure.detail, "upstream": dict(event.upstream)}
    if code == UNREADABLE:
        data.note("upstream.unreadable")
    else:
        data.note("upstream.error", code=code)
    data.fail("UPSTREAM_ERROR", failure.message, retryable=failure.retryable, detail=detail)
