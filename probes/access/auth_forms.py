"""`access --auth all`: tries every form of authentication and URL in use, one connection each, and reports which work.

The forms come from the published specification, from SDKs, and from old code that is still in use. A form that doesn't
work is a note; the check fails only if none works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import trio

from bridge.protocol.dialects.detection import (
    AGENTS_SUBPROTOCOL_PREFIX,
    BETA_HEADER,
    BETA_SUBPROTOCOL,
    GA_SUBPROTOCOL,
    KEY_SUBPROTOCOL_PREFIX,
)
from bridge.protocol.events.groups import SESSION_CREATED
from bridge.protocol.refusals.lookup import refusal_for_close, refusal_for_error
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import DialFailed, dial
from probes.access.context import close_link
from probes.problems.service import AUTH_NONE, AUTH_USE
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bridge.upstream.dial.handshake import UpgradedConnection
    from probes.access.context import AccessContext
    from reports.model import Finding

#: Connections at the same time: enough to be fast, few enough to stay below rate limits.
_MAX_CONNECTIONS = 4
#: Configured headers that aren't sent along, because each is a form of authentication or selects a dialect.
_EXCLUDED_HEADERS = frozenset({"authorization", "api-key", "openai-beta"})
_AGENTS_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthCredentials:
    """The credentials that the forms use. Client secret and session id are None if no secret was minted."""

    url: str
    """The WebSocket URL with its query, without credentials."""
    key: str
    secret: str | None
    session_id: str | None


@dataclass(frozen=True, slots=True)
class AuthRequest:
    """The upgrade request of one form."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthForm:
    """One form of authentication. `build` returns None if it needs a client secret and none was minted."""

    name: str
    title: str
    build: Callable[[AuthCredentials], AuthRequest | None]
    caveat: str = ""
    """Why not to use the form even if it works."""


@dataclass(frozen=True, slots=True)
class AuthResult:
    """The server's response to one form."""

    works: bool
    reason: str


def _bearer(url: str, token: str | None, *extra: tuple[str, str]) -> AuthRequest | None:
    return AuthRequest(url, (("Authorization", f"Bearer {token}"), *extra)) if token else None


def _subprotocols(credentials: AuthCredentials, *third: str) -> AuthRequest | None:
    """Offer the client secret as browsers do; the key itself if no secret was minted."""
    offered = (GA_SUBPROTOCOL, f"{KEY_SUBPROTOCOL_PREFIX}{credentials.secret or credentials.key}", *third)
    return AuthRequest(credentials.url, subprotocols=offered)


def _with_query(credentials: AuthCredentials, name: str, value: str) -> AuthRequest:
    return AuthRequest(f"{credentials.url}{'&' if '?' in credentials.url else '?'}{name}={quote(value, safe='')}")


def _without_model(url: str) -> str:
    path, _, query = url.partition("?")
    others = "&".join(pair for pair in query.split("&") if not pair.startswith("model="))
    return f"{path}?{others}" if others else path


def _by_session_path(credentials: AuthCredentials) -> AuthRequest | None:
    path, _, query = credentials.url.partition("?")
    return _bearer(f"{path}/{credentials.session_id}?{query}", credentials.secret) if credentials.session_id else None


_EXPOSES = "servers and proxies log the URL, and with it the credential"

#: The forms, best first: use the first one that works.
FORMS: tuple[AuthForm, ...] = (
    AuthForm("bearer-key", "Authorization: Bearer API-KEY", lambda m: _bearer(m.url, m.key)),
    AuthForm("bearer-secret", "Authorization: Bearer CLIENT-SECRET", lambda m: _bearer(m.url, m.secret)),
    AuthForm("subprotocols", "subprotocols realtime, openai-insecure-api-key.…", _subprotocols),
    AuthForm(
        "subprotocols-agents",
        "the same plus openai-agents-sdk.…",
        lambda m: _subprotocols(m, f"{AGENTS_SUBPROTOCOL_PREFIX}{_AGENTS_VERSION}"),
    ),
    AuthForm("api-key-header", "header api-key (Azure)", lambda m: AuthRequest(m.url, (("api-key", m.key),))),
    AuthForm(
        "subprotocols-beta",
        "the same plus openai-beta.realtime-v1",
        lambda m: _subprotocols(m, BETA_SUBPROTOCOL),
        "the public API no longer supports the beta dialect",
    ),
    AuthForm(
        "beta-header",
        "header OpenAI-Beta: realtime=v1",
        lambda m: _bearer(m.url, m.key, BETA_HEADER),
        "the public API no longer supports the beta dialect",
    ),
    AuthForm("api-key-query", "?api-key=API-KEY (Azure)", lambda m: _with_query(m, "api-key", m.key), _EXPOSES),
    AuthForm(
        "authorization-query",
        "?authorization=Bearer%20CLIENT-SECRET",
        lambda m: _with_query(m, "authorization", f"Bearer {m.secret or m.key}"),
        _EXPOSES,
    ),
    AuthForm(
        "session-id-token",
        "Authorization: Bearer SESSION-ID",
        lambda m: _bearer(m.url, m.session_id),
        "a session id isn't a secret",
    ),
    AuthForm("session-path", "/v1/realtime/SESSION-ID", _by_session_path, "this URL is undocumented"),
    AuthForm(
        "no-model",
        "a URL without ?model=",
        lambda m: _bearer(_without_model(m.url), m.key),
        "the public API refuses it, so clients must name the model",
    ),
    AuthForm("nothing", "no credential", lambda m: AuthRequest(m.url), "anyone can use this server"),
)


