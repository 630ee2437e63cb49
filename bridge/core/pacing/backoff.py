"""The wait before the next attempt: exponential back-off with full jitter, at least as long as `retry-after`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: A longer `retry-after` isn't waited for while a caller is on the line.
MAX_RETRY_AFTER_SECONDS = 60.0

#: After this many doublings every base is past every cap.
_MAX_DOUBLINGS = 30


def delay_seconds(
    attempt: int,
    rng: Callable[[], float],
    *,
    base_seconds: float,
    cap_seconds: float,
    retry_after_seconds: float | None = None,
) -> float:
    """Return the wait before attempt number `attempt`, in seconds. `rng` returns numbers in [0, 1).

    The first attempt after a loss waits for up to half of `base_seconds`, the second for up to all of it, and so on,
    doubling up to `cap_seconds`.

    Full jitter means anything between nothing and that bound, so that a thousand clients that were cut off at the same
    moment don't come back at the same moment.
    """
    bound = min(cap_seconds, base_seconds * 2.0 ** min(attempt - 2, _MAX_DOUBLINGS))
    return max(bound * rng(), retry_after_seconds or 0.0)


def worth_waiting(retry_after_seconds: float | None) -> bool:
    """Return whether to wait for an upstream that asks for this `retry-after`; None: it asked for none."""
    return (retry_after_seconds or 0.0) <= MAX_RETRY_AFTER_SECONDS
