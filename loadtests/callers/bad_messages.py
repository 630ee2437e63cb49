"""Sends invalid messages at a fixed rate, in addition to everything else that a caller sends. Pure.

Each of them must be answered by an error. Since a bridge may hold further errors back for 2 s and one error then stands
for several messages, only a long silence counts as unanswered.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from bridge.client_protocol.errors import ERROR_WINDOW_SECONDS
from loadtests.callers.speech_clock import CATCH_UP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a client with a bug sends: an unknown type first, then what a careless JSON.parse dies of.
MESSAGES = (
    '{"type":"no_such_message"}',
    "this is not JSON",
    '{"type":"text","text":',
    "null",
    '["type"]',
    '{"no":"type"}',
    '{"type":7}',
)
#: The longest wait for an error: the window in which it may be held back, and time to deliver it on a busy machine.
ANSWER_SECONDS = ERROR_WINDOW_SECONDS + 3.0


@dataclass(slots=True)
class BadMessages:
    """The invalid messages of one caller. All times are seconds on one clock."""

    per_second: float
    """0 sends none."""
    _next: float = 0.0
    _unanswered_since: float | None = None
    _messages: Iterator[str] | None = None

    def start(self, now: float) -> None:
        """Make the first message due now."""
        self._next = now

    def due(self, now: float) -> tuple[str, ...]:
        """Return the messages that are due, at most a second's worth."""
        if not self.per_second:
            return ()
        self._messages = self._messages or cycle(MESSAGES)
        self._next = max(self._next, now - CATCH_UP_SECONDS)
        messages = []
        while self._next <= now:
            self._next += 1 / self.per_second
            messages.append(next(self._messages))
        if messages and self._unanswered_since is None:
            self._unanswered_since = now
        return tuple(messages)

    def error_received(self) -> None:
        """Record that an error came, which stands for every message so far."""
        self._unanswered_since = None

    def went_unanswered(self, now: float) -> bool:
        """Return whether no error has come for too long. Each such silence is reported once."""
        since = self._unanswered_since
        if since is None or now - since <= ANSWER_SECONDS:
            return False
        self._unanswered_since = None
        return True
