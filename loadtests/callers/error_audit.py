"""Checks the bridge's promises about errors: at most one in 2 s, and one before each close for a fault. Pure.

See "Errors" in docs/client.md. The windows are measured on the bridge's own timestamps, since delivery may be late;
arrival times only limit how many errors timestamps can explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.client_protocol.errors import ERROR_WINDOW_SECONDS, ERRORS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A busy bridge may stamp an error this much later than it decided to send it.
_TOLERANCE_SECONDS = 0.05
#: This many errors may arrive at once after a delay in delivery.
_AT_ONCE = 4.0
#: The last error before the bridge closes the socket may come early. This is the only exception.
_LAST_SECONDS = 1.0
#: Close codes that need no error, since `session_closed` gave the reason.
_CALM = frozenset({1000, 1001})
#: Client protocol, "Errors": codes that come with a close code of their own.
_SAID_BY_CLOSE: Mapping[int, frozenset[str]] = {
    info.close_code: frozenset(code for code, other in ERRORS.items() if other.close_code == info.close_code)
    for info in ERRORS.values()
    if info.close_code is not None
}
#: Any other close follows an error within this time. A throttled error is sent at the end of its window.
_BEFORE_SECONDS = ERROR_WINDOW_SECONDS + 0.5


@dataclass(slots=True)
class ErrorAudit:
    """The errors of one socket. Times are Unix seconds: timestamps on the bridge's clock, arrivals on ours."""

    last_at: float | None = None
    """Timestamp of the last error. The windows are the bridge's own, so delays in delivery can't distort them."""
    last_code: str = ""
    violations: int = 0
    _arrived: float = 0.0
    _room: float = _AT_ONCE
    """How many more errors may arrive now. Timestamps can be wrong, but arrivals can't exceed what the windows allow.
    """
    _early: float | None = None
    """When an error arrived too early. It is excused if the bridge closes the socket right after it."""

    def record(self, at: float, code: str = "", arrived: float | None = None) -> None:
        """Record an error with timestamp `at`, which arrived at `arrived` on our own clock."""
        arrived = at if arrived is None else arrived
        self._judge_early(closing_at=None)
        self._room = min(_AT_ONCE, self._room + max(0.0, arrived - self._arrived) / ERROR_WINDOW_SECONDS) - 1
        too_soon = self.last_at is not None and at - self.last_at < ERROR_WINDOW_SECONDS - _TOLERANCE_SECONDS
        if too_soon or self._room < 0:
            self._early, self._room = arrived, max(0.0, self._room)
        self.last_at, self.last_code, self._arrived = at, code, arrived

    def finish(self, at: float, *, by_bridge: bool = True) -> int:
        """Close the audit. Returns how many errors came too early.

        Only a close by the bridge excuses an early error.
        """
        self._judge_early(closing_at=at if by_bridge else None)
        return self.violations

    def explains(self, code: int | None, over: str, at: float) -> bool:
        """Return whether a close that the caller did not request came with its reason.

        `code` is None if there was no close frame. `over` is the reason in `session_closed`, if the bridge sent one.
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
