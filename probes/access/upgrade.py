"""The upgrade layer of `access`: HTTP 101, which proves little, and every other response, which proves a lot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bridge.protocol.refusals.lookup import HttpExchange, refusal_for_status
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import DialFailed, upgrade
from bridge.upstream.dial.url import parse_url
from probes.access.advice import advise
from probes.access.context import error_object
from probes.access.network import open_connection
from probes.problems.service import UPGRADE_NO_ANSWER
from probes.runner.findings import CheckRow, headline

if TYPE_CHECKING:
    from bridge.upstream.rest import UpstreamService
    from probes.access.context import AccessContext
    from reports.model import Finding

UPGRADE = CheckRow("access", "upgrade")


async def open_websocket(context: AccessContext) -> Finding:
    """Request the WebSocket upgrade with the minted client secret or, without one, with the key itself."""
    upstream = _credentials(context)
    endpoint = parse_url(upstream.socket_url(context.target.model))
    try:
        opened = await context.take_connection() or await open_connection(context)
        context.upgraded = await upgrade(opened.stream, endpoint, headers=upstream.socket_headers())
    except DialFailed as failed:
        return context.connection_failure(UPGRADE, failed, *context.header_evidence())
    except HandshakeRefused as refused:
        return _upgrade_refused(context, refused)
    title = "HTTP 101 (the key is checked later)"
    return UPGRADE.passed(
        "HTTP 101" if context.target.upstream.azure else title, *context.diagnostic_headers(context.upgraded.headers)
    )


def upgrade_timed_out(context: AccessContext) -> Finding:
    """Report that REST responded but the upgrade didn't."""
    no_response = headline(f"no response within {context.target.timeout:g} s")
    return UPGRADE.problem(UPGRADE_NO_ANSWER, no_response, *context.proxy_evidence())


def _credentials(context: AccessContext) -> UpstreamService:
    upstream = context.target.upstream
    # Azure accepts its API key on the socket; client secrets are for WebRTC there.
    return upstream.with_key(context.minted.secret) if context.minted and not upstream.azure else upstream


def _upgrade_refused(context: AccessContext, refused: HandshakeRefused) -> Finding:
    where = HttpExchange.AZURE_HANDSHAKE if context.target.upstream.azure else HttpExchange.HANDSHAKE
    refusal = refusal_for_status(where, refused.status, refused.body)
    try:
        error = error_object(msgspec.json.decode(refused.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = {}
    evidence = (
        *context.response_evidence(f"HTTP {refused.status}", error, refused.body),
        *context.diagnostic_headers(refused.headers),
        *context.proxy_evidence(),
        *context.header_evidence(),
    )
    return UPGRADE.refused(refusal, *evidence, fix=advise(refusal, context.clues(refused.headers)))
