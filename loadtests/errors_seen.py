"""What a caller may expect of errors: at most one in two seconds, and one before each close for a fault."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_SECONDS = 2.0
#: Stamps are written in milliseconds, and two clocks are read between deciding and writing.
_TOLERANCE_SECONDS = 0.005
#: The last error before the bridge closes may come early: it is the one exception.
_LAST_SECONDS = 1.0
#: Closes that need no error: the caller's own, and those that a `session_closed` explained.
_CALM = frozenset({1000, 1001})


@dataclass(slots=True)
class ErrorsSeen:
    """The errors of one socket. Times are unix seconds, the bridge's own where it tells them."""

    last: float | None = None
    violations: int = 0
    _early: float | None = None
    """An error that came too early and is excused if the socket is closed right behind it."""

    def note(self, at: float) -> None:
        """Take an error."""
        self._judge_early(closing_at=None)
        if self.last is not None and at - self.last < WINDOW_SECONDS - _TOLERANCE_SECONDS:
            self._early = at
        self.last = at

    def end(self, at: float) -> int:
        """End the socket; gives how many errors came too early in its life."""
        self._judge_early(closing_at=at)
        return self.violations

    def explains(self, code: int | None, over: str) -> bool:
        """Say whether a close that the caller did not ask for came with its reason."""
        return (code in _CALM and bool(over)) or self.last is not None

    def _judge_early(self, closing_at: float | None) -> None:
        early, self._early = self._early, None
        if early is not None and (closing_at is None or closing_at - early > _LAST_SECONDS):
            self.violations += 1
