"""From the client to a ready upstream: each thing that it sends, as native events, in order.

Also the sequencing of `response.create`: it waits while a response is active or about to begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bridge.core.commands import SendAudio, SendEvent, SendFrame
from bridge.core.events import (
    ClientAudio,
    ClientCommit,
    ClientInput,
    ClientNative,
    ClientText,
    ClientToolResult,
    Interrupt,
)
from bridge.core.json_access import as_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.responses import ResponseRequest
    from bridge.core.session_data import SessionData

RESPONSE_CREATE: Mapping[str, Any] = {"type": "response.create"}


def send(data: SessionData, entry: ClientInput) -> None:
    """Send one thing up. The session is ready."""
    match entry:
        case ClientAudio(pcm, event_id):
            data.emit(SendAudio(data.generation, pcm, event_id))
            data.replay_buffer.audio_sent(pcm)
        case ClientCommit():
            _commit_and_ask(data)
        case ClientText() | ClientToolResult() if data.transcribing:
            words = "A transcription session only writes speech down: it answers neither texts nor results of tools."
            data.send_error("INVALID_MESSAGE", words, retryable=False)
        case ClientText(text):
            content = [{"type": "input_text", "text": text}]
            _create(data, {"type": "message", "role": "user", "content": content})
            request_response(data, RESPONSE_CREATE)
        case ClientToolResult(call_id, output):
            _create(data, {"type": "function_call_output", "call_id": call_id, "output": output})
            request_response(data, RESPONSE_CREATE)
        case ClientNative():
            _send_native(data, entry)
        case _:
            assert_never(entry)


def _send(data: SessionData, event: Mapping[str, Any]) -> None:
    data.emit(SendEvent(data.generation, event))


def _create(data: SessionData, item: Mapping[str, Any]) -> None:
    _send(data, {"type": "conversation.item.create", "item": item})
    data.history.item_sent(item)


def _commit_and_ask(data: SessionData) -> None:
    """Ask at once where the commit is sure to be taken, else once it was: a refused one has nothing to answer."""
    if data.transcribing:
        commit(data)
    elif data.replay_buffer.can_commit:
        commit(data)
        request_response(data, RESPONSE_CREATE)
    else:
        commit(data, respond_after=True)


def commit(data: SessionData, *, respond_after: bool = False) -> None:
    """Say that the speech has ended; `ask_after`: an answer is asked for once the service has confirmed it."""
    _send(data, {"type": "input_audio_buffer.commit"})
    _committed(data, ask_after=respond_after)


def _committed(data: SessionData, *, ask_after: bool = False) -> None:
    data.replay_buffer.commit_sent()
    data.responses.respond_after_commit.append(ask_after)
    data.responses.owed_since = data.now


def _send_native(data: SessionData, event: ClientNative) -> None:
    body = event.body or {}
    beside = as_object(body.get("response")).get("conversation") == "none"
    if event.type == "response.create" and not beside and not data.transcribing:  # such a one can only be refused
        request_response(data, event.frame)
        return
    data.emit(SendFrame(data.generation, event.frame))
    match event.type:
        case "input_audio_buffer.commit":
            _committed(data)
        case "input_audio_buffer.clear":
            data.replay_buffer.buffer_cleared()
        case "conversation.item.create":
            data.history.item_sent(as_object(body.get("item")))
        case "session.update" | "transcription_session.update":
            data.updates.sent(body)


def request_response(data: SessionData, request: ResponseRequest) -> None:
    """Ask for a response, now or as soon as none is active."""
    if data.responses.busy or data.responses.queued:
        if not data.responses.enqueue(request):
            data.send_error("RATE_EXCEEDED", "Too many requests for a response wait already.", retryable=True)
        return
    _ask_now(data, request)


def _ask_now(data: SessionData, request: ResponseRequest) -> None:
    data.responses.request_sent(request, data.now)
    if isinstance(request, bytes):
        data.emit(SendFrame(data.generation, request))
    else:
        _send(data, request)


def request_next_response(data: SessionData) -> None:
    """Send the next request for a response that may go up now."""
    request = data.responses.pop_next_request()
    if request is not None:
        _ask_now(data, request)


def interrupt(data: SessionData, event: Interrupt) -> None:
    """Stop the answer, cut what was not heard, and forget what was asked for and has not begun."""
    turns = data.responses
    turns.clear_requests()
    if turns.active is not None or turns.pending_request is not None:
        turns.cancelled = True
        _send(data, {"type": "response.cancel"})
    item_id = event.item_id or turns.spoken_item
    if item_id is not None and event.played_ms is not None:
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": event.played_ms}
        _send(data, {"type": "conversation.item.truncate", **cut})
    data.log("client.interrupted", item=item_id)
