"""At most one error to a client per window.

Errors that come earlier are held back; when the window opens, the most severe of them is sent. Its `suppressed` count
says how many others it stands for. Terminal errors (those that report the end of a session) never vanish into that
count while the connection lives: each code of them waits for a window of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds between two errors to the same client; the client protocol states this number.
WINDOW_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage:
    """An error for the client."""

    code: str
    message: str
    retryable: bool
    terminal: bool = False
    """Whether it reports the end of a session. Such an error always reaches the client."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0
    """The upstream session it is about; when it is sent there may be a newer one."""

    @property
    def severity(self) -> tuple[bool, bool]:
        """Sort key: terminal errors first, then errors that can't be retried."""
        return (self.terminal, not self.retryable)


@dataclass(frozen=True, slots=True)
class ReleasedError:
    """An error to send now, and how many other errors it stands for."""

    error: ErrorMessage
    suppressed: int

    def merged_with(self, error: ErrorMessage) -> ReleasedError:
        """Return the more severe of the two, standing for both; of equals, the later one."""
        worse = error if error.severity >= self.error.severity else self.error
        return ReleasedError(worse, self.suppressed + 1)


class ErrorThrottle:
    """The errors of one client connection."""

    __slots__ = ("_held", "_opens_at", "window_seconds")

    def __init__(self, window_seconds: float = WINDOW_SECONDS) -> None:
        self.window_seconds = window_seconds
        self._opens_at = float("-inf")
        self._held: dict[str, ReleasedError] = {}
        """By code for terminal errors, under "" for all others; the latest one last."""

    def offer(self, error: ErrorMessage, now: float) -> ReleasedError | None:
        """Take an error. Returns the error to send now, or None if it is held back until the window opens."""
        slot = error.code if error.terminal else ""
        held = self._held.pop(slot, None)
        self._held[slot] = ReleasedError(error, 0) if held is None else held.merged_with(error)
        return self.pop_due(now)

    @property
    def deadline(self) -> float | None:
        """When `pop_due` has something to return; None if nothing is held back."""
        return self._opens_at if self._held else None

    def pop_due(self, now: float) -> ReleasedError | None:
        """Return the most severe held error once the window is open, else None. Other terminal errors stay held."""
        if now < self._opens_at:
            return None
        worst = self._pop_worst(now)
        others = self._held.pop("", None) if worst is not None else None
        if worst is None or others is None:
            return worst
        return replace(worst, suppressed=worst.suppressed + others.suppressed + 1)

    def flush(self, now: float) -> ReleasedError | None:
        """Return the most severe held error, window or not, standing for all: for the moment before a close."""
        worst = self._pop_worst(now)
        if worst is None:
            return None
        others = sum(held.suppressed + 1 for held in self._held.values())
        self._held.clear()
        return replace(worst, suppressed=worst.suppressed + others)

    def _pop_worst(self, now: float) -> ReleasedError | None:
        if not self._held:
            return None
        latest_first = reversed(self._held.items())
        slot, worst = max(latest_first, key=lambda item: item[1].error.severity)
        del self._held[slot]
        self._opens_at = now + self.window_seconds
        return worst
