"""From the client to a ready upstream session: each input as native events, in order.

Also decides when a `response.create` goes upstream: it waits while a response is active or about to be created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bridge.core.commands import SendAudio, SendEvent, SendFrame, SendNative
from bridge.core.events import (
    ClientAudio,
    ClientCommit,
    ClientInput,
    ClientNative,
    ClientText,
    ClientToolResult,
    Interrupt,
    PlaybackProgress,
)
from bridge.core.json_access import as_number, as_object, as_text, loggable_id, read_object
from bridge.core.responses import event_id_of
from bridge.core.speech.heard import audio_ms
from bridge.core.speech.interruptions import SLOW_BARGE_IN_MS
from bridge.core.spending.caps import BUDGET_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.responses import ResponseRequest
    from bridge.core.session_data import SessionData

RESPONSE_CREATE: Mapping[str, Any] = {"type": "response.create"}
#: The `event_id` of events that restore a conversation for an SDK.
OWN_EVENT_ID = "event_bridge_recovery"


def send(data: SessionData, entry: ClientInput) -> None:
    """Send one input upstream. The session must be ready."""
    match entry:
        case ClientAudio():
            send_audio(data, entry)
        case ClientCommit():
            _commit_turn(data)
        case ClientText() | ClientToolResult() if data.generation.transcribing:
            message = "A transcription session only transcribes speech: it takes no texts and no tool results."
            data.send_error("INVALID_MESSAGE", message, retryable=False)
        case ClientText(text):
            content = [{"type": "input_text", "text": text}]
            _create_item(data, {"type": "message", "role": "user", "content": content})
            request_response(data, RESPONSE_CREATE)
        case ClientToolResult(call_id, output):
            _create_item(data, {"type": "function_call_output", "call_id": call_id, "output": output})
            request_response(data, RESPONSE_CREATE)
        case ClientNative():
            _send_native(data, entry)
        case _:
            assert_never(entry)


def send_audio(data: SessionData, audio: ClientAudio) -> None:
    """Append audio upstream, and keep it until it is answered."""
    data.emit(SendAudio(data.generation.number, audio.pcm, audio.event_id))
    data.generation.replay.audio_sent(audio.pcm)


def _send_event(data: SessionData, event: Mapping[str, Any]) -> None:
    data.emit(SendEvent(data.generation.number, event))


def send_own_event(data: SessionData, event: Mapping[str, Any]) -> None:
    """Send an event that no client asked for. An SDK isn't told if it is refused: it could not know what to do."""
    _send_event(data, {**event, "event_id": OWN_EVENT_ID} if data.native else event)


def _create_item(data: SessionData, item: Mapping[str, Any]) -> None:
    _send_event(data, {"type": "conversation.item.create", "item": item})
    data.history.item_sent(item)


def _commit_turn(data: SessionData) -> None:
    """Commit, and request the response.

    At once if the service is certain to accept the commit, else once it has: a refused commit has nothing to answer.
    """
    if data.generation.transcribing:
        commit(data)
    elif data.generation.replay.can_commit:
        commit(data)
        request_response(data, RESPONSE_CREATE)
    else:
        commit(data, respond_after=True)


def commit(data: SessionData, *, respond_after: bool = False) -> None:
    """Commit the audio; with `respond_after`, a response is requested once the service has confirmed the commit."""
    send_own_event(data, {"type": "input_audio_buffer.commit"})
    _commit_sent(data, respond_after=respond_after)


def _commit_sent(data: SessionData, *, respond_after: bool = False) -> None:
    data.generation.replay.commit_sent()
    data.generation.responses.respond_after_commit.append(respond_after)
    data.generation.responses.outstanding_since = data.now


def _send_native(data: SessionData, event: ClientNative) -> None:
    body = _body(event)
    if (answer := data.generation.items.answer(event.type, body)) is not None:
        data.emit(SendNative(answer))
        return
    out_of_band = as_object(body.get("response")).get("conversation") == "none"
    if event.type == "response.create" and not out_of_band and not data.generation.transcribing:
        request_response(data, event.frame)
        return
    if event.type == "response.create" and data.exhausted:
        refuse_for_budget(data, body.get("event_id"))
        return
    changed = data.generation.items.without_lost_anchor(body) if event.type == "conversation.item.create" else None
    if changed is None:
        data.emit(SendFrame(data.generation.number, event.frame))
    else:
        _send_event(data, changed)
    record = _NATIVE_RECORDERS.get(event.type)
    if record is not None:
        record(data, body, event.frame)


#: Native events of which the core reads more than the type.
READ_EVENTS = frozenset(
    {
        "response.create",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.truncate",
        "session.update",
        "transcription_session.update",
    }
)


def _body(event: ClientNative) -> Mapping[str, Any]:
    if event.body is None and event.type in READ_EVENTS:
        return read_object(event.frame)
    return event.body or {}


