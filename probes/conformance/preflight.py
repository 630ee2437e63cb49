"""What is checked before the first case: that the bridge is there, speaks WebSocket, and has the suite as upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from probes.conformance.peers.refused import Refused
from probes.conformance.peers.wire_log import WireLog
from probes.conformance.result import Unreachable
from probes.conformance.verdict import CaseEnded, Failed
from probes.problems.conformance import NO_ANSWER, NO_UPSTREAM, NO_WEBSOCKET, NOT_THERE, REFUSES_CLIENTS

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.lane import Lane
    from probes.conformance.peers.client import BridgeClient

#: A bridge may wait, mint or start slowly before it dials; it has dialled at least once by then.
_DIAL_SECONDS: Final = 10.0
_UNAUTHORIZED: Final = frozenset({401, 403})


async def preflight(lane: Lane) -> Unreachable | None:
    """Return why no case can run; None if all is well."""
    log = WireLog()
    lane.upstream.start_case(log)
    if lane.address is None:
        return Unreachable(problem=NOT_THERE, seen="no address")
    async with trio.open_nursery() as nursery:
        context = lane.context(nursery, lane.address, log)
        try:
            found = await _look(context)
        except CaseEnded as ended:
            seen = ended.verdict.seen if isinstance(ended.verdict, Failed) else str(ended.verdict)
            found = Unreachable(problem=NOT_THERE, seen=seen)
        for client in context.clients:
            await client.close()
            await trio.aclose_forcefully(client.stream)
        nursery.cancel_scope.cancel()
    return found


async def _look(context: CaseContext) -> Unreachable | None:
    is_native = context.profile.path == context.profile.native_path
    native = f"{context.profile.native_path}?model={context.profile.model}"
    client = await context.upgrade_when_free(native if is_native else None)
    if isinstance(client, Refused) and not is_native and client.status is not None:
        other = await context.upgrade_when_free(native)
        client, is_native = (client, False) if isinstance(other, Refused) else (other, True)
    if isinstance(client, Refused):
        if client.status in _UNAUTHORIZED:
            return Unreachable(problem=REFUSES_CLIENTS, seen=str(client))
        return Unreachable(problem=NO_WEBSOCKET if client.status else NO_ANSWER, seen=str(client))
    return await _dials(context, client, is_native=is_native)


async def _dials(context: CaseContext, client: BridgeClient, *, is_native: bool) -> Unreachable | None:
    if not is_native:
        await context.waiter.holds(lambda: client.received or client.end, within=2.0)
        await client.send("create_session")
    upstream = context.upstream
    await context.waiter.holds(lambda: upstream.dials or upstream.requests, within=_DIAL_SECONDS)
    if upstream.dials or upstream.requests:
        return None
    return Unreachable(
        problem=NO_UPSTREAM,
        seen=f"no connection from the bridge in {_DIAL_SECONDS:g} s; its client was told: {client.describe()}",
    )
