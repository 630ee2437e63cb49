"""Messages that nobody understands, at a rate: what a rude caller sends beside whatever else he does. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.callers.speech_clock import CATCH_UP_SECONDS

_MESSAGE = '{"type":"no_such_message"}'


@dataclass(slots=True)
class BadMessages:
    """One caller's. Times are seconds on one clock."""

    per_second: float
    """0: he is polite."""
    _next: float = 0.0

    def start(self, now: float) -> None:
        """Let the first be due now."""
        self._next = now

    def due(self, now: float) -> tuple[str, ...]:
        """Give as many as are due."""
        if not self.per_second:
            return ()
        self._next = max(self._next, now - CATCH_UP_SECONDS)
        many = 0
        while self._next <= now:
            self._next += 1 / self.per_second
            many += 1
        return (_MESSAGE,) * many
