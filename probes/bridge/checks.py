"""How a row of `bridge` is made: what may go wrong in any of them is understood here, once.

A link that ends, a message that says why, and nothing at all are told apart; a link that is over takes every row behind
it along, skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bridge.transport.link import LinkClosed
from probes.bridge.context import BridgeContext, SessionStopped
from probes.bridge.refusals import connection_closed, session_stopped
from probes.runner.checks import Check
from probes.runner.findings import CheckRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reports.model import Finding

    BridgeCheckFunction = Callable[[BridgeContext], Awaitable[Finding]]

#: A row whose bridge talks on and never comes to the point is ended after so many time-outs.
MAX_TIMEOUTS = 6.0


def bridge_check(
    name: str,
    run: BridgeCheckFunction,
    on_timeout: Callable[[BridgeContext], Finding],
    *,
    skip_reason: str,
    needs: tuple[str, ...] = (),
    timed: bool = True,
    max_timeouts: float = MAX_TIMEOUTS,
) -> Check[BridgeContext]:
    """Make a check of a look that waits message by message; `longest` bounds all of it, in time-outs."""

    async def bounded(context: BridgeContext) -> Finding:
        if context.closed:
            return CheckRow("bridge", name).skipped("the socket is closed")
        try:
            with trio.fail_after(context.target.timeout * max_timeouts):
                return await run(context)
        except trio.TooSlowError:
            return on_timeout(context)
        except SessionStopped as said:
            return session_stopped(
                CheckRow("bridge", name), context.target, said.message, ready="ready" in context.marks
            )
        except LinkClosed as closed:
            context.closed = True
            return connection_closed(CheckRow("bridge", name), context.target, closed)

    return Check(name=name, run=bounded, on_timeout=on_timeout, skip_reason=skip_reason, needs=needs, timed=timed)
