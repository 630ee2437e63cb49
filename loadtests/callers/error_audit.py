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
_MAX_BURST = 4.0
#: The last error before the bridge closes the socket may come early. This is the only exception.
_FINAL_ERROR_SECONDS = 1.0
#: Close codes that need no error, since `session_closed` gave the reason.
_EXPECTED_CLOSES = frozenset({1000, 1001})
#: Client protocol, "Errors": codes that come with a close code of their own.
_CODES_WITH_CLOSE: Mapping[int, frozenset[str]] = {
    info.close_code: frozenset(code for code, other in ERRORS.items() if other.close_code == info.close_code)
    for info in ERRORS.values()
    if info.close_code is not None
}
#: Any other close follows an error within this time. A throttled error is sent at the end of its window.
_MAX_ERROR_AGE_SECONDS = ERROR_WINDOW_SECONDS + 0.5


@dataclass(slots=True)
class ErrorAudit:
    """The errors of one socket. Times are Unix seconds: timestamps on the bridge's clock, arrivals on ours."""

    last_at: float | None = None
    """Timestamp of the last error. The windows are the bridge's own, so delays in delivery can't distort them."""
    last_code: str = ""
    violations: int = 0
    _arrived_at: float = 0.0
    _allowance: float = _MAX_BURST
    """How many more errors may arrive now. Timestamps can be wrong, but arrivals can't exceed what the windows allow.
    """
    _early_at: float | None = None
    """When an error arrived too early. It is excused if the bridge closes the socket right after it."""

    def record(self, at: float, code: str = "", arrived: float | None = None) -> None:
        """Record an error with timestamp `at`, which arrived at `arrived` on our own clock."""
        arrived = at if arrived is None else arrived
        self._check_early(closing_at=None)
        self._allowance = (
            min(_MAX_BURST, self._allowance + max(0.0, arrived - self._arrived_at) / ERROR_WINDOW_SECONDS) - 1
        )
        too_soon = self.last_at is not None and at - self.last_at < ERROR_WINDOW_SECONDS - _TOLERANCE_SECONDS
        if too_soon or self._allowance < 0:
            self._early_at, self._allowance = arrived, max(0.0, self._allowance)
        self.last_at, self.last_code, self._arrived_at = at, code, arrived

    def finish(self, at: float, *, by_bridge: bool = True) -> int:
        """Close the audit. Returns how many errors came too early.

        Only a close by the bridge excuses an early error.
        """
        self._check_early(closing_at=at if by_bridge else None)
        return self.violations

    def explains(self, code: int | None, reason: str, at: float) -> bool:
        """Return whether a close that the caller did not request came with its reason.

        `code` is None if there was no close frame. `reason` is the one in `session_closed`, if the bridge sent one.
        """
        if code in _EXPECTED_CLOSES and reason:
            return True
        if self.last_at is None:
            return False
        return self.last_code in _CODES_WITH_CLOSE.get(code or 0, ()) or at - self._arrived_at <= _MAX_ERROR_AGE_SECONDS

    def _check_early(self, closing_at: float | None) -> None:
        early, self._early_at = self._early_at, None
        if early is not None and (closing_at is None or closing_at - early > _FINAL_ERROR_SECONDS):
            self.violations += 1
