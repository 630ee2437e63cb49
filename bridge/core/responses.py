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

from bridge.core.json_access import a_text, an_object

Ask = Mapping[str, Any] | bytes
"""A `response.create`: one that the core made, or the frame that the client wrote."""

#: Requests for a response that may wait; more is a client that asks without listening.
MAX_WAITING = 20

#: Event types whose JSON the core looks into; everything else is forwarded unread.
LOOKED_INTO = frozenset(
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
OUTPUT = frozenset(
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
class Turns:
    """The responses of one upstream session."""

    active: str | None = None
    """The running response of the default conversation."""
    active_ask: Ask | None = None
    """The request that began it; None: turn detection did."""
    unfinished: set[str] = field(default_factory=set)
    """Its items that are not whole yet."""
    spoken_item: str | None = None
    """The item that it speaks, or that was spoken last: what an interruption cuts, even while it is only played."""
    reached_client: bool = False
    """Whether anything of the running response was forwarded."""
    answers_up_to: int = 0
    """Up to which of the speech that went up the running response answers, in bytes."""
    waiting: deque[Ask] = field(default_factory=deque)
    """`response.create` events that have not gone up."""
    after_commit: deque[bool] = field(default_factory=deque)
    """The commits that went up and are not confirmed: whether an answer is to be asked for behind each, once it is."""
    asked: Ask | None = None
    """The `response.create` that went up and whose `response.created` has not come."""
    cancelled: bool = False
    """The client interrupted what was asked for or runs: it is not asked for again."""
    expected: bool = False
    """Turn detection took a turn and will begin a response by itself."""
    owed_since: float = float("-inf")
    """When something was asked for, committed or begun last."""

    def wait(self, ask: Ask) -> bool:
        """Let a request wait; False when too many wait already."""
        if len(self.waiting) >= MAX_WAITING:
            return False
        self.waiting.append(ask)
        return True

    def commit_settled(self) -> bool:
        """The service took or refused the oldest commit; whether an answer waited for that."""
        return self.after_commit.popleft() if self.after_commit else False

    def forget_requests(self) -> None:
        """Nothing that was asked for and has not gone up is wanted any more."""
        self.waiting.clear()
        self.after_commit = deque(False for _ in self.after_commit)

    @property
    def busy(self) -> bool:
        """Whether a response runs or is about to."""
        return self.active is not None or self.asked is not None or self.expected

    @property
    def owed(self) -> bool:
        """Whether the caller waits for an answer of which nothing came yet, or that is not whole."""
        return self.busy or bool(self.waiting)

    def went_up(self, ask: Ask, now: float) -> None:
        """A `response.create` went up."""
        self.asked = ask
        self.cancelled = False
        self.owed_since = now

    def turn_taken(self, now: float, *, answers_itself: bool) -> None:
        """The service committed a turn."""
        if answers_itself and self.active is None:
            self.expected = True
            self.owed_since = now

    def began(self, response_id: str, taken_up_to: int, now: float) -> None:
        """A response of the default conversation has begun."""
        self.active, self.reached_client = response_id, False
        self.unfinished.clear()
        self.answers_up_to = taken_up_to
        self.active_ask = self.asked
        self.asked, self.expected = None, False
        self.owed_since = now

    def ended(self, response_id: str) -> bool:
        """A response is over; whether it was the active one."""
        if response_id != self.active:
            return False
        self.active = self.active_ask = None
        self.unfinished.clear()
        self.reached_client = self.cancelled = False
        return True

    def refused(self) -> None:
        """The service said that a response is active already: what was asked for waits after all.

        The running response may have been taken for the one that was asked for, when both came at the same moment.
        """
        ask = self.asked if self.asked is not None else self.active_ask
        if ask is not None and not self.cancelled:
            self.waiting.appendleft(ask)
        self.asked = self.active_ask = None

    def failed(self, error: Mapping[str, Any]) -> bool:
        """Whether an error speaks of the request that went up: it will not be answered, nor would asking again help."""
        ask = self.active_ask if self.asked is None else self.asked
        if ask is None or not _is_about(error, ask):
            return False
        self.asked = self.active_ask = None
        return True

    def next_to_ask(self) -> Ask | None:
        """Take the next request that may go up now."""
        return self.waiting.popleft() if self.waiting and not self.busy else None

    def to_ask_again(self) -> Ask | None:
        """Give the request of which nothing reached the client: a fresh session must be asked anew."""
        if self.cancelled:
            return None
        return self.active_ask if self.active is not None and not self.reached_client else self.asked


def _is_about(error: Mapping[str, Any], ask: Ask) -> bool:
    """By the name that the client gave its event; without one, by the field that is wrong."""
    event_id = a_text(error.get("event_id"))
    if event_id:
        return _name_of(ask) == event_id
    return (a_text(error.get("param")) or "").partition(".")[0] == "response"


def _name_of(ask: Ask) -> object:
    if isinstance(ask, bytes):
        try:
            ask = an_object(json.loads(ask))
        except (ValueError, RecursionError):
            return None
    return ask.get("event_id")
