"""Who may speak next: responses asked for, responses running, and what is owed to the caller.

`response.create` never goes up while a response is active, or is about to begin by turn detection: it waits. Whatever
is owed for too long makes the session suspicious; the watchdog in `clock.py` asks `owed` and `owed_since`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.json_access import as_object, as_text

ResponseRequest = Mapping[str, Any] | bytes
"""A `response.create`: one that the core made, or the frame that the client wrote."""

#: Requests for a response that may wait; more is a client that asks without listening.
MAX_QUEUED = 20

#: Event types whose JSON the core looks into; everything else is forwarded unread.
PARSED_EVENTS = frozenset(
    {
        "response.created",
        "response.done",
        "response.output_item.added",
        "response.output_item.done",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.done",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.completed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "session.updated",
        "transcription_session.updated",
    }
)
#: Events that carry a piece of an answer to the caller.
OUTPUT_EVENTS = frozenset(
    {
        "response.output_text.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.text.delta",
        "response.audio.delta",
        "response.audio_transcript.delta",
        "response.function_call_arguments.delta",
    }
)


@dataclass(slots=True)
class ResponseTracker:
    """The responses of one upstream session."""

    active: str | None = None
    """The running response of the default conversation."""
    active_request: ResponseRequest | None = None
    """The request that began it; None: turn detection did."""
    unfinished_items: set[str] = field(default_factory=set)
    """Its items that are not whole yet."""
    spoken_item: str | None = None
    """The item that it speaks, or that was spoken last: what an interruption cuts, even while it is only played."""
    reached_client: bool = False
    """Whether anything of the running response was forwarded."""
    answers_up_to: int = 0
    """Up to which of the speech that went up the running response answers, in bytes."""
    queued: deque[ResponseRequest] = field(default_factory=deque)
    """`response.create` events that have not gone up."""
    respond_after_commit: deque[bool] = field(default_factory=deque)
    """The commits that went up and are not confirmed: whether an answer is to be asked for behind each, once it is."""
    pending_request: ResponseRequest | None = None
    """The `response.create` that went up and whose `response.created` has not come."""
    cancelled: bool = False
    """The client interrupted what was asked for or runs: it is not asked for again."""
    auto_response_expected: bool = False
    """Turn detection took a turn and will begin a response by itself."""
    owed_since: float = float("-inf")
    """When something was asked for, committed or begun last."""

    def enqueue(self, ask: ResponseRequest) -> bool:
        """Let a request wait; False when too many wait already."""
        if len(self.queued) >= MAX_QUEUED:
            return False
        self.queued.append(ask)
        return True

    def settle_commit(self) -> bool:
        """The service took or refused the oldest commit; whether an answer waited for that."""
        return self.respond_after_commit.popleft() if self.respond_after_commit else False

    def clear_requests(self) -> None:
        """Nothing that was asked for and has not gone up is wanted any more."""
        self.queued.clear()
        self.respond_after_commit = deque(False for _ in self.respond_after_commit)

    @property
    def busy(self) -> bool:
        """Whether a response runs or is about to."""
        return self.active is not None or self.pending_request is not None or self.auto_response_expected

    @property
    def owed(self) -> bool:
        """Whether the caller waits for an answer of which nothing came yet, or that is not whole."""
        return self.busy or bool(self.queued)

    def request_sent(self, ask: ResponseRequest, now: float) -> None:
        """A `response.create` went up."""
        self.pending_request = ask
        self.cancelled = False
        self.owed_since = now

    def turn_committed(self, now: float, *, auto_response: bool) -> None:
        """The service committed a turn."""
        if auto_response and self.active is None:
            self.auto_response_expected = True
            self.owed_since = now

    def response_created(self, response_id: str, taken_up_to: int, now: float) -> None:
        """A response of the default conversation has begun."""
        self.active, self.reached_client = response_id, False
        self.unfinished_items.clear()
        self.answers_up_to = taken_up_to
        self.active_request = self.pending_request
        self.pending_request, self.auto_response_expected = None, False
        self.owed_since = now

    def response_done(self, response_id: str) -> bool:
        """A response is over; whether it was the active one."""
        if response_id != self.active:
            return False
        self.active = self.active_request = None
        self.unfinished_items.clear()
        self.reached_client = self.cancelled = False
        return True

    def request_refused(self) -> None:
        """The service said that a response is active already: what was asked for waits after all.

        The running response may have been taken for the one that was asked for, when both came at the same moment.
        """
        ask = self.pending_request if self.pending_request is not None else self.active_request
        if ask is not None and not self.cancelled:
            self.queued.appendleft(ask)
        self.pending_request = self.active_request = None

    def request_failed(self, error: Mapping[str, Any]) -> bool:
        """Whether an error speaks of the request that went up: it will not be answered, nor would asking again help."""
        ask = self.active_request if self.pending_request is None else self.pending_request
        if ask is None or not _is_about(error, ask):
            return False
        self.pending_request = self.active_request = None
        return True

    def pop_next_request(self) -> ResponseRequest | None:
        """Take the next request that may go up now."""
        return self.queued.popleft() if self.queued and not self.busy else None

    def request_to_repeat(self) -> ResponseRequest | None:
        """Give the request of which nothing reached the client: a fresh session must be asked anew."""
        if self.cancelled:
            return None
        return self.active_request if self.active is not None and not self.reached_client else self.pending_request


def _is_about(error: Mapping[str, Any], ask: ResponseRequest) -> bool:
    """By the name that the client gave its event; without one, by the field that is wrong."""
    event_id = as_text(error.get("event_id"))
    if event_id:
        return _name_of(ask) == event_id
    return (as_text(error.get("param")) or "").partition(".")[0] == "response"


def _name_of(ask: ResponseRequest) -> object:
    if isinstance(ask, bytes):
        try:
            ask = as_object(json.loads(ask))
        except (ValueError, RecursionError):
            return None
    return ask.get("event_id")
