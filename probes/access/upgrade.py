"""The upgrade layer of `access`: HTTP 101, which proves little, and every other response, which proves a lot."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.refusals.lookup import HttpExchange, refusal_for_status
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import DialFailed, upgrade
from bridge.upstream.dial.url import parse_url
from bridge.upstream.mint import mint
from bridge.upstream.rest import RestFailed, RestRefused
from probes.access.advice import advise
from probes.access.context import error_object
from probes.access.network import open_connection
from probes.access.rest import key_refusal
from probes.problems.service import SECRET_REFUSED, UPGRADE_NO_ANSWER
from probes.runner.findings import CheckRow, evidence_of, headline
from probes.runner.stripped_upgrade import (
    ask_without_upgrade,
    is_same,
    same_answer_evidence,
    stripped_because,
    stripped_finding,
)

if TYPE_CHECKING:
    from bridge.upstream.dial.handshake import UpgradedConnection
    from bridge.upstream.rest import UpstreamService
    from probes.access.context import AccessContext
    from reports.model import Evidence, Finding

UPGRADE = CheckRow("access", "upgrade")

#: Statuses by which a gateway refuses a credential before the upgrade.
_CREDENTIAL_STATUSES = frozenset({401, 403})


async def open_websocket(context: AccessContext) -> Finding:
    """Request the WebSocket upgrade with the minted client secret or, without one, with the key itself."""
    try:
        context.upgraded = await dial_with(context, credentials(context))
    except DialFailed as failed:
        return context.connection_failure(UPGRADE, failed, *context.header_evidence())
    except HandshakeRefused as refused:
        context.refused = refused
        return await _look_into_refusal(context)
    title = "HTTP 101 (the key is checked later)"
    return UPGRADE.passed(
        "HTTP 101" if context.target.upstream.azure else title, *context.diagnostic_headers(context.upgraded.headers)
    )


def upgrade_timed_out(context: AccessContext) -> Finding:
    """Report that REST responded but the upgrade didn't; or the refusal, if only looking into it took too long."""
    if context.refused is not None:
        return upgrade_refusal(UPGRADE, context, context.refused)
    no_response = headline(f"no response within {context.target.timeout:g} s")
    return UPGRADE.problem(UPGRADE_NO_ANSWER, no_response, *context.proxy_evidence())


def credentials(context: AccessContext) -> UpstreamService:
    """Return the service with the minted client secret as its key or, without one, with its own key."""
    upstream = context.target.upstream
    return upstream.with_key(context.minted.secret) if context.minted and uses_secret(context) else upstream


def uses_secret(context: AccessContext) -> bool:
    """Whether the socket is opened with the minted client secret."""
    # Azure accepts its API key on the socket; client secrets are for WebRTC there.
    return context.minted is not None and not context.target.upstream.azure and not context.secret_refused


async def dial_with(context: AccessContext, upstream: UpstreamService) -> UpgradedConnection:
    """Upgrade the open connection or a new one. Raises DialFailed and HandshakeRefused."""
    endpoint = parse_url(upstream.socket_url(context.target.model))
    opened = await context.take_connection() or await open_connection(context)
    return await upgrade(opened.stream, endpoint, headers=upstream.socket_headers())


async def _look_into_refusal(context: AccessContext) -> Finding:
    """Find out what a refused upgrade refuses: the client secret, the upgrade itself, or the request."""
    by_secret = context.refused
    if uses_secret(context) and by_secret is not None and by_secret.status in _CREDENTIAL_STATUSES:
        with suppress(DialFailed):
            try:
                context.upgraded = await dial_with(context, context.target.upstream)
            except HandshakeRefused as refused:
                context.refused = refused
            else:
                context.secret_refused = True
                return secret_refused(UPGRADE, context, f"HTTP {by_secret.status} for the secret, 101 for the API key")
    if context.refused is None:
        raise AssertionError("only a refused upgrade is looked into")
    return await explain_refusal(UPGRADE, context, context.refused)


def secret_refused(row: CheckRow, context: AccessContext, what: str, *evidence: Evidence) -> Finding:
    """Make the finding that the client secret is refused where the API key opens the socket."""
    secret = evidence_of("client secret", context.minted.secret.hint if context.minted else "")
    return row.problem(SECRET_REFUSED, headline(what), secret, *evidence)


async def explain_refusal(row: CheckRow, context: AccessContext, refused: HandshakeRefused) -> Finding:
    """Make the finding for a refused upgrade, after asking for the same URL without `Upgrade`."""
    upstream = context.target.upstream
    plain = await ask_without_upgrade(
        context.rest_client(), upstream.socket_url(context.target.model), upstream.socket_headers()
    )
    exists = is_same(refused, plain) and await _mints(context)
    why = stripped_because(refused, plain, socket_exists=exists)
    if not why:
        if context.models is None and refused.status in _CREDENTIAL_STATUSES:
            by_key = await key_refusal(context, row)
            if by_key is not None:
                return replace(by_key, evidence=(*by_key.evidence, evidence_of("upgrade", f"HTTP {refused.status}")))
        return upgrade_refusal(row, context, refused, *same_answer_evidence(refused, plain))
    others = (*context.diagnostic_headers(refused.headers), *context.proxy_evidence())
    return stripped_finding(row, why, *others)


async def _mints(context: AccessContext) -> bool:
    """Whether this server creates client secrets for sessions, so that it has a WebSocket for them too."""
    if context.minted is not None:
        return True
    upstream, model = context.target.upstream, context.target.model
    if upstream.azure:
        return False
    try:
        minted = await mint(context.rest_client(), upstream, kind=SessionKind.CONVERSATION, session={"model": model})
    except (RestRefused, RestFailed):
        return False
    context.target.secrets.add(minted.secret)
    return True


def upgrade_refusal(row: CheckRow, context: AccessContext, refused: HandshakeRefused, *evidence: Evidence) -> Finding:
    """Make the finding for a refused upgrade from its status and body alone."""
    where = HttpExchange.AZURE_HANDSHAKE if context.target.upstream.azure else HttpExchange.HANDSHAKE
    refusal = refusal_for_status(where, refused.status, refused.body)
    try:
        error = error_object(msgspec.json.decode(refused.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        error = {}
    response = context.response_evidence(f"HTTP {refused.status}", error, refused.body)
    others = (*context.diagnostic_headers(refused.headers), *context.proxy_evidence(), *context.header_evidence())
    return row.refused(refusal, *response, *evidence, *others, fix=advise(refusal, context.clues(refused.headers)))
