"""How long to wait before the next attempt: exponential with full jitter, `retry-after` wins when it is longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Longest wait that an upstream may impose; a longer `retry-after` is not waited for with a caller on the line.
MAX_RETRY_AFTER_SECONDS = 60.0

#: Doubled so often, any base is past any cap.
_MOST_DOUBLINGS = 30


def delay_seconds(
    attempt: int,
    rng: Callable[[], float],
    *,
    base_seconds: float,
    cap_seconds: float,
    retry_after_seconds: float | None = None,
) -> float:
    """Give the wait before attempt number `attempt`. `chance` gives numbers in [0, 1).

    The first attempt after a loss waits up to half of `base_seconds`, the second up to all of it, and so on doubling.

    Full jitter: anything between nothing and the exponential bound, so that a thousand clients that were cut at
    once do not come back at once.
    """
    bound = min(cap_seconds, base_seconds * 2.0 ** min(attempt - 2, _MOST_DOUBLINGS))
    return max(bound * rng(), retry_after_seconds or 0.0)


def worth_waiting(retry_after_seconds: float | None) -> bool:
    """Whether an upstream that asks for so long a wait is tried again at all."""
    return (retry_after_seconds or 0.0) <= MAX_RETRY_AFTER_SECONDS
