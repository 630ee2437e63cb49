"""Turns: HTTP connections work one after the other, however many have something to do at once.

trio runs every task that is ready before it looks for anything new. A request takes a millisecond or more, so a hundred
that come at once would stop all calls of the process for that long. With turns, the others have theirs after each one.
"""

from __future__ import annotations

import trio

_turn: trio.lowlevel.RunVar[trio.Lock] = trio.lowlevel.RunVar("turn")


async def take_turn() -> None:
    """Wait until those that asked before have had their turn. The turn lasts until the next checkpoint."""
    try:
        turn = _turn.get()
    except LookupError:
        turn = trio.Lock()
        _turn.set(turn)
    async with turn:
        await trio.lowlevel.checkpoint()  # the one before works in the pass in which it let go
