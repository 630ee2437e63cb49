"""`--auth all`: every form of auth and address that people use, each tried on its own, and which of them work.

The forms are those of the published specification, of SDKs, and of old code that is still around. Trying them proves
what a server takes; only when none works is that a failure.
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

#: So many are tried at once: enough to be quick, few enough not to meet a rate limit.
_AT_ONCE = 4
#: Headers that would be a form of auth or a dialect of their own.
_OWN_BUSINESS = frozenset({"authorization", "api-key", "openai-beta"})
_AGENTS_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthCredentials:
    """What the forms are made of. A client secret and a session id only where one was minted."""

    url: str
    """The socket's URL with its query, without credentials."""
    key: str
    secret: str | None
    session_id: str | None


@dataclass(frozen=True, slots=True)
class AuthRequest:
    """What one form sends."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthForm:
    """One form. `make` gives None where what it needs was not minted."""

    name: str
    title: str
    build: Callable[[AuthCredentials], AuthRequest | None]
    caveat: str = ""
    """Why not to use it although it works."""


@dataclass(frozen=True, slots=True)
class AuthResult:
    """How one form was received."""

    works: bool
    reason: str


def _bearer(url: str, token: str | None, *extra: tuple[str, str]) -> AuthRequest | None:
    return AuthRequest(url, (("Authorization", f"Bearer {token}"), *extra)) if token else None


def _subprotocols(means: AuthCredentials, *third: str) -> AuthRequest | None:
    """Offer the client secret the way browsers do, the key itself where none was minted."""
    offered = (GA_SUBPROTOCOL, f"{KEY_SUBPROTOCOL_PREFIX}{means.secret or means.key}", *third)
    return AuthRequest(means.url, subprotocols=offered)


def _with_query(means: AuthCredentials, name: str, value: str) -> AuthRequest:
    return AuthRequest(f"{means.url}{'&' if '?' in means.url else '?'}{name}={quote(value, safe='')}")


def _by_session_path(means: AuthCredentials) -> AuthRequest | None:
    path, _, query = means.url.partition("?")
    return _bearer(f"{path}/{means.session_id}?{query}", means.secret) if means.session_id else None


_EXPOSES = "the address ends up in logs of servers and proxies"

#: The forms, best first: the first one that works is the one to use.
FORMS: tuple[AuthForm, ...] = (
    AuthForm("bearer-key", "Authorization: Bearer API-KEY", lambda m: _bearer(m.url, m.key)),
    AuthForm("bearer-secret", "Authorization: Bearer CLIENT-SECRET", lambda m: _bearer(m.url, m.secret)),
    AuthForm("subprotocols", "subprotocols realtime, openai-insecure-api-key.…", _subprotocols),
    AuthForm(
        "subprotocols-agents",
        "the same, openai-agents-sdk.…",
        lambda m: _subprotocols(m, f"{AGENTS_SUBPROTOCOL_PREFIX}{_AGENTS_VERSION}"),
    ),
    AuthForm("api-key-header", "header api-key (Azure)", lambda m: AuthRequest(m.url, (("api-key", m.key),))),
    AuthForm(
        "subprotocols-beta",
        "the same, openai-beta.realtime-v1",
        lambda m: _subprotocols(m, BETA_SUBPROTOCOL),
        "the beta dialect is gone from the public API",
    ),
    AuthForm(
        "beta-header",
        "header OpenAI-Beta: realtime=v1",
        lambda m: _bearer(m.url, m.key, BETA_HEADER),
        "the beta dialect is gone from the public API",
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
        "an id is no secret",
    ),
    AuthForm("session-path", "/v1/realtime/SESSION-ID", _by_session_path, "no such address is documented"),
    AuthForm("nothing", "no credential at all", lambda m: AuthRequest(m.url), "anybody can use this server"),
)


#: The slug of each form's findings, by its name.
FORM_SLUGS = {form.name: f"AUTH-{form.name.upper()}" for form in FORMS}


async def try_auth_forms(visit: AccessContext) -> AsyncGenerator[Finding, None]:
    """Try all forms, a few at a time, then yield a row each in the order of the table, and what to use."""
    target = visit.target
    target.on_progress("forms of auth")
    means = AuthCredentials(
        url=target.upstream.socket_url(target.model),
        key=target.upstream.api_key.reveal(),
        secret=visit.minted.secret.reveal() if visit.minted else None,
        session_id=visit.minted.session_id if visit.minted else None,
    )
    answers = await _ask_all(visit, means)
    for form in FORMS:
        yield _row(form, answers.get(form.name))
    yield _conclusion(answers)


async def _ask_all(visit: AccessContext, means: AuthCredentials) -> dict[str, AuthResult]:
    answers: dict[str, AuthResult] = {}
    limit = trio.CapacityLimiter(_AT_ONCE)

    async def ask(form: AuthForm, attempt: AuthRequest) -> None:
        async with limit:
            answers[form.name] = await _ask(visit, attempt)

    async with trio.open_nursery() as nursery:
        for form in FORMS:
            attempt = form.build(means)
            if attempt is not None:
                nursery.start_soon(ask, form, attempt)
    return answers


async def _ask(visit: AccessContext, attempt: AuthRequest) -> AuthResult:
    """Connect this way and look at the first frame. Never raises but when cancelled."""
    upgraded: UpgradedConnection | None = None
    target = visit.target
    others = tuple((n, v) for n, v in target.upstream.headers if n.lower() not in _OWN_BUSINESS)
    try:
        with trio.fail_after(target.timeout):
            upgraded = await dial(
                attempt.url,
                headers=(*attempt.headers, *others),
                subprotocols=attempt.subprotocols,
                proxy=target.proxy,
                ssl_context=target.ssl_context,
            )
            return _judged(visit, await upgraded.link.receive())
    except HandshakeRefused as refused:
        return AuthResult(works=False, reason=f"HTTP {refused.status}")
    except LinkClosed as closed:
        return AuthResult(works=False, reason=refusal_for_close(closed.code, closed.reason).slug.lower())
    except (DialFailed, ValueError) as failed:
        return AuthResult(works=False, reason=str(failed))
    except trio.TooSlowError:
        return AuthResult(works=False, reason=f"no answer within {target.timeout:g} s")
    finally:
        if upgraded is not None:
            await close_link(upgraded.link)


def _judged(visit: AccessContext, frame: str | bytes) -> AuthResult:
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
    return AuthResult(works=False, reason=f"answered by {visit.excerpt(str(kind or 'no event'), 40)}")


def _row(form: AuthForm, answer: AuthResult | None) -> Finding:
    row, slug, evidence = CheckRow("access", "auth"), FORM_SLUGS[form.name], evidence_of("form", form.name)
    if answer is None:
        return row.skipped(f"{form.title}, nothing was minted to try it with", evidence)
    if not answer.works:
        return row.noted(slug, f"refused: {form.title} ({answer.reason})", evidence)
    if form.caveat:
        return row.noted(slug, f"works: {form.title}, but {form.caveat}", evidence)
    return row.passed(f"works: {form.title}", evidence, slug=slug)


def _conclusion(answers: dict[str, AuthResult]) -> Finding:
    row = CheckRow("access", "auth")
    working = [form for form in FORMS if form.name in answers and answers[form.name].works]
    if not working:
        return row.problem(AUTH_NONE, headline(f"{len(answers)} forms tried, none works"))
    sound = [form for form in working if not form.caveat]
    browser = next((form for form in sound if form.name.startswith("subprotocols")), None)
    if not sound:
        return row.noted(AUTH_USE.slug, f"only unsound forms work: {', '.join(form.name for form in working)}")
    told = f"use: {sound[0].title}" + (f"; in a browser: {browser.title}" if browser else "")
    return row.passed(told, slug=AUTH_USE.slug)
