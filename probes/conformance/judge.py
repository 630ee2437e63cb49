"""Runs one case and turns what it does into a verdict. A fault of the suite is never one of the bridge."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio
from trio_websocket import ConnectionClosed
from wsproto.utilities import ProtocolError

from probes.conformance.verdict import CaseEnded, Failed, Inconclusive, Passed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.conformance.case import Case
    from probes.conformance.context import CaseContext
    from probes.conformance.verdict import Verdict

#: Longer than all bounded waits of any case: what takes longer hangs in the suite itself.
CASE_SECONDS: Final = 120.0
_CLEAN_UP_SECONDS: Final = 5.0
CLOSE_NOT_ANSWERED: Final = "it did not answer the close frame"
END_WITHOUT_FRAME: Final = "it ended TCP without a close frame"


async def judge(case: Case, context: CaseContext) -> Verdict:
    """Run a case within its bound and return its verdict."""
    verdict: Verdict | None = None
    lateness = context.waiter.lateness
    late_before = lateness.total
    async with context.waiter.bounded(CASE_SECONDS + case.seconds):
        try:
            await case.run(context)
            context.raise_notes()
            verdict = Passed()
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes a verdict
            verdict = verdict_of(error)
    if verdict is None:
        late = lateness.total - late_before
        return Inconclusive(f"the case did not end within its bound; this machine was {late:.0f} s late")
    return verdict


def verdict_of(error: Exception) -> Verdict:
    """Return the verdict that an exception of a case stands for."""
    leaves = list(_leaves(error))
    verdicts = [leaf.verdict for leaf in leaves if isinstance(leaf, CaseEnded)]
    if verdicts:
        return next((verdict for verdict in verdicts if isinstance(verdict, Failed)), verdicts[0])
    first = leaves[0]
    match first:
        case ProtocolError():
            return Failed("the bridge speaks WebSocket", f"an invalid frame: {first}")
        case ConnectionClosed():
            return Failed("the bridge keeps the socket open", f"it closed: {first.reason}")
        case OSError() | trio.BrokenResourceError():
            return Failed("the bridge keeps the connection open", f"it broke: {first!r}")
        case _:
            return Inconclusive(f"a fault of the suite: {type(first).__name__}: {first}")


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


async def close_clients(context: CaseContext) -> tuple[tuple[str, ...], int]:
    """Close every socket that is still open.

    Returns how the bridge ended sockets where it was not clean, and how many ends were judged: of sockets that are
    closed here, and of those that the bridge has ended. A bridge whose process is gone can't answer.
    """
    for clean_up in context.at_end:
        with trio.move_on_after(_CLEAN_UP_SECONDS), suppress(CaseEnded):
            await clean_up()
    unclean: list[str] = []
    judged = 0
    for client in context.clients:
        is_alive = context.process is None or context.process.is_running
        if is_alive and not client.closed_by_us:
            judged += 1
            how = END_WITHOUT_FRAME
            if client.end is None:
                how = CLOSE_NOT_ANSWERED
                await client.close()
            if client.end is None or client.end.code is None:
                unclean.append(how)
        await trio.aclose_forcefully(client.stream)
    for socket in context.connector.raw_sockets:
        await trio.aclose_forcefully(socket.stream)
    return tuple(unclean), judged
