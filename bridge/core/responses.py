"""The responses of one upstream session: which one is active, which are requested, and what the caller still waits for.

A `response.create` never goes upstream while a response is active or about to be created by turn detection, since the
service refuses it then: it is queued. If something is outstanding for too long, the session counts as stalled; the
watchdog in `deadlines.py` reads `outstanding` and `outstanding_since`.

The queues are lists, as elsewhere in the core where few entries wait: an empty deque takes ten times an empty list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.json_access import as_text, read_object

ResponseRequest = Mapping[str, Any] | bytes
"""A `response.create`: an event that the core made, or the frame that the client wrote."""

#: Response requests that are queued at most; more is a client that requests without listening.
MAX_QUEUED = 20
#: The same in bytes of frames that clients wrote. One request is queued whatever its size, which the endpoint bounds.
MAX_QUEUED_BYTES = 2**20

#: Events that carry audio.
AUDIO_EVENTS = frozenset({"response.output_audio.delta", "response.audio.delta"})
#: Events that carry a piece of a response to the caller. Of a function call that is only the whole: nobody uses a part.
OUTPUT_EVENTS = AUDIO_EVENTS | frozenset(
    {
        "response.output_text.delta",
        "response.output_audio_transcript.delta",
        "response.text.delta",
        "response.audio_transcript.delta",
        "response.function_call_arguments.done",
    }
)


@dataclass(slots=True)
class ActiveResponse:
    """The active response of the default conversation."""

    id: str
    request: ResponseRequest | None
    """The request that created it; None if turn detection did."""
    answers_up_to: int
    """Which of the speech that went upstream it answers: all before this position (`speech/replay_buffer.py`)."""
    created_at: float
    reached_client: bool = False
    """Whether any of its output was forwarded."""
    unfinished_items: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ResponseTracker:
    """The responses of one upstream session."""

    active: ActiveResponse | None = None
    queued: list[ResponseRequest] = field(default_factory=list)
    """Requests that have not gone upstream."""
    pending_request: ResponseRequest | None = None
    """The request that went upstream and whose `response.created` has not come."""
    respond_after_commit: list[bool] = field(default_factory=list)
    """For each unconfirmed commit, whether to request a response once it is confirmed."""
    auto_response_expected: bool = False
    """Turn detection took a turn and will create a response by itself."""
    cancelled: bool = False
    """The client interrupted the pending request or the active response: it is not requested again."""
    spoken_item: str | None = None
    """The item being spoken, or spoken last: an interruption truncates it, also while it is only being played."""
    spoken_bytes: int = 0
    """How much audio of it was sent to the client, in bytes of base64."""
    outstanding_since: float = float("-inf")
    """When something was last requested, committed or created."""
    asked_at: float | None = None
    """Since when the caller waits for the first audio of an answer: their turn ended, or the client asked for one."""

    @property
    def busy(self) -> bool:
        """Whether a response is active or about to be created."""
        return self.active is not None or self.pending_request is not None or self.auto_response_expected

    @property
    def outstanding(self) -> bool:
        """Whether the caller waits for a response that has not begun or is not complete."""
        return self.busy or bool(self.queued)

    @property
    def audio_is_awaited(self) -> bool:
        """Whether the next audio is the first of an answer that the caller waits for."""
        return self.asked_at is not None and not self.spoken_bytes

    # Requests

    def enqueue(self, request: ResponseRequest) -> bool:
        """Queue a request. False if too many are queued already."""
        size = sum(len(one) for one in (*self.queued, request) if isinstance(one, bytes))
        if len(self.queued) >= MAX_QUEUED or (self.queued and size > MAX_QUEUED_BYTES):
            return False
        self.queued.append(request)
        return True

    def pop_next_request(self) -> ResponseRequest | None:
        """Remove and return the next request that may go upstream now; None if there is none."""
        return self.queued.pop(0) if self.queued and not self.busy else None

    def request_sent(self, request: ResponseRequest, now: float) -> None:
        """Record a `response.create` that went upstream."""
        self.pending_request = request
        self.cancelled = False
        self.outstanding_since = self.asked_at = now

    def request_refused(self) -> bool:
        """Queue the request again: the service said that a response is active already. False if there is none.

        If both crossed on the wire, the active response was mistaken for the requested one.
        """
        request = self.pending_request if self.pending_request is not None else self._active_request
        again = request is not None and not self.cancelled
        if request is not None and again:
            self.queued.insert(0, request)
        self._drop_request()
        return again

    def request_failed(self, error: Mapping[str, Any]) -> bool:
        """Drop the request if the error is about it: repeating it would not help. Returns whether it was."""
        request = self._active_request if self.pending_request is None else self.pending_request
        if request is None or not _is_about(error, request):
            return False
        self._drop_request()
        return True

    def clear_requests(self) -> None:
        """Drop everything that was requested and has not gone upstream."""
        self.queued.clear()
        self.respond_after_commit = [False] * len(self.respond_after_commit)

    def settle_commit(self) -> bool:
        """Record that the service confirmed or refused the oldest commit. Returns whether to request a response now."""
        return self.respond_after_commit.pop(0) if self.respond_after_commit else False

    def request_to_repeat(self) -> ResponseRequest | None:
        """Return the request whose answer hasn't begun to reach the client: it is sent again to a fresh session."""
        if self.cancelled:
            return None
        unheard = self.active is not None and not self.active.reached_client
        return self._active_request if unheard else self.pending_request

    # Responses

    def turn_committed(self, now: float, *, auto_response: bool) -> None:
        """Record that turn detection took a turn; with `auto_response` it creates a response by itself."""
        if auto_response and self.active is None:
            self.auto_response_expected = True
            self.outstanding_since = now

    def response_created(self, response_id: str, committed_up_to: int, now: float) -> None:
        """Record that a response of the default conversation is active."""
        self.active = ActiveResponse(response_id, self.pending_request, committed_up_to, now)
        self.pending_request, self.auto_response_expected = None, False
        self.outstanding_since = now

    def response_done(self, response_id: str) -> ActiveResponse | None:
        """Record that a response is over. Returns it if it was the active one."""
        done = self.active
        if done is None or done.id != response_id:
            return None
        self.active = None
        self.cancelled = False
        return done

    @property
    def _active_request(self) -> ResponseRequest | None:
        return self.active.request if self.active is not None else None

    def _drop_request(self) -> None:
        self.pending_request = None
        if self.active is not None:
            self.active.request = None


def _is_about(error: Mapping[str, Any], request: ResponseRequest) -> bool:
    """Return whether an error is about a request: by its `event_id` or, without one, by the parameter at fault."""
    event_id = as_text(error.get("event_id"))
    if event_id:
        return event_id_of(request) == event_id
    return (as_text(error.get("param")) or "").partition(".")[0] == "response"


def event_id_of(request: ResponseRequest) -> object:
    """Return the `event_id` of a request; None if it has none."""
    body = read_object(request) if isinstance(request, bytes) else request
    return body.get("event_id")