def _item_sent(data: SessionData, body: Mapping[str, Any], frame: bytes) -> None:
    data.history.item_sent(as_object(body.get("item")), frame)


def _truncated(data: SessionData, body: Mapping[str, Any], _: bytes) -> None:
    played_ms = as_number(body.get("audio_end_ms"))
    _note_barge_in(data, data.generation.interruptions.silenced(as_text(body.get("item_id")), played_ms))


#: What must be remembered of a native event that the client sent.
_NATIVE_RECORDERS: Mapping[str, Callable[[SessionData, Mapping[str, Any], bytes], None]] = {
    "input_audio_buffer.commit": lambda data, *_: _commit_sent(data),
    "input_audio_buffer.clear": lambda data, *_: data.generation.replay.buffer_cleared(),
    "conversation.item.create": _item_sent,
    "conversation.item.truncate": _truncated,
    "session.update": lambda data, body, frame: data.updates.sent(body, frame),
    "transcription_session.update": lambda data, body, frame: data.updates.sent(body, frame),
}


def refuse_for_budget(data: SessionData, event_id: object = None) -> None:
    """Tell the client that nothing that costs is asked for any more."""
    detail = {"eventId": event_id} if isinstance(event_id, str) else None
    code, message = BUDGET_ERROR
    data.send_error(code, message, retryable=False, detail=detail)


def request_response(data: SessionData, request: ResponseRequest) -> None:
    """Request a response now, or as soon as none is active; past a cap of spending, not at all."""
    if data.exhausted:
        refuse_for_budget(data, event_id_of(request))
        return
    responses = data.generation.responses
    if not responses.busy and not responses.queued:
        _send_request(data, request)
    elif not responses.enqueue(request):
        detail = {"upstream": _too_many(request)} if data.native else None
        data.send_error(
            "RATE_EXCEEDED", "Too many response requests are queued already.", retryable=True, detail=detail
        )


def _too_many(request: ResponseRequest) -> Mapping[str, Any]:
    """Return the service's error for a request while a response is active. SDKs know it, and go on."""
    return {
        "type": "invalid_request_error",
        "code": "conversation_already_has_active_response",
        "message": "Conversation already has an active response in progress, and too many requests are queued.",
        "param": None,
        "event_id": event_id_of(request),
    }


def request_next_response(data: SessionData) -> None:
    """Send the next queued response request, if one may go upstream now."""
    request = None if data.exhausted else data.generation.responses.pop_next_request()
    if request is not None:
        _send_request(data, request)


def _send_request(data: SessionData, request: ResponseRequest) -> None:
    data.generation.responses.request_sent(request, data.now)
    if isinstance(request, bytes):
        data.emit(SendFrame(data.generation.number, request))
    else:
        _send_event(data, request)


def interrupt(data: SessionData, event: Interrupt) -> None:
    """Cancel the response, truncate what was not played, and drop requests that have not gone upstream."""
    responses = data.generation.responses
    responses.clear_requests()
    if responses.active is not None or responses.pending_request is not None:
        responses.cancelled = True
        _send_event(data, {"type": "response.cancel"})
    item_id = event.item_id or responses.spoken_item
    played_ms = _played_ms(data, item_id) if event.played_ms is None else event.played_ms
    if item_id is not None and played_ms is not None:
        note_spoken(data)
        data.history.record_played(item_id, played_ms)
        position = {"item_id": item_id, "content_index": 0, "audio_end_ms": played_ms}
        _send_event(data, {"type": "conversation.item.truncate", **position})
    _note_barge_in(data, data.generation.interruptions.silenced(item_id, played_ms))
    data.log("client.interrupted", item=None if item_id is None else loggable_id(item_id))


def _played_ms(data: SessionData, item_id: str | None) -> int | None:
    """Return how much of an item the client said that it has played; None if it said nothing."""
    playback = data.playback
    return playback.played_ms if playback is not None and playback.item_id == item_id else None


def note_playback(data: SessionData, playback: PlaybackProgress) -> None:
    """Keep how much of an item the client has played."""
    data.playback = playback
    data.active_at = data.now
    note_spoken(data)
    data.history.record_played(playback.item_id, playback.played_ms)
    played_on = data.generation.interruptions.played(playback.item_id, playback.played_ms, data.now)
    _note_barge_in(data, played_on)


def _note_barge_in(data: SessionData, played_on_ms: float | None) -> None:
    if played_on_ms is None:
        return
    data.log("barge_in.silent", seconds=played_on_ms / 1000)
    if played_on_ms > SLOW_BARGE_IN_MS:
        data.log("barge_in.slow", ms=round(played_on_ms))


def note_spoken(data: SessionData) -> None:
    """Keep how much audio the client was sent of the item being spoken."""
    responses = data.generation.responses
    if responses.spoken_item is not None:
        data.history.record_spoken(responses.spoken_item, audio_ms(responses.spoken_bytes))
