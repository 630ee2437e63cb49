"""A clock that jumps for tests over real sockets: as soon as every task waits, time moves on to the next deadline.

trio's `autojump_clock` fixture does this at once, which is right for memory streams only: what a socket sent may be on
its way. Here both ends of every connection live in the test's process and loopback delivers within the call that
sends, so when nothing has happened for a moment, nothing will before the next deadline. A test takes as long as its
own work, and no time-out comes too early, however busy the machine is.

While a test has started child processes, which may be its peers, time passes as usual. Tests whose peers are processes
of an earlier fixture, or that measure how much time passes, are marked `wall_clock`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.process_state import new_children

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

#: A deadline so close is a tick of audio or the like. A jump to it that comes too early does no harm.
_NEAR_SECONDS = 0.25
#: How long every task must have been blocked, in real seconds, before a jump to a near deadline and to a farther one.
_NEAR_IDLE, _FAR_IDLE = 0.001, 0.05

#: Child processes that were there before the test.
_inherited: frozenset[int] = frozenset()

_run = trio.run  # the original: tests replace `trio.run` by `run_with_autojump`


def inherit(children: frozenset[int]) -> None:
    """Take these child processes for none of the current test's business."""
    global _inherited  # noqa: PLW0603 - one test at a time runs in a process
    _inherited = children


def run_with_autojump(
    async_fn: Callable[..., Awaitable[Any]],
    *args: object,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> Any:
    """Do what `trio.run` does, on a clock that jumps unless `clock` says otherwise."""
    if clock is not None:
        return _run(async_fn, *args, clock=clock, instruments=instruments)
    jumping = MockClock()

    async def run() -> Any:
        trio.lowlevel.spawn_system_task(_jump_when_idle, jumping)
        return await async_fn(*args)

    return _run(run, clock=jumping, instruments=instruments)


async def _jump_when_idle(clock: MockClock) -> None:
    idle = _NEAR_IDLE
    while True:
        await wait_all_tasks_blocked(idle)
        clock.rate = 1.0 if new_children(_inherited) else 0.0
        ahead = trio.lowlevel.current_statistics().seconds_to_next_deadline
        if clock.rate or ahead == inf or (ahead > _NEAR_SECONDS and idle < _FAR_IDLE) or _threads_are_busy():
            idle = _FAR_IDLE
        elif ahead > 0:
            clock.jump(ahead)
            idle = _NEAR_IDLE


def _threads_are_busy() -> bool:
    """Whether a task waits for a thread, which looks a name up or reads a file."""
    return trio.to_thread.current_default_thread_limiter().borrowed_tokens > 0
