"""Makes the checks of `bridge`: turns what can go wrong in any of them into findings.

A closed connection, a message that says why the session ends, and a missing response are different findings. After the
connection is closed, all further checks are skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from bridge.transport.link import LinkClosed
from probes.bridge.context import BridgeContext, SessionStopped
from probes.bridge.lost_connection import closed_finding, stopped_finding
from probes.runner.checks import Check
from probes.runner.findings import CheckRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reports.model import Finding

    BridgeCheckFunction = Callable[[BridgeContext], Awaitable[Finding]]

#: Limit on a check, in timeouts of the target: for a bridge that keeps sending, but never what the check waits for.
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
    """Make a check from a function that waits for messages.

    Each wait has the target's timeout; `max_timeouts` is the limit on the whole check, in multiples of it.
    """

    async def bounded(context: BridgeContext) -> Finding:
        if context.closed:
            return CheckRow("bridge", name).skipped("the socket is closed")
        try:
            with trio.fail_after(context.target.timeout * max_timeouts):
                return await run(context)
        except trio.TooSlowError:
            return on_timeout(context)
        except SessionStopped as stopped:
            context.stopped = True
            return await stopped_finding(CheckRow("bridge", name), context, stopped.message)
        except LinkClosed as closed:
            context.closed = True
            if context.stopped:  # an earlier check has reported why
                return CheckRow("bridge", name).skipped("the socket is closed")
            return await closed_finding(CheckRow("bridge", name), context, closed)

    return Check(name=name, run=bounded, on_timeout=on_timeout, skip_reason=skip_reason, needs=needs, timed=timed)
