"""The layers of access that ask over REST: the key is accepted, the model is there, a client secret is minted.

Only what decides is a failure here. A server that lists no models or mints no secrets may still open sessions: then
the row is skipped with its reason, and the socket has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.refusals.lookup import ERROR_CODES, HttpExchange, refusal_for_status
from bridge.upstream.mint import mint
from bridge.upstream.rest import RestFailed, RestRefused, list_models
from probes.access.advice import advise
from probes.access.context import seconds_until
from probes.problems import network as way
from probes.problems import service
from probes.runner.findings import CheckRow, evidence_of

if TYPE_CHECKING:
    from probes.access.context import AccessContext
    from reports.model import Evidence, Finding

KEY, MINT = CheckRow("access", "key"), CheckRow("access", "mint")

#: Client secrets begin so: they open sessions and do nothing else.
_SECRET_START = "ek_"  # noqa: S105 - the start of every client secret
#: What a server says that has no such call, or does not let this key use it.
_NOT_OFFERED = frozenset({404, 405, 501})
_FORBIDDEN = 403
#: Servers refuse longer headers.
_LONGEST_SECRET = 8000


async def check_key(visit: AccessContext, row: CheckRow = KEY) -> Finding:
    """Ask for the list of models: the cheapest call that a bad key can't make."""
    if why := _not_askable(visit):
        visit.no_list_reason = why
        return row.skipped(why)
    try:
        visit.models = await list_models(visit.rest_client(), visit.target.upstream)
    except RestRefused as refused:
        return _key_refused(visit, refused, row)
    except RestFailed as failed:
        return visit.connection_failure(row, failed)
    told = [f"{name} {value}" for name, value in _whose(visit) if value]
    evidence = (evidence_of("models", len(visit.models.ids)), *visit.diagnostic_headers(visit.models.headers))
    return row.passed("; ".join(["accepted by GET /models", *told]), *evidence)


def key_timed_out(visit: AccessContext, row: CheckRow = KEY) -> Finding:
    """Connected, and then silence."""
    return row.problem(
        way.NO_ANSWER,
        evidence_of("GET /models", f"no answer within {visit.target.timeout:g} s"),
        *visit.proxy_evidence(),
        title="The server takes the connection and does not answer",
        cause="The server hangs, a proxy swallows the request, or something that is no HTTP server listens there.",
        fix=f"Look at the server's own log; then from here: curl -m 10 -i {visit.target.upstream.models_url()}",
    )


async def mint_secret(visit: AccessContext) -> Finding:
    """Mint a client secret for the model, as a browser's backend does."""
    upstream = visit.target.upstream
    if upstream.api_key.reveal().startswith(_SECRET_START):
        return MINT.skipped("the key is a client secret itself")
    try:
        visit.minted = await mint(
            visit.rest_client(), upstream, kind=SessionKind.CONVERSATION, session={"model": visit.target.model}
        )
    except RestRefused as refused:
        return _mint_refused(visit, refused)
    except RestFailed as failed:
        return visit.connection_failure(MINT, failed)
    visit.target.secrets.add(visit.minted.secret)
    if not _sendable(visit.minted.secret.reveal()):
        size = len(visit.minted.secret.reveal())
        visit.minted = None
        return MINT.problem(
            service.SECRET_UNSENDABLE, evidence_of("client secret", f"{size} characters, not all sendable")
        )
    return MINT.passed(
        f"client secret {visit.minted.secret.hint}{_lifetime(visit.minted.expires_at)}",
        *((evidence_of("session", visit.minted.session_id),) if visit.minted.session_id else ()),
        *visit.diagnostic_headers(visit.minted.headers),
    )


def mint_timed_out(visit: AccessContext) -> Finding:
    """The list came, the secret does not."""
    return MINT.problem(service.MINT_NO_ANSWER, evidence_of("POST", f"no answer within {visit.target.timeout:g} s"))


