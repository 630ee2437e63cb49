"""Sends invalid messages at a fixed rate, in addition to everything else that a caller sends. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.callers.speech_clock import CATCH_UP_SECONDS

_MESSAGE = '{"type":"no_such_message"}'


@dataclass(slots=True)
class BadMessages:
    """The invalid messages of one caller. All times are seconds on one clock."""

    per_second: float
    """0 sends none."""
    _next: float = 0.0

    def start(self, now: float) -> None:
        """Make the first message due now."""
        self._next = now

    def due(self, now: float) -> tuple[str, ...]:
        """Return the messages that are due, at most a second's worth."""
        if not self.per_second:
            return ()
        self._next = max(self._next, now - CATCH_UP_SECONDS)
        count = 0
        while self._next <= now:
            self._next += 1 / self.per_second
            count += 1
        return (_MESSAGE,) * count
