"""The REST layers of `access`: the server accepts the key, and mints a client secret.

A server without these REST calls may still open sessions. A missing call is therefore no failure: the check is skipped
with the reason, and the session decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.refusals.lookup import ERROR_CODES, HttpExchange, refusal_for_status
from bridge.protocol.refusals.requests import BAD_REQUEST
from bridge.upstream.mint import mint
from bridge.upstream.rest import RestFailed, RestRefused, list_models
from probes.access.advice import advise, explain_cause
from probes.access.context import seconds_until
from probes.problems import network as way
from probes.problems import service
from probes.runner.findings import CheckRow, evidence_of
from reports.model import Severity

if TYPE_CHECKING:
    from probes.access.context import AccessContext
    from reports.model import Evidence, Finding

KEY, MINT = CheckRow("access", "key"), CheckRow("access", "mint")

#: The prefix of client secrets, which can open sessions and do nothing else.
_SECRET_PREFIX = "ek_"  # noqa: S105 - the prefix of every client secret
#: Statuses that mean: the server doesn't have this call, or doesn't let this key use it.
_NOT_OFFERED = frozenset({404, 405, 501})
_BAD_REQUEST, _FORBIDDEN = 400, 403
#: Servers refuse longer headers.
_MAX_SECRET_LENGTH = 8000


async def check_key(context: AccessContext, row: CheckRow = KEY) -> Finding:
    """Request `GET /models`, the cheapest call that needs a valid key, and store the list in the context.

    `row` is where the finding belongs, since `models` uses this check too. Skipped if the call can't show whether the
    key is valid.
    """
    if why := _reason_not_to_ask(context):
        context.no_list_reason = why
        return row.skipped(why)
    try:
        context.models = await list_models(context.rest_client(), context.target.upstream)
    except RestRefused as refused:
        return _key_refused(context, refused, row)
    except RestFailed as failed:
        return context.connection_failure(row, failed)
    owner = [f"{name} {value}" for name, value in _owner(context) if value]
    evidence = (evidence_of("models", len(context.models.ids)), *context.diagnostic_headers(context.models.headers))
    return row.passed("; ".join(["accepted by GET /models", *owner]), *evidence)


def key_timed_out(context: AccessContext, row: CheckRow = KEY) -> Finding:
    """Report that the server accepted the connection but never responded."""
    return row.problem(
        way.NO_ANSWER,
        evidence_of("GET /models", f"no response within {context.target.timeout:g} s"),
        *context.proxy_evidence(),
        title="The server accepts the connection but doesn't respond",
        cause="The server hangs, a proxy drops the request, or the program that listens there isn't an HTTP server.",
        fix=f"Check the server's own log, then run: curl -m 10 -i {context.target.upstream.models_url()}",
    )


async def mint_secret(context: AccessContext) -> Finding:
    """Mint a client secret (a short-lived key for one session) for the model, as a browser client's backend does."""
    upstream = context.target.upstream
    if upstream.api_key.reveal().startswith(_SECRET_PREFIX):
        return MINT.skipped("the key is already a client secret")
    try:
        context.minted = await mint(
            context.rest_client(), upstream, kind=SessionKind.CONVERSATION, session={"model": context.target.model}
        )
    except RestRefused as refused:
        return _mint_refused(context, refused)
    except RestFailed as failed:
        return context.connection_failure(MINT, failed)
    context.target.secrets.add(context.minted.secret)
    if not _is_sendable(context.minted.secret.reveal()):
        size = len(context.minted.secret.reveal())
        context.minted = None
        return MINT.problem(
            service.SECRET_UNSENDABLE, evidence_of("client secret", f"{size} characters, can't be sent in a header")
        )
    return MINT.passed(
        f"client secret {context.minted.secret.hint}{_lifetime(context.minted.expires_at)}",
        *((evidence_of("session", context.minted.session_id),) if context.minted.session_id else ()),
        *context.diagnostic_headers(context.minted.headers),
    )


def mint_timed_out(context: AccessContext) -> Finding:
    """Report that minting got no response."""
    return MINT.problem(service.MINT_NO_ANSWER, evidence_of("POST", f"no response within {context.target.timeout:g} s"))


