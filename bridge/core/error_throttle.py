"""At most one error in any window; the worst one held back goes out when the window opens again. Nothing is swallowed.

`suppressed` of an error that goes out says how many others it stands for. Errors that tell of an end are never among
those others while the socket lives: each code of them waits for its own window.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds between two errors to the same client (the source of the figure is the client protocol).
WINDOW_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage:
    """An error for the client."""

    code: str
    message: str
    retryable: bool
    terminal: bool = False
    """Whether it tells of an end: such a one always reaches the client."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0
    """The upstream session that it speaks of; when it goes out there may be a newer one."""

    @property
    def severity(self) -> tuple[bool, bool]:
        """Ending beats the rest; not retryable beats retryable."""
        return (self.terminal, not self.retryable)


@dataclass(frozen=True, slots=True)
class ReleasedError:
    """An error that goes out now, and how many it stands for beside itself."""

    error: ErrorMessage
    suppressed: int

    def merged_with(self, error: ErrorMessage) -> ReleasedError:
        """Let one more come: the worse of the two stands for both, the later one of equals."""
        worse = error if error.severity >= self.error.severity else self.error
        return ReleasedError(worse, self.suppressed + 1)


class ErrorThrottle:
    """One client's errors."""

    __slots__ = ("_held", "_opens_at", "window_seconds")

    def __init__(self, window_seconds: float = WINDOW_SECONDS) -> None:
        self.window_seconds = window_seconds
        self._opens_at = float("-inf")
        self._held: dict[str, ReleasedError] = {}
        """By code for those that tell of an end, under "" for all others; in the order of their latest error."""

    def offer(self, error: ErrorMessage, now: float) -> ReleasedError | None:
        """Take an error: it goes out at once, or is held back until the window opens."""
        slot = error.code if error.terminal else ""
        held = self._held.pop(slot, None)
        self._held[slot] = ReleasedError(error, 0) if held is None else held.merged_with(error)
        return self.pop_due(now)

    @property
    def deadline(self) -> float | None:
        """When `due` has something to give; None when nothing is held back."""
        return self._opens_at if self._held else None

    def pop_due(self, now: float) -> ReleasedError | None:
        """Give the worst error held back, once the window is open. Other ends stay for the next window."""
        if now < self._opens_at:
            return None
        worst = self._take_worst(now)
        others = self._held.pop("", None) if worst is not None else None
        if worst is None or others is None:
            return worst
        return replace(worst, suppressed=worst.suppressed + others.suppressed + 1)

    def flush(self, now: float) -> ReleasedError | None:
        """Give the worst error held back, window or not, for all: for the moment before a socket is closed."""
        worst = self._take_worst(now)
        if worst is None:
            return None
        others = sum(held.suppressed + 1 for held in self._held.values())
        self._held.clear()
        return replace(worst, suppressed=worst.suppressed + others)

    def _take_worst(self, now: float) -> ReleasedError | None:
        if not self._held:
            return None
        latest_first = reversed(self._held.items())
        slot, worst = max(latest_first, key=lambda item: item[1].error.severity)
        del self._held[slot]
        self._opens_at = now + self.window_seconds
        return worst
