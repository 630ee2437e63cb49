"""Did a proxy's idle time-out end a connection? A second connection that sends nothing shows it.

An idle time-out ends the TCP connection without a Close frame while nothing is sent. So does a server that crashes. The
second connection is quiet from the start: if it is cut after the same time, the time is the cause.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.errors import DialFailed
from probes.problems.network import IDLE_CUT
from probes.runner.findings import headline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bridge.upstream.dial.handshake import UpgradedConnection
    from probes.runner.findings import CheckRow
    from reports.model import Evidence, Finding

#: A connection that ends sooner after a frame wasn't idle: conversations have longer pauses.
_MIN_QUIET_SECONDS = 0.5
#: The second connection must last at least this share of the first one's quiet time: nginx may be 0.3 s early.
_SHORTEST_SHARE = 0.6
#: How long to wait for the second end: this share of the first quiet time, and a little.
_LONGEST_SHARE, _EXTRA_SECONDS = 1.5, 0.5
_NO_CLOSE_FRAME = (None, 1006)


def may_be_idle_cut(quiet: float, code: int | None, *, by_peer: bool) -> bool:
    """Whether the end of a connection looks like an idle time-out, after `quiet` seconds without a frame."""
    return by_peer and code in _NO_CLOSE_FRAME and quiet >= _MIN_QUIET_SECONDS


async def cut_when_quiet(connect: Callable[[], Awaitable[UpgradedConnection]], quiet: float) -> float | None:
    """Return after how many seconds a second connection, on which we send nothing, is cut; 0 if it isn't.

    0 also if it ends in another way or much sooner. None if that can't be found out: there is no second connection, or
    the caller's deadline comes too soon. Takes about half as long again as `quiet`; cancelling closes the connection.
    """
    longest = quiet * _LONGEST_SHARE + _EXTRA_SECONDS
    if trio.current_effective_deadline() - trio.current_time() <= longest:
        return None
    lasted = None
    with suppress(DialFailed, HandshakeRefused), trio.move_on_after(longest):
        link = (await connect()).link
        lasted = 0.0
        try:
            lasted = await _quiet_until_cut(link.receive)
        finally:
            with trio.CancelScope(shield=True):
                await link.abort()
    return 0.0 if lasted is not None and lasted < quiet * _SHORTEST_SHARE else lasted


async def _quiet_until_cut(receive: Callable[[], Awaitable[object]]) -> float:
    """Receive until the connection ends; return how long no frame had come by then, 0 if it ended in another way."""
    last = trio.current_time()
    while True:
        try:
            await receive()
        except LinkClosed as closed:
            return trio.current_time() - last if closed.by_peer and closed.code in _NO_CLOSE_FRAME else 0.0
        last = trio.current_time()


def idle_cut_finding(row: CheckRow, limit: float, *evidence: Evidence) -> Finding:
    """Make the finding that a proxy cuts connections after `limit` seconds without a frame."""
    seconds = f"{limit:.1f} s"
    return row.problem(
        IDLE_CUT,
        headline(f"cut without a Close frame while quiet, and so is a second connection after {seconds}"),
        *evidence,
        title=f"A proxy's idle time-out cuts connections that are quiet for {seconds}",
    )
