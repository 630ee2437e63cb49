"""How a row of `bridge` is made: what may go wrong in any of them is understood here, once.

A link that ends, a message that says why, and nothing at all are told apart; a link that is over takes every row behind
it along, skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bridge.transport.link import LinkClosed
from probes.bridge.context import BridgeVisit, Stopped
from probes.bridge.refusals import hung_up, stopped
from probes.runner.checks import Check
from probes.runner.findings import Row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reports.model import Finding

    Look = Callable[[BridgeVisit], Awaitable[Finding]]

#: A row whose bridge talks on and never comes to the point is ended after so many time-outs.
LONGEST = 6.0


def row(
    name: str,
    look: Look,
    late: Callable[[BridgeVisit], Finding],
    *,
    without: str,
    needs: tuple[str, ...] = (),
    timed: bool = True,
    longest: float = LONGEST,
) -> Check[BridgeVisit]:
    """Make a check of a look that waits message by message; `longest` bounds all of it, in time-outs."""

    async def bounded(visit: BridgeVisit) -> Finding:
        if visit.gone:
            return Row("bridge", name).skipped("the socket is closed")
        try:
            with trio.fail_after(visit.target.timeout * longest):
                return await look(visit)
        except trio.TooSlowError:
            return late(visit)
        except Stopped as said:
            return stopped(Row("bridge", name), visit.target, said.message, ready="ready" in visit.marks)
        except LinkClosed as closed:
            visit.gone = True
            return hung_up(Row("bridge", name), visit.target, closed)

    return Check(name=name, look=bounded, late=late, without=without, needs=needs, timed=timed)
