"""From the client to a ready upstream: each thing that it sends, as native events, in order.

Also the sequencing of `response.create`: it waits while a response is active or about to begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bridge.core.commands import SendAudio, SendEvent, SendFrame
from bridge.core.events import ClientAudio, ClientCommit, ClientNative, ClientText, ClientToolResult, Held, Interrupt
from bridge.core.loose import an_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.data import SessionData
    from bridge.core.turns import Ask

RESPONSE_CREATE: Mapping[str, Any] = {"type": "response.create"}


def send_up(data: SessionData, entry: Held) -> None:
    """Send one thing up. The session is ready."""
    match entry:
        case ClientAudio(pcm):
            data.do(SendAudio(data.generation, pcm))
            data.unanswered.sent(pcm)
        case ClientCommit():
            commit(data)
            if not data.transcribing:
                ask(data, RESPONSE_CREATE)
        case ClientText(text):
            content = [{"type": "input_text", "text": text}]
            _create(data, {"type": "message", "role": "user", "content": content})
            ask(data, RESPONSE_CREATE)
        case ClientToolResult(call_id, output):
            _create(data, {"type": "function_call_output", "call_id": call_id, "output": output})
            ask(data, RESPONSE_CREATE)
        case ClientNative():
            _send_native(data, entry)
        case _:
            assert_never(entry)


def _send(data: SessionData, event: Mapping[str, Any]) -> None:
    data.do(SendEvent(data.generation, event))


def _create(data: SessionData, item: Mapping[str, Any]) -> None:
    _send(data, {"type": "conversation.item.create", "item": item})
    data.context.sent_item(item)


def commit(data: SessionData) -> None:
    """Say that the speech has ended. Whether a response is asked for is the caller's affair."""
    _send(data, {"type": "input_audio_buffer.commit"})
    _committed(data)


def _committed(data: SessionData) -> None:
    data.unanswered.sent_commit()
    data.turns.owed_since = data.now


def _send_native(data: SessionData, event: ClientNative) -> None:
    body = event.body or {}
    if event.type == "response.create" and an_object(body.get("response")).get("conversation") != "none":
        ask(data, event.frame)
        return
    data.do(SendFrame(data.generation, event.frame))
    match event.type:
        case "input_audio_buffer.commit":
            _committed(data)
        case "input_audio_buffer.clear":
            data.unanswered.cleared()
        case "conversation.item.create":
            data.context.sent_item(an_object(body.get("item")))
        case "session.update" | "transcription_session.update":
            data.updates.sent(body)


def ask(data: SessionData, request: Ask) -> None:
    """Ask for a response, now or as soon as none is active."""
    if data.turns.busy or data.turns.waiting:
        if not data.turns.wait(request):
            data.fail("RATE_EXCEEDED", "Too many requests for a response wait already.", retryable=True)
        return
    _ask_now(data, request)


def _ask_now(data: SessionData, request: Ask) -> None:
    data.turns.went_up(request, data.now)
    if isinstance(request, bytes):
        data.do(SendFrame(data.generation, request))
    else:
        _send(data, request)


def ask_next(data: SessionData) -> None:
    """Send the next request for a response that may go up now."""
    request = data.turns.next_to_ask()
    if request is not None:
        _ask_now(data, request)


def interrupt(data: SessionData, event: Interrupt) -> None:
    """Stop the answer, cut what was not heard, and forget what was asked for and has not begun."""
    turns = data.turns
    turns.waiting.clear()
    if turns.active is not None or turns.asked is not None:
        turns.cancelled = True
        _send(data, {"type": "response.cancel"})
    item_id = event.item_id or turns.spoken_item
    if item_id is not None and event.played_ms is not None:
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": event.played_ms}
        _send(data, {"type": "conversation.item.truncate", **cut})
    data.note("client.interrupted", item=item_id)
