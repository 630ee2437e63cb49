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
from bridge.protocol.refusals.lookup import refusal_for_close, refusal_for_error
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import DialFailed, dial
from probes.access.context import part
from probes.problems.service import AUTH_NONE, AUTH_USE
from probes.runner.findings import Row, seen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bridge.upstream.dial.handshake import Upgraded
    from probes.access.context import Visit
    from reports.model import Finding

#: So many are tried at once: enough to be quick, few enough not to meet a rate limit.
_AT_ONCE = 4
#: Headers that would be a form of auth or a dialect of their own.
_OWN_BUSINESS = frozenset({"authorization", "api-key", "openai-beta"})
_AGENTS_VERSION = "0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the forms are made of. A client secret and a session id only where one was minted."""

    url: str
    """The socket's URL with its query, without credentials."""
    key: str
    secret: str | None
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one form sends."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """One form. `make` gives None where what it needs was not minted."""

    name: str
    title: str
    make: Callable[[Means], Attempt | None]
    advice: str = ""
    """Why not to use it although it works."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one form was received."""

    works: bool
    told: str


def _bearer(url: str, token: str | None, *extra: tuple[str, str]) -> Attempt | None:
    return Attempt(url, (("Authorization", f"Bearer {token}"), *extra)) if token else None


def _subprotocols(means: Means, *third: str) -> Attempt | None:
    """Offer the client secret the way browsers do, the key itself where none was minted."""
    offered = (GA_SUBPROTOCOL, f"{KEY_SUBPROTOCOL_PREFIX}{means.secret or means.key}", *third)
    return Attempt(means.url, subprotocols=offered)


def _with_query(means: Means, name: str, value: str) -> Attempt:
    return Attempt(f"{means.url}{'&' if '?' in means.url else '?'}{name}={quote(value, safe='')}")


def _by_session_path(means: Means) -> Attempt | None:
    path, _, query = means.url.partition("?")
    return _bearer(f"{path}/{means.session_id}?{query}", means.secret) if means.session_id else None


_EXPOSES = "the address ends up in logs of servers and proxies"

#: The forms, best first: the first one that works is the one to use.
FORMS: tuple[Form, ...] = (
    Form("bearer-key", "Authorization: Bearer API-KEY", lambda m: _bearer(m.url, m.key)),
    Form("bearer-secret", "Authorization: Bearer CLIENT-SECRET", lambda m: _bearer(m.url, m.secret)),
    Form("subprotocols", "subprotocols realtime, openai-insecure-api-key.…", _subprotocols),
    Form(
        "subprotocols-agents",
        "the same, openai-agents-sdk.…",
        lambda m: _subprotocols(m, f"{AGENTS_SUBPROTOCOL_PREFIX}{_AGENTS_VERSION}"),
    ),
    Form("api-key-header", "header api-key (Azure)", lambda m: Attempt(m.url, (("api-key", m.key),))),
    Form(
        "subprotocols-beta",
        "the same, openai-beta.realtime-v1",
        lambda m: _subprotocols(m, BETA_SUBPROTOCOL),
        "the beta dialect is gone from the public API",
    ),
    Form(
        "beta-header",
        "header OpenAI-Beta: realtime=v1",
        lambda m: _bearer(m.url, m.key, BETA_HEADER),
        "the beta dialect is gone from the public API",
    ),
    Form("api-key-query", "?api-key=API-KEY (Azure)", lambda m: _with_query(m, "api-key", m.key), _EXPOSES),
    Form(
        "authorization-query",
        "?authorization=Bearer%20CLIENT-SECRET",
        lambda m: _with_query(m, "authorization", f"Bearer {m.secret or m.key}"),
        _EXPOSES,
    ),
    Form(
        "session-id-token",
        "Authorization: Bearer SESSION-ID",
        lambda m: _bearer(m.url, m.session_id),
        "an id is no secret",
    ),
    Form("session-path", "/v1/realtime/SESSION-ID", _by_session_path, "no such address is documented"),
    Form("nothing", "no credential at all", lambda m: Attempt(m.url), "anybody can use this server"),
)


#: The slug of each form's findings, by its name.
SLUGS = {form.name: f"AUTH-{form.name.upper()}" for form in FORMS}


async def try_forms(visit: Visit) -> AsyncGenerator[Finding, None]:
    """Try all forms, a few at a time, then yield a row each in the order of the table, and what to use."""
    target = visit.target
    target.doing("forms of auth")
    means = Means(
        url=target.upstream.socket_url(target.model),
        key=target.upstream.api_key.reveal(),
        secret=visit.minted.secret.reveal() if visit.minted else None,
        session_id=visit.minted.session_id if visit.minted else None,
    )
    answers = await _ask_all(visit, means)
    for form in FORMS:
        yield _row(form, answers.get(form.name))
    yield _conclusion(answers)


async def _ask_all(visit: Visit, means: Means) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    limit = trio.CapacityLimiter(_AT_ONCE)

    async def ask(form: Form, attempt: Attempt) -> None:
        async with limit:
            answers[form.name] = await _ask(visit, attempt)

    async with trio.open_nursery() as nursery:
        for form in FORMS:
            attempt = form.make(means)
            if attempt is not None:
                nursery.start_soon(ask, form, attempt)
    return answers


async def _ask(visit: Visit, attempt: Attempt) -> Answer:
    """Connect this way and look at the first frame. Never raises but when cancelled."""
    upgraded: Upgraded | None = None
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
        return Answer(works=False, told=f"HTTP {refused.status}")
    except LinkClosed as closed:
        return Answer(works=False, told=refusal_for_close(closed.code, closed.reason).slug.lower())
    except (DialFailed, ValueError) as failed:
        return Answer(works=False, told=str(failed))
    except trio.TooSlowError:
        return Answer(works=False, told=f"no answer within {target.timeout:g} s")
    finally:
        if upgraded is not None:
            await part(upgraded.link)


def _judged(visit: Visit, frame: str | bytes) -> Answer:
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = None
    kind = event.get("type") if isinstance(event, dict) else None
    if kind in ("session.created", "transcription_session.created", "conversation.created"):
        return Answer(works=True, told="")
    error = event.get("error") if isinstance(event, dict) else None
    if kind == "error" and isinstance(error, dict):
        return Answer(works=False, told=refusal_for_error(error).slug.lower())
    return Answer(works=False, told=f"answered by {visit.shown(str(kind or 'no event'), 40)}")


def _row(form: Form, answer: Answer | None) -> Finding:
    row, slug, evidence = Row("access", "auth"), SLUGS[form.name], seen("form", form.name)
    if answer is None:
        return row.skipped(f"{form.title}, nothing was minted to try it with", evidence)
    if not answer.works:
        return row.noted(slug, f"refused: {form.title} ({answer.told})", evidence)
    if form.advice:
        return row.noted(slug, f"works: {form.title}, but {form.advice}", evidence)
    return row.passed(f"works: {form.title}", evidence, slug=slug)


def _conclusion(answers: dict[str, Answer]) -> Finding:
    row = Row("access", "auth")
    working = [form for form in FORMS if form.name in answers and answers[form.name].works]
    if not working:
        return row.problem(AUTH_NONE, seen("", f"{len(answers)} forms tried, none works"))
    sound = [form for form in working if not form.advice]
    browser = next((form for form in sound if form.name.startswith("subprotocols")), None)
    if not sound:
        return row.noted(AUTH_USE.slug, f"only unsound forms work: {', '.join(form.name for form in working)}")
    told = f"use: {sound[0].title}" + (f"; in a browser: {browser.title}" if browser else "")
    return row.passed(told, slug=AUTH_USE.slug)
