"""From the client to a ready upstream: each thing that it sends, as native events, in order.

Also the sequencing of `response.create`: it waits while a response is active or about to begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bridge.core.commands import SendAudio, SendEvent, SendFrame
from bridge.core.events import ClientAudio, ClientCommit, ClientNative, ClientText, ClientToolResult, Held, Interrupt
from bridge.core.json_access import an_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.responses import Ask
    from bridge.core.session_data import SessionData

RESPONSE_CREATE: Mapping[str, Any] = {"type": "response.create"}


def send_up(data: SessionData, entry: Held) -> None:
    """Send one thing up. The session is ready."""
    match entry:
        case ClientAudio(pcm, event_id):
            data.do(SendAudio(data.generation, pcm, event_id))
            data.unanswered.sent(pcm)
        case ClientCommit():
            _commit_and_ask(data)
        case ClientText() | ClientToolResult() if data.transcribing:
            words = "A transcription session only writes speech down: it answers neither texts nor results of tools."
            data.fail("INVALID_MESSAGE", words, retryable=False)
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


def _commit_and_ask(data: SessionData) -> None:
    """Ask at once where the commit is sure to be taken, else once it was: a refused one has nothing to answer."""
    if data.transcribing:
        commit(data)
    elif data.unanswered.sure_to_commit:
        commit(data)
        ask(data, RESPONSE_CREATE)
    else:
        commit(data, ask_after=True)


def commit(data: SessionData, *, ask_after: bool = False) -> None:
    """Say that the speech has ended; `ask_after`: an answer is asked for once the service has confirmed it."""
    _send(data, {"type": "input_audio_buffer.commit"})
    _committed(data, ask_after=ask_after)


def _committed(data: SessionData, *, ask_after: bool = False) -> None:
    data.unanswered.sent_commit()
    data.turns.after_commit.append(ask_after)
    data.turns.owed_since = data.now


def _send_native(data: SessionData, event: ClientNative) -> None:
    body = event.body or {}
    beside = an_object(body.get("response")).get("conversation") == "none"
    if event.type == "response.create" and not beside and not data.transcribing:  # such a one can only be refused
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
    turns.forget_requests()
    if turns.active is not None or turns.asked is not None:
        turns.cancelled = True
        _send(data, {"type": "response.cancel"})
    item_id = event.item_id or turns.spoken_item
    if item_id is not None and event.played_ms is not None:
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": event.played_ms}
        _send(data, {"type": "conversation.item.truncate", **cut})
    data.note("client.interrupted", item=item_id)
