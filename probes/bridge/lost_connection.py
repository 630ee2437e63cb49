"""Why a client's connection to a bridge ended in the middle of a session: the bridge, the service, or a proxy.

A bridge that loses the service is to open another session and keep its client. One that passes the loss on ends every
call with it: that is named as such, and not as a passing fault of the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bridge.client_protocol.errors import ClientCode
from bridge.client_protocol.native_errors import bridge_code
from bridge.protocol.refusals.connections import UNKNOWN_ERROR
from bridge.protocol.refusals.lookup import refusal_for_error
from bridge.transport.link import LinkClosed
from probes.bridge.refusals import connection_closed, session_stopped
from probes.problems import bridge
from probes.runner.event_ids import is_own_request
from probes.runner.findings import evidence_of, headline
from probes.runner.idle_cut import cut_when_quiet, idle_cut_finding, may_be_idle_cut
from probes.runner.network_checks import proxy_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.bridge.context import BridgeContext
    from probes.runner.findings import CheckRow
    from probes.runner.redaction import Secrets
    from reports.model import Finding

#: A bridge that passes a loss on closes right after its error.
_CLOSE_SECONDS = 1.0
#: Refusals that pass, but are no lost connection.
_NOT_A_LOSS = frozenset({"SESSION-EXPIRED", "RATE-LIMITED"})
#: Codes of the client protocol for a lost service. A bridge that reconnects says `reconnecting` first.
_LOSS_CODES = frozenset({ClientCode.CONNECTION_LOST, ClientCode.UPSTREAM_UNAVAILABLE})
#: A bridge's own words for the end of its other connection, in the reason of a close.
_OTHER_SIDE = ("upstream", "openai", "backend")


async def stopped_finding(row: CheckRow, context: BridgeContext, message: Mapping[str, Any]) -> Finding:
    """Return the finding for a message that says why a session doesn't start, or why it ended."""
    ready = "ready" in context.marks
    finding = session_stopped(row, context.target, message, ready=ready)
    error = loss_in(message)
    if not ready or error is None:
        return finding
    closed = await _close_after(context)
    if closed is None or not closed.by_peer:
        return finding
    return not_reconnected(row, context.target.secrets, error, closed.code, closed.reason)


def not_reconnected(
    row: CheckRow, secrets: Secrets, error: Mapping[str, Any], code: int | None, reason: str
) -> Finding:
    """Make the finding that the bridge passed a loss on: this error, then a close with code and reason."""
    shown = f"error {error.get('code') or error.get('type')}, then close {code or 1006} {reason}".rstrip()
    said = evidence_of("message", secrets.excerpt(str(error.get("message")), 300))
    return row.problem(bridge.NOT_RECONNECTED, headline(secrets.excerpt(shown, 200)), said)


async def closed_finding(row: CheckRow, context: BridgeContext, closed: LinkClosed) -> Finding:
    """Return the finding for a connection that closed at the wrong time, without an error before it."""
    if limit := await idle_limit(context, closed):
        return idle_cut_finding(row, limit, *proxy_evidence(context.target))
    finding = connection_closed(row, context.target, closed)
    if finding.code == row.code(bridge.HUNG_UP.slug) and "ready" in context.marks and _names_other_side(closed):
        return row.problem(bridge.NOT_RECONNECTED, *finding.evidence)
    return finding


async def idle_limit(context: BridgeContext, closed: LinkClosed) -> float | None:
    """Return the seconds of a proxy's idle time-out that ended the connection, by a second one.

    0 if none did; None if it looks like one and a second connection can't be opened.
    """
    if not may_be_idle_cut(context.quiet_seconds, closed.code, by_peer=closed.by_peer):
        return 0.0
    return await cut_when_quiet(context.target.dial, context.quiet_seconds)


def loss_in(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the error that a lost upstream connection leads to: the bridge's own word, or one that passes."""
    inner = message.get("error")
    if message.get("type") != "error":
        return None
    if not isinstance(inner, dict):
        return message if message.get("code") in _LOSS_CODES else None
    if bridge_code(inner) is not None or is_own_request(inner):
        return None
    refusal = refusal_for_error(inner)
    passes = (refusal.retryable or refusal is UNKNOWN_ERROR) and refusal.slug not in _NOT_A_LOSS
    return inner if passes else None


async def _close_after(context: BridgeContext) -> LinkClosed | None:
    """Wait for the close that follows an error; None if none does."""
    with trio.move_on_after(_CLOSE_SECONDS):
        while True:
            try:
                await context.receive()
            except LinkClosed as closed:
                return closed
    return None


def _names_other_side(closed: LinkClosed) -> bool:
    return closed.by_peer and any(word in closed.reason.lower() for word in _OTHER_SIDE)
