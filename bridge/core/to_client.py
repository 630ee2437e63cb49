"""From the upstream to the client: forward every event untouched, and record what the session must know of it.

Forwarding comes first. Only events in `PARSED_EVENTS` are parsed; of all others the core knows the type alone.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bridge.core.commands import Forward
from bridge.core.json_access import as_number, as_object, as_text, loggable_id
from bridge.core.open_responses import KEPT_EVENTS
from bridge.core.responses import AUDIO_EVENTS, OUTPUT_EVENTS
from bridge.core.speech.heard import FRAME_BYTES, audio_ms
from bridge.core.speech.interruptions import CUT_SHORT_SECONDS, sounds_like_echo
from bridge.core.spending.charges import make_charge
from bridge.core.to_upstream import (
    OWN_EVENT_ID,
    RESPONSE_CREATE,
    note_spoken,
    request_next_response,
    request_response,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.events import UpstreamError, UpstreamEvent
    from bridge.core.generation import Generation
    from bridge.core.session_data import SessionData


#: The code of the error that stands for a frame that is no event. The frame itself was not forwarded.
UNREADABLE_FRAME = "unreadable_frame"


def forward(data: SessionData, event: UpstreamEvent) -> None:
    """Forward one native event and record what follows from it."""
    body = event.body
    if body is None or not data.generation.items.is_echo(event.type, body):
        data.emit(Forward(event.type, event.frame))
    record(data, event.type, event.frame, body)


def record(data: SessionData, event_type: str, frame: bytes, body: Mapping[str, Any] | None = None) -> None:
    """Record what follows from an event that was forwarded, or is about to be; `body` as in `UpstreamEvent`."""
    generation = data.generation
    generation.last_event_at = data.now
    if event_type in KEPT_EVENTS:
        generation.open_responses.record(event_type, frame)
    if event_type in OUTPUT_EVENTS:
        if event_type in AUDIO_EVENTS:
            responses = generation.responses
            if not responses.spoken_bytes:
                _audio_begins(data)
            responses.spoken_bytes += len(frame) - FRAME_BYTES
        _output(generation)
        return
    if body is not None and (handler := _HANDLERS.get(event_type)) is not None:
        handler(data, body)
    generation.replay.event_received(data.now)


def _audio_begins(data: SessionData) -> None:
    responses = data.generation.responses
    if responses.asked_at is not None:  # see `Session.relay_event`: never on the short way
        data.log("answer.first_audio", seconds=data.now - responses.asked_at)
        responses.asked_at = None
    if responses.spoken_item is not None:
        data.generation.interruptions.audio_begins(responses.spoken_item, data.now)


def _output(generation: Generation) -> None:
    """Output of a response reaches the client: what it answers needs no replay."""
    active = generation.responses.active
    if active is not None and not active.reached_client:
        active.reached_client = True
        generation.replay.answered(active.answers_up_to)


def _response_created(data: SessionData, body: Mapping[str, Any]) -> None:
    response = as_object(body.get("response"))
    data.generation.open_responses.created(response)
    if response.get("conversation_id", "") is not None:  # null: out of band, not in the conversation
        generation = data.generation
        generation.responses.response_created(str(response.get("id")), generation.replay.committed_up_to, data.now)


def _response_done(data: SessionData, body: Mapping[str, Any]) -> None:
    response = as_object(body.get("response"))
    data.generation.open_responses.done(str(response.get("id")))
    done = data.generation.responses.response_done(str(response.get("id")))
    if done is not None:
        data.generation.replay.answered(done.answers_up_to)
        if response.get("status") == "cancelled" and data.now - done.created_at < CUT_SHORT_SECONDS:
            _cut_short(data, response, done.created_at)
    data.active_at = data.now
    _charge(data, as_object(response.get("usage")), data.generation.model, told=True)
    if response.get("status") == "failed":
        _response_failed(data, response)
    request_next_response(data)


def _cut_short(data: SessionData, response: Mapping[str, Any], created_at: float) -> None:
    reason = as_text(as_object(response.get("status_details")).get("reason")) or ""
    cause = reason if reason in _CANCEL_REASONS else "other"
    data.log("answer.cut_short", cause=cause, ms=round((data.now - created_at) * 1000))


def _charge(data: SessionData, usage: Mapping[str, Any], model: str, *, told: bool) -> None:
    """Count what a response or a transcript took; `told`: the client is told, if it wants to know."""
    charge = make_charge(usage, data.settings.prices, model)
    data.charge(charge)
    if not charge.is_nothing:
        data.log("usage.counted", model=model, **asdict(charge.usage), seconds=charge.seconds, costUsd=charge.cost_usd)
    if told and data.session_options.get("usage") is True:
        data.send_message("usage", **data.spend.message_fields(charge))


def _response_failed(data: SessionData, response: Mapping[str, Any]) -> None:
    error = as_object(as_object(response.get("status_details")).get("error"))
    codes = (as_text(error.get("code")), as_text(error.get("type")))
    message = as_text(error.get("message")) or "The response failed."
    detail = {"upstream": error, "responseId": response.get("id")}
    data.log("response.failed", code=codes[0] or codes[1])
    data.send_error("UPSTREAM_ERROR", message, retryable=_NO_CREDIT.isdisjoint(codes), detail=detail)


def _output_item_added(data: SessionData, body: Mapping[str, Any]) -> None:
    item = as_object(body.get("item"))
    item_id = as_text(item.get("id"))
    active = data.generation.responses.active
    if item_id is None or active is None or body.get("response_id") != active.id:
        return
    active.unfinished_items.add(item_id)
    if item.get("type") == "message":
        note_spoken(data)
        data.generation.responses.spoken_item, data.generation.responses.spoken_bytes = item_id, 0


def _output_item_done(data: SessionData, body: Mapping[str, Any]) -> None:
    item = as_object(body.get("item"))
    active = data.generation.responses.active
    if active is not None:
        active.unfinished_items.discard(as_text(item.get("id")) or "")
    if item.get("content") or item.get("type") != "message":
        data.history.record_item(item)


def _item_announced(data: SessionData, body: Mapping[str, Any]) -> None:
    data.history.record_item(as_object(body.get("item")), (str(body.get("type")),))


def _item_deleted(data: SessionData, body: Mapping[str, Any]) -> None:
    data.history.delete_item(body.get("item_id"))


def _transcribed(data: SessionData, body: Mapping[str, Any]) -> None:
    data.history.record_transcript(body.get("item_id"), body.get("transcript"))
    generation = data.generation
    answer = generation.interruptions.transcribed(str(body.get("item_id")))
    if answer is not None and sounds_like_echo(str(body.get("transcript")), data.history.text_of(answer)):
        data.log("caller.echo", item=loggable_id(answer))
    if generation.transcribing:  # the transcript is the answer
        generation.replay.item_answered(str(body.get("item_id")))
    usage = as_object(body.get("usage"))
    _charge(data, usage, generation.transcription_model, told=generation.transcribing)


def _speech_started(data: SessionData, body: Mapping[str, Any]) -> None:
    data.active_at = data.now
    generation = data.generation
    generation.responses.asked_at = None  # whoever goes on speaking does not wait
    generation.replay.speech_started(as_number(body.get("audio_start_ms")))
    sent_ms = audio_ms(generation.responses.spoken_bytes)
    answer = generation.interruptions.speech_started(str(body.get("item_id")), sent_ms, data.now)
    if answer is not None:
        data.log("caller.spoke_over_answer", item=loggable_id(answer))


def _speech_stopped(data: SessionData, body: Mapping[str, Any]) -> None:
    data.active_at = data.generation.responses.asked_at = data.now
    data.generation.replay.speech_stopped(as_number(body.get("audio_end_ms")))


def _timed_out(data: SessionData, body: Mapping[str, Any]) -> None:
    data.history.record_silence(body.get("item_id"))


def _committed(data: SessionData, body: Mapping[str, Any]) -> None:
    generation = data.generation
    by_client = generation.replay.committed(str(body.get("item_id")))
    if not by_client:
        generation.responses.turn_committed(data.now, auto_response=generation.auto_response)
    elif generation.responses.settle_commit():
        request_response(data, RESPONSE_CREATE)


def _session_updated(data: SessionData, body: Mapping[str, Any]) -> None:
    session = as_object(body.get("session"))
    data.updates.confirmed(session)
    if session:
        data.generation.apply_configuration(session, data.session_options)


#: Who cancels responses, as the service says it.
_CANCEL_REASONS = frozenset({"turn_detected", "client_cancelled"})
#: A response that failed for one of these reasons fails again.
_NO_CREDIT = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "project_spend_limit_exceeded",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    }
)

_HANDLERS: Mapping[str, Callable[[SessionData, Mapping[str, Any]], None]] = {
    "response.created": _response_created,
    "response.done": _response_done,
    "response.output_item.added": _output_item_added,
    "response.output_item.done": _output_item_done,
    "conversation.item.added": _item_announced,
    "conversation.item.created": _item_announced,
    "conversation.item.done": _item_announced,
    "conversation.item.deleted": _item_deleted,
    "conversation.item.input_audio_transcription.completed": _transcribed,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.speech_stopped": _speech_stopped,
    "input_audio_buffer.timeout_triggered": _timed_out,
    "input_audio_buffer.committed": _committed,
    "session.updated": _session_updated,
    "transcription_session.updated": _session_updated,
}

#: Events whose JSON the core reads. The decoder that feeds the core parses these; all others are forwarded unparsed.
PARSED_EVENTS = frozenset(_HANDLERS)


def handle_error(data: SessionData, event: UpstreamError) -> None:
    """Handle an `error` event of a running session: counted, or sent as UPSTREAM_ERROR. It ends nothing by itself."""
    generation = data.generation
    generation.last_event_at = data.now
    code = event.upstream.get("code")
    awaited = data.native and bool(as_text(event.upstream.get("event_id")))  # an SDK waits for this answer
    if code == "conversation_already_has_active_response":
        again = generation.responses.request_refused()
        if again or not awaited:
            data.log("response.waits", code=code)
            return
    if code == "input_audio_buffer_commit_empty":
        generation.replay.commit_refused()
        generation.responses.settle_commit()
    data.updates.rejected(event.upstream)
    if generation.responses.request_failed(event.upstream):
        request_next_response(data)
    if event.harmless and not awaited:
        data.log("upstream.harmless_error", code=code)
        return
    if code == UNREADABLE_FRAME:
        data.log("upstream.unreadable")
    else:
        data.log("upstream.error", code=code)
    if data.native and (code == UNREADABLE_FRAME or event.upstream.get("event_id") == OWN_EVENT_ID):
        return  # the service itself would not say that, and some SDKs end at any error
    failure = event.failure
    detail = {**failure.detail, "upstream": dict(event.upstream)}
    data.send_error("UPSTREAM_ERROR", failure.message, retryable=failure.retryable, detail=detail)
