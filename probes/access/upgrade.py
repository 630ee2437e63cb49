"""The upgrade's layer of access: HTTP 101, which proves little, and every other answer, which proves much."""

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


async def open_websocket(visit: AccessContext) -> Finding:
    """Ask for the WebSocket, with the minted secret where there is one, else with the key itself."""
    upstream = _credentials(visit)
    endpoint = parse_url(upstream.socket_url(visit.target.model))
    try:
        opened = await visit.take_connection() or await open_connection(visit)
        visit.upgraded = await upgrade(opened.stream, endpoint, headers=upstream.socket_headers())
    except DialFailed as failed:
        return visit.connection_failure(UPGRADE, failed, *visit.header_evidence())
    except HandshakeRefused as refused:
        return _upgrade_refused(visit, refused)
    title = "101 (proves nothing yet: the service checks later)"
    return UPGRADE.passed(
        "101" if visit.target.upstream.azure else title, *visit.diagnostic_headers(visit.upgraded.headers)
    )


def upgrade_timed_out(visit: AccessContext) -> Finding:
    """REST answers, the upgrade does not."""
    late = headline(f"no answer within {visit.target.timeout:g} s")
    return UPGRADE.problem(UPGRADE_NO_ANSWER, late, *visit.proxy_evidence())


def _credentials(visit: AccessContext) -> UpstreamService:
    upstream = visit.target.upstream
    # Azure takes its own key on the socket; a client secret is for WebRTC there.
    return upstream.with_key(visit.minted.secret) if visit.minted and not upstream.azure else upstream


def _upgrade_refused(visit: AccessContext, refused: HandshakeRefused) -> Finding:
    where = HttpExchange.AZURE_HANDSHAKE if visit.target.upstream.azure else HttpExchange.HANDSHAKE
    refusal = refusal_for_status(where, refused.status, refused.body)
    try:
        error = error_object(msgspec.json.decode(refused.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = {}
    evidence = (
        *visit.response_evidence("", f"HTTP {refused.status}", error, refused.body),
        *visit.diagnostic_headers(refused.headers),
        *visit.proxy_evidence(),
        *visit.header_evidence(),
    )
    return UPGRADE.refused(refusal, *evidence, fix=advise(refusal, visit.clues(refused.headers)))