def _not_askable(visit: AccessContext) -> str:
    """Say why the list of models can't tell anything about this key; empty where it can."""
    if visit.target.upstream.azure:
        return "on Azure the socket checks the key"
    if visit.target.upstream.api_key.reveal().startswith(_SECRET_START):
        return "a client secret (ek_) can only open sessions"
    return ""


def _whose(visit: AccessContext) -> tuple[tuple[str, str | None], ...]:
    config = visit.target.config
    answered = {name.lower(): value for name, value in visit.models.headers} if visit.models else {}
    organization = answered.get("openai-organization") or config.organization.value
    return (("organization", organization), ("project", answered.get("openai-project") or config.project.value))


def _key_refused(visit: AccessContext, refused: RestRefused, row: CheckRow) -> Finding:
    why = _no_verdict(refused)
    if why:
        visit.no_list_reason = why
        return row.skipped(f"no verdict, {why}", *_answer(visit, "GET /models", refused))
    return _refused(row, visit, "GET /models", refused)


def _no_verdict(refused: RestRefused) -> str:
    """Say why an answer to GET /models tells nothing about the key; empty where it does."""
    message = str(refused.error.get("message", "")).lower()
    if "missing scopes" in message or (refused.status == _FORBIDDEN and not _is_known(refused)):
        return f"this key may not list models (HTTP {refused.status})"
    if refused.status in _NOT_OFFERED:
        return f"this server lists no models (HTTP {refused.status})"
    return "the answer is no list of models" if refused.missing else ""


def _is_known(refused: RestRefused) -> bool:
    """Whether the error's code is one that explains itself; a server may put anything there."""
    code = refused.error.get("code")
    return isinstance(code, str) and code in ERROR_CODES


def _mint_refused(visit: AccessContext, refused: RestRefused) -> Finding:
    call = f"POST {_path(visit)}"
    evidence = _answer(visit, call, refused)
    if refused.missing or (refused.status in _NOT_OFFERED and not _is_known(refused)):
        return _not_minted(visit, *evidence)
    if refused.status == _FORBIDDEN and not _is_known(refused):
        whom = f"Ask whoever runs {visit.clues().host} to allow this key the Realtime API"
        return MINT.problem(service.NO_REALTIME_ACCESS, *evidence, fix=whom if visit.clues().host else "")
    return _refused(MINT, visit, call, refused)


def _not_minted(visit: AccessContext, *evidence: Evidence) -> Finding:
    if visit.no_list_reason:  # a server that has no REST side at all: one remark about it is enough
        return MINT.skipped("this server mints no client secrets; going on with the key itself", *evidence)
    return MINT.problem(service.MINT_NOT_OFFERED, *evidence)


def _refused(row: CheckRow, visit: AccessContext, call: str, refused: RestRefused) -> Finding:
    refusal = refusal_for_status(HttpExchange.REST, refused.status, refused.body)
    evidence = (*_answer(visit, call, refused), *visit.header_evidence())
    return row.refused(refusal, *evidence, fix=advise(refusal, visit.clues(refused.headers)))


def _answer(visit: AccessContext, call: str, refused: RestRefused) -> tuple[Evidence, ...]:
    told = visit.response_evidence(call, f"HTTP {refused.status}", refused.error, refused.body)
    return (*told, *visit.diagnostic_headers(refused.headers))


def _path(visit: AccessContext) -> str:
    url = visit.target.upstream.mint_url(SessionKind.CONVERSATION)
    return url.partition("?")[0].removeprefix(visit.target.upstream.base_url)


def _sendable(secret: str) -> bool:
    """Say whether a header can hold it: visible ASCII alone, and not longer than servers take."""
    return len(secret) <= _LONGEST_SECRET and secret.isascii() and secret.isprintable() and " " not in secret


def _lifetime(expires_at: int | None) -> str:
    left = seconds_until(expires_at)
    return "" if left is None else f", expires in {max(0, left)} s"
