"""Tests of time are tried again: what disturbs a machine for a moment is no verdict on the code."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")


def retried(times: int = 5) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Run a test until it passes, at most so many times; the last failure counts."""

    def decorate(test: Callable[P, None]) -> Callable[P, None]:
        @wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            for _ in range(times - 1):
                try:
                    return test(*args, **kwargs)
                except AssertionError:
                    continue
            return test(*args, **kwargs)

        return run

    return decorate
