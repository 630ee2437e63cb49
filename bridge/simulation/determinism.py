"""One seed decides everything: trio's scheduler, the random bytes that libraries ask for, and the global generator.

The only module that changes private state of trio and of `random`. Everything is restored when the block ends.
"""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from trio._core import _run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

#: Releases of trio whose scheduler was read: `_run._r` shuffles each batch after sorting it by age.
_KNOWN_TRIO = range(27, 36)


class UnsupportedTrioError(RuntimeError):
    """This version of trio isn't known: its runs might not be repeatable."""


def _check_trio() -> None:
    major, minor, *_ = trio.__version__.split(".")
    known = major == "0" and int(minor) in _KNOWN_TRIO and hasattr(_run, "_ALLOW_DETERMINISTIC_SCHEDULING")
    if not known or not isinstance(getattr(_run, "_r", None), random.Random):
        raise UnsupportedTrioError(f"trio {trio.__version__}: read its scheduler, then extend _KNOWN_TRIO")


@contextmanager
def seeded_randomness(seed: int) -> Iterator[None]:
    """Take all randomness from `seed` until the block ends. Not for a process with other threads."""
    _check_trio()
    scheduler: Any = _run
    private: Any = random  # `secrets` and `uuid` get their bytes through these two names
    source = random.Random(f"bytes:{seed}")
    saved = (scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r.getstate(), random.getstate())  # noqa: SLF001 - isolated here
    system = (os.urandom, private._urandom)  # noqa: SLF001 - isolated here
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # noqa: SLF001 - isolated here
    scheduler._r.seed(f"scheduler:{seed}")  # noqa: SLF001 - isolated here
    random.seed(f"shared:{seed}")
    os.urandom = private._urandom = source.randbytes  # noqa: SLF001 - isolated here
    try:
        yield
    finally:
        os.urandom, private._urandom = system  # noqa: SLF001 - isolated here
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = saved[0]  # noqa: SLF001 - isolated here
        scheduler._r.setstate(saved[1])  # noqa: SLF001 - isolated here
        random.setstate(saved[2])


def run_seeded(seed: int, main: Callable[[], Awaitable[Any]]) -> Any:
    """Run `main` under a virtual clock, every random choice from `seed`; give its result. Raises what `main` raises."""
    with seeded_randomness(seed):
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
