"""What a caller may expect of errors: at most one in two seconds, and one before each close for a fault. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW_SECONDS = 2.0
#: Between deciding and stamping a busy bridge may lose a moment, and the stamp is late by so much.
_TOLERANCE_SECONDS = 0.05
#: So many may arrive at once when something on the way held them up.
_AT_ONCE = 4.0
#: The last error before the bridge closes may come early: it is the one exception.
_LAST_SECONDS = 1.0
#: Closes that need no error: those that a `session_closed` explained.
_CALM = frozenset({1000, 1001})
#: Client protocol, "Errors": the codes that come with a close of their own.
_SAID_BY_CLOSE: Mapping[int, frozenset[str]] = {
    1008: frozenset({"RATE_EXCEEDED"}),
    1009: frozenset({"MESSAGE_TOO_LARGE"}),
    1013: frozenset({"SLOW_CONSUMER", "SERVER_BUSY"}),
}
#: Any other close is explained by an error right before it; one that was held back comes at the end of its window.
_BEFORE_SECONDS = WINDOW_SECONDS + 0.5


@dataclass(slots=True)
class ErrorAudit:
    """The errors of one socket. Times are unix seconds: stamps are the bridge's own, the others ours."""

    last_at: float | None = None
    """As it was stamped: windows are the bridge's own, which no busy machine between the two can bend."""
    last_code: str = ""
    violations: int = 0
    _arrived: float = 0.0
    _room: float = _AT_ONCE
    """How many more may arrive now. Stamps can say anything: what arrives cannot be more than the windows allow."""
    _early: float | None = None
    """When an error arrived that came too early; it is excused if the socket is closed right behind it."""

    def record(self, at: float, code: str = "", arrived: float | None = None) -> None:
        """Take an error, stamped `at`, which arrived now by our own clock."""
        arrived = at if arrived is None else arrived
        self._judge_early(closing_at=None)
        self._room = min(_AT_ONCE, self._room + max(0.0, arrived - self._arrived) / WINDOW_SECONDS) - 1
        too_soon = self.last_at is not None and at - self.last_at < WINDOW_SECONDS - _TOLERANCE_SECONDS
        if too_soon or self._room < 0:
            self._early, self._room = arrived, max(0.0, self._room)
        self.last_at, self.last_code, self._arrived = at, code, arrived

    def finish(self, at: float, *, by_bridge: bool = True) -> int:
        """End the socket; gives how many errors came too early in its life.

        Only a close that the bridge makes excuses an early error.
        """
        self._judge_early(closing_at=at if by_bridge else None)
        return self.violations

    def explains(self, code: int | None, over: str, at: float) -> bool:
        """Say whether a close that the caller did not ask for came with its reason.

        `code` is None where there was no close frame; `over` is what `session_closed` said, if it came.
        """
        if code in _CALM and over:
            return True
        if self.last_at is None:
            return False
        return self.last_code in _SAID_BY_CLOSE.get(code or 0, ()) or at - self._arrived <= _BEFORE_SECONDS

    def _judge_early(self, closing_at: float | None) -> None:
        early, self._early = self._early, None
        if early is not None and (closing_at is None or closing_at - early > _LAST_SECONDS):
            self.violations += 1