def _reason_not_to_ask(context: AccessContext) -> str:
    """Say why the list of models can't show whether this key is valid; empty if it can."""
    if context.target.upstream.azure:
        return "Azure checks the key at the upgrade"
    if context.target.upstream.api_key.reveal().startswith(_SECRET_PREFIX):
        return "a client secret (ek_...) can only open sessions"
    return ""


def _owner(context: AccessContext) -> tuple[tuple[str, str | None], ...]:
    config = context.target.config
    headers = {name.lower(): value for name, value in context.models.headers} if context.models else {}
    organization = headers.get("openai-organization") or config.organization.value
    return (("organization", organization), ("project", headers.get("openai-project") or config.project.value))


def _key_refused(context: AccessContext, refused: RestRefused, row: CheckRow) -> Finding:
    why = _inconclusive(refused)
    if why:
        context.no_list_reason = why
        return row.skipped(f"inconclusive: {why}", *_response(context, "GET /models", refused))
    if refused.status == _BAD_REQUEST and refusal_for_status(HttpExchange.REST, 400, refused.body) is BAD_REQUEST:
        return row.problem(
            service.LIST_REFUSED, *_response(context, "GET /models", refused), *context.header_evidence()
        )
    return _refused(row, context, "GET /models", refused)


async def key_refusal(context: AccessContext, row: CheckRow) -> Finding | None:
    """Request `GET /models` to tell a refused key from other reasons; None if the key isn't refused there."""
    finding = await check_key(context, row)
    return finding if finding.severity is Severity.FAIL else None


def _inconclusive(refused: RestRefused) -> str:
    """Say why a refusal of `GET /models` shows nothing about the key; empty if it does."""
    message = str(refused.error.get("message", "")).lower()
    if "missing scopes" in message or (refused.status == _FORBIDDEN and not _is_known(refused)):
        return f"this key isn't allowed to list models (HTTP {refused.status})"
    if refused.status in _NOT_OFFERED:
        return f"this server doesn't list models (HTTP {refused.status})"
    return "the response isn't a list of models" if refused.missing else ""


def _is_known(refused: RestRefused) -> bool:
    """Whether the error has a known code; a server may send anything in its place."""
    code = refused.error.get("code")
    return isinstance(code, str) and code in ERROR_CODES


def _mint_refused(context: AccessContext, refused: RestRefused) -> Finding:
    call = f"POST {_path(context)}"
    evidence = _response(context, call, refused)
    if refused.missing or (refused.status in _NOT_OFFERED and not _is_known(refused)):
        return _not_minted(context, *evidence)
    if refused.status == _FORBIDDEN and not _is_known(refused):
        host = context.clues().host
        fix = f"Ask the operator of {host} to give this key access to the Realtime API" if host else ""
        return MINT.problem(service.NO_REALTIME_ACCESS, *evidence, fix=fix)
    return _refused(MINT, context, call, refused)


def _not_minted(context: AccessContext, *evidence: Evidence) -> Finding:
    if context.no_list_reason:  # the server has no REST API at all, which `key` has reported
        return MINT.skipped("this server doesn't mint client secrets; the next checks use the key itself", *evidence)
    return MINT.problem(service.MINT_NOT_OFFERED, *evidence)


def _refused(row: CheckRow, context: AccessContext, call: str, refused: RestRefused) -> Finding:
    refusal = refusal_for_status(HttpExchange.REST, refused.status, refused.body)
    evidence = (*_response(context, call, refused), *context.header_evidence())
    clues = context.clues(refused.headers)
    return row.refused(refusal, *evidence, cause=explain_cause(refusal, clues), fix=advise(refusal, clues))


def _response(context: AccessContext, call: str, refused: RestRefused) -> tuple[Evidence, ...]:
    described = context.response_evidence(f"HTTP {refused.status}", refused.error, refused.body, label=call)
    return (*described, *context.diagnostic_headers(refused.headers))


def _path(context: AccessContext) -> str:
    url = context.target.upstream.mint_url(SessionKind.CONVERSATION)
    return url.partition("?")[0].removeprefix(context.target.upstream.base_url)


def _is_sendable(secret: str) -> bool:
    """Whether a header can carry it: only visible ASCII, and no longer than servers accept."""
    return len(secret) <= _MAX_SECRET_LENGTH and secret.isascii() and secret.isprintable() and " " not in secret


def _lifetime(expires_at: int | None) -> str:
    left = seconds_until(expires_at)
    return "" if left is None else f", expires in {max(0, left)} s"