#: Form name to the slug of its findings.
FORM_SLUGS = {form.name: f"AUTH-{form.name.upper()}" for form in FORMS}


async def try_auth_forms(context: AccessContext) -> AsyncGenerator[Finding, None]:
    """Try all forms, a few at a time; then yield a finding for each in the order of `FORMS`, and a recommendation.

    Cancelling closes all connections.
    """
    target = context.target
    target.on_progress("forms of authentication")
    credentials = AuthCredentials(
        url=target.upstream.socket_url(target.model),
        key=target.upstream.api_key.reveal(),
        secret=context.minted.secret.reveal() if context.minted else None,
        session_id=context.minted.session_id if context.minted else None,
    )
    results = await _try_all(context, credentials)
    for form in FORMS:
        yield _row(form, results.get(form.name))
    yield _recommendation(results)


async def _try_all(context: AccessContext, credentials: AuthCredentials) -> dict[str, AuthResult]:
    results: dict[str, AuthResult] = {}
    limit = trio.CapacityLimiter(_MAX_CONNECTIONS)

    async def try_one(form: AuthForm, request: AuthRequest) -> None:
        async with limit:
            results[form.name] = await _try(context, request)

    async with trio.open_nursery() as nursery:
        for form in FORMS:
            request = form.build(credentials)
            if request is not None:
                nursery.start_soon(try_one, form, request)
    return results


async def _try(context: AccessContext, request: AuthRequest) -> AuthResult:
    """Connect with this request and judge the first frame. Failures are results, never exceptions."""
    upgraded: UpgradedConnection | None = None
    target = context.target
    others = tuple((n, v) for n, v in target.upstream.headers if n.lower() not in _EXCLUDED_HEADERS)
    try:
        with trio.fail_after(target.timeout):
            upgraded = await dial(
                request.url,
                headers=(*request.headers, *others),
                subprotocols=request.subprotocols,
                proxy=target.proxy,
                ssl_context=target.ssl_context,
            )
            return _judged(context, await upgraded.link.receive())
    except HandshakeRefused as refused:
        return AuthResult(works=False, reason=f"HTTP {refused.status}")
    except LinkClosed as closed:
        return AuthResult(works=False, reason=refusal_for_close(closed.code, closed.reason).slug.lower())
    except (DialFailed, ValueError) as failed:
        return AuthResult(works=False, reason=str(failed))
    except trio.TooSlowError:
        return AuthResult(works=False, reason=f"no response within {target.timeout:g} s")
    finally:
        if upgraded is not None:
            await close_link(upgraded.link)


def _judged(context: AccessContext, frame: str | bytes) -> AuthResult:
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    kind = event.get("type") if isinstance(event, dict) else None
    if kind in SESSION_CREATED | {"conversation.created"}:
        return AuthResult(works=True, reason="")
    error = event.get("error") if isinstance(event, dict) else None
    if kind == "error" and isinstance(error, dict):
        return AuthResult(works=False, reason=refusal_for_error(error).slug.lower())
    return AuthResult(works=False, reason=f"first frame: {context.excerpt(str(kind or 'not an event'), 40)}")


def _row(form: AuthForm, result: AuthResult | None) -> Finding:
    row, slug, evidence = CheckRow("access", "auth"), FORM_SLUGS[form.name], evidence_of("form", form.name)
    if result is None:
        return row.skipped(f"{form.title} needs a client secret, and none was minted", evidence)
    if not result.works:
        return row.noted(slug, f"refused: {form.title} ({result.reason})", evidence)
    if form.caveat:
        return row.noted(slug, f"works: {form.title}, but {form.caveat}", evidence)
    return row.passed(f"works: {form.title}", evidence, slug=slug)


def _recommendation(results: dict[str, AuthResult]) -> Finding:
    row = CheckRow("access", "auth")
    working = [form for form in FORMS if form.name in results and results[form.name].works]
    if not working:
        return row.problem(AUTH_NONE, headline(f"{len(results)} forms tried, none works"))
    safe = [form for form in working if not form.caveat]
    browser = next((form for form in safe if form.name.startswith("subprotocols")), None)
    if not safe:
        return row.noted(
            AUTH_USE.slug, f"only forms that you should not use work: {', '.join(form.name for form in working)}"
        )
    recommendation = f"use: {safe[0].title}" + (f"; in a browser: {browser.title}" if browser else "")
    return row.passed(recommendation, slug=AUTH_USE.slug)
