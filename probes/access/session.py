"""The session layers of `access`: the first frame, and the confirmation of a configuration.

The first frame decides: the public service accepts every upgrade with 101 and sends its refusal right after it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.config.resolve import DialectChoice
from bridge.protocol.dialects.detection import Dialect, SessionKind, detect_dialect
from bridge.protocol.events.groups import SESSION_CREATED
from bridge.protocol.refusals.lookup import Refusal, refusal_for_close, refusal_for_error
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import DialFailed
from probes.access.advice import advise, explain_cause, with_support_hint
from probes.access.context import close_link, error_object, seconds_until
from probes.access.upgrade import credentials, dial_with, secret_refused, uses_secret
from probes.problems import service
from probes.runner.event_ids import own_event_id
from probes.runner.findings import CheckRow, evidence_of, headline
from probes.runner.idle_cut import cut_when_quiet, idle_cut_finding, may_be_idle_cut
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.dialects.detection import DetectedDialect
    from bridge.transport.link import Headers
    from probes.access.context import AccessContext
    from reports.model import Evidence, Finding

SESSION, CONFIRM = CheckRow("access", "session"), CheckRow("access", "confirm")

#: The close follows an error frame within a millisecond; how long to wait for it, to show its code.
_CLOSE_SECONDS = 0.5
#: A session that expires within this many seconds is too short to be useful.
_SHORT_SECONDS = 60
#: If the session should expire within this many seconds, wait and see whether it does.
_SOON_SECONDS = 1
_EVENT_ID = own_event_id("access")
_INSTRUCTIONS = "This is a check by sherpa-probe. Do not respond."

#: Findings of the first frame that may be about the client secret alone.
_CREDENTIAL_CODES = frozenset(map(SESSION.code, ("KEY-REFUSED", "KEY-RESTRICTED", "NO-KEY", "POLICY")))

#: A configuration without any default value, in each dialect's shape: only a server that applies it can confirm it.
TEST_CONFIGS: Mapping[Dialect, dict[str, Any]] = {
    Dialect.GA: {"type": "realtime", "output_modalities": ["text"], "instructions": _INSTRUCTIONS},
    Dialect.BETA: {"modalities": ["text"], "instructions": _INSTRUCTIONS},
}
_NAMES: Mapping[Dialect, str] = {Dialect.GA: "GA", Dialect.BETA: "beta"}


async def await_session(context: AccessContext) -> Finding:
    """Wait for the first frame: `session.created`, or an error that says why there is no session.

    If it refuses the minted client secret, a second connection tries the API key itself, and the rest runs on that.
    """
    finding = await _first_frame(context)
    if finding.code in _CREDENTIAL_CODES and uses_secret(context):
        with trio.move_on_after(context.target.timeout / 2):
            return await _with_the_key(context, finding) or finding
    return finding


async def _with_the_key(context: AccessContext, refused: Finding) -> Finding | None:
    """Open a session with the API key; None, and the old connection again, if it is refused as well."""
    before = context.upgraded
    try:
        context.upgraded = await dial_with(context, context.target.upstream)
        opened = await _first_frame(context)
    except (DialFailed, HandshakeRefused):
        opened = refused
    if opened.severity in (Severity.FAIL, Severity.ERROR):
        other, context.upgraded = context.upgraded, before
    else:
        other, context.secret_refused = before, True
    if other is not None and other is not context.upgraded:
        await close_link(other.link)
    if not context.secret_refused:
        return None
    return secret_refused(SESSION, context, f"for the secret: {refused.evidence[0].value}; for the API key: a session")


async def _first_frame(context: AccessContext) -> Finding:
    link, began = _link(context), trio.current_time()
    try:
        frame = await link.receive()
        event = _event(frame)
    except LinkClosed as closed:
        finding = _closed(SESSION, context, closed, "closed before the first frame")
        return await _by_idle_timeout(SESSION, context, closed, began) or finding
    if event is None:
        return _not_an_event(context, frame)
    if event.get("type") == "error":
        return await _first_error(context, error_object(event))
    return _judged(context, event)


def session_timed_out(context: AccessContext) -> Finding:
    """Report that no frame followed the upgrade."""
    proxy = f"without {context.target.proxy_name} and " if context.target.proxy else ""
    return SESSION.problem(
        service.NO_FIRST_FRAME,
        headline(f"no frame within {context.target.timeout:g} s"),
        *_upgrade_headers(context),
        *context.proxy_evidence(),
        fix=with_support_hint(
            f"Run the command again {proxy}with a longer --timeout", context.clues(_headers(context))
        ),
    )


async def confirm_config(context: AccessContext) -> Finding:
    """Send a configuration, wait for the server to confirm it, and compare."""
    update = TEST_CONFIGS[context.dialect]
    event = {"type": "session.update", "event_id": _EVENT_ID, "session": update}
    last = trio.current_time()
    try:
        await _link(context).send_text(msgspec.json.encode(event))
        while True:
            answer = _event(await _link(context).receive()) or {}
            last = trio.current_time()
            match answer.get("type"):
                case "session.updated":
                    return await _expired_at_once(context) or _compared(update, answer.get("session"))
                case "error" if error_object(answer).get("event_id") in (None, _EVENT_ID):
                    return _update_refused(context, error_object(answer))
    except LinkClosed as closed:
        finding = _closed(CONFIRM, context, closed, "closed before the configuration was confirmed")
        return await _by_idle_timeout(CONFIRM, context, closed, last) or finding


async def _by_idle_timeout(
    row: CheckRow, context: AccessContext, closed: LinkClosed, last_frame_at: float
) -> Finding | None:
    """Return the finding that a proxy's idle time-out closed the connection, if a second connection shows that."""
    quiet = trio.current_time() - last_frame_at
    if not may_be_idle_cut(quiet, closed.code, by_peer=closed.by_peer):
        return None
    limit = await cut_when_quiet(partial(dial_with, context, credentials(context)), quiet)
    return idle_cut_finding(row, limit, *_upgrade_headers(context), *context.proxy_evidence()) if limit else None


async def _expired_at_once(context: AccessContext) -> Finding | None:
    """If the session should have expired by now, wait a moment: either it has, or the local clock is wrong."""
    left = _seconds_left(context)
    if left is None or left > _SOON_SECONDS:
        return None
    with trio.move_on_after(_SOON_SECONDS):
        event = _event(await _link(context).receive()) or {}
        if event.get("type") == "error":
            return _update_refused(context, error_object(event), "after session.updated")
    return None


def confirm_timed_out(context: AccessContext) -> Finding:
    """Report that `session.update` got no confirmation."""
    unconfirmed = headline(f"session.update sent, no session.updated within {context.target.timeout:g} s")
    return CONFIRM.problem(service.NOT_CONFIRMED, unconfirmed)


def _link(context: AccessContext) -> Any:
    if context.upgraded is None:
        raise AssertionError("the session checks need the upgrade")
    return context.upgraded.link


def _event(frame: str | bytes) -> dict[str, Any] | None:
    try:
        event = msgspec.json.decode(frame) if isinstance(frame, str) else None
    except (msgspec.DecodeError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


async def _first_error(context: AccessContext, error: Mapping[str, Any]) -> Finding:
    """Report the service's error, with the close code that follows it as evidence."""
    refusal = refusal_for_error(error)
    closing = ""
    with trio.move_on_after(_CLOSE_SECONDS):
        try:
            await _link(context).receive()
        except LinkClosed as closed:
            closing = f", close {closed.code}" if closed.code else ""
    first, *others = context.response_evidence("error", error, label="first frame")
    evidence = (
        evidence_of(first.label, first.value + closing),
        *others,
        *context.header_evidence(),
        *_upgrade_headers(context),
    )
    if refusal.slug == "BETA-DISABLED":
        return _beta_refused(context, refusal, *evidence)
    return _refused(SESSION, context, refusal, *evidence)


def _refused(row: CheckRow, context: AccessContext, refusal: Refusal, *evidence: Evidence) -> Finding:
    clues = context.clues(_headers(context))
    of_models = refusal.slug in ("MODEL-NOT-FOUND", "INVALID-MODEL") and clues.other_models
    listed = (evidence_of("realtime models", ", ".join(context.realtime_models)),) if of_models else ()
    return row.refused(refusal, *evidence, *listed, cause=explain_cause(refusal, clues), fix=advise(refusal, clues))


def _beta_refused(context: AccessContext, refusal: Refusal, *evidence: Evidence) -> Finding:
    """Report what requested the beta dialect: a configured header, the option, or a proxy on the way."""
    source = context.target.config.headers.source
    beta_headers = [name for name, _ in context.target.config.headers.value if name.lower() == "openai-beta"]
    change = "Then update your code to the GA shape of the session: sherpa-probe lint PATH finds the places"
    if beta_headers:
        return SESSION.refused(refusal, *evidence, fix=f"Remove {beta_headers[0]} from {source}\n{change}")
    if context.target.dialect is Dialect.BETA:
        return SESSION.refused(refusal, *evidence, fix=f"sherpa-probe access --dialect ga\n{change}")
    return SESSION.refused(
        refusal,
        *evidence,
        evidence_of("header", "this machine sent no OpenAI-Beta header"),
        cause="This machine didn't send the header; a proxy or gateway on the way adds 'OpenAI-Beta: realtime=v1'.",
        fix=f"Configure {context.target.proxy_name or context.target.host} not to add it, or connect without it",
    )


def _headers(context: AccessContext) -> Headers:
    return context.upgraded.headers if context.upgraded else ()


def _upgrade_headers(context: AccessContext) -> tuple[Evidence, ...]:
    return context.diagnostic_headers(_headers(context))


def _closed(row: CheckRow, context: AccessContext, closed: LinkClosed, when: str) -> Finding:
    summary = f"{when}: {closed.code or 1006} {closed.reason}".rstrip()
    if not closed.by_peer:
        broken = headline(f"invalid frame, closed with {closed.code} {closed.reason}".rstrip())
        return row.problem(service.PROTOCOL_BROKEN, broken, *context.proxy_evidence())
    refusal = refusal_for_close(closed.code, closed.reason)
    evidence = (headline(summary), *_upgrade_headers(context), *context.proxy_evidence(), *context.header_evidence())
    return _refused(row, context, refusal, *evidence)


def _not_an_event(context: AccessContext, frame: str | bytes) -> Finding:
    kind = "text that isn't a JSON object" if isinstance(frame, str) else "a binary frame"
    start = repr(context.excerpt(frame, 80)) if isinstance(frame, str) else f"{len(frame)} bytes"
    return SESSION.problem(service.NOT_REALTIME, evidence_of("first frame", f"{kind}: {start}"))


def _judged(context: AccessContext, event: Mapping[str, Any]) -> Finding:
    """Judge a first frame that isn't an error: it must open the requested kind of session on a Realtime API."""
    detected = detect_dialect(event)
    kind = event.get("type")
    evidence = (evidence_of("first frame", context.excerpt(str(kind), 80)), evidence_of("dialect", detected.reason))
    if kind not in SESSION_CREATED | {"conversation.created"}:
        return SESSION.problem(service.NOT_REALTIME, *evidence)
    if detected.kind not in (SessionKind.CONVERSATION, None):
        title = f"The server opened a {detected.kind} session instead of a conversation"
        return SESSION.problem(service.WRONG_SESSION, *evidence, title=title)
    session = event.get("session")
    context.session = session if isinstance(session, dict) else {}
    context.dialect = detected.dialect or context.target.dialect
    return _opened(context, detected, *evidence)


def _opened(context: AccessContext, detected: DetectedDialect, *evidence: Evidence) -> Finding:
    session_id = context.excerpt(str(context.session.get("id")), 80)
    evidence = (*evidence, evidence_of("session", session_id), *_upgrade_headers(context))
    if detected.dialect is None:
        return SESSION.problem(service.UNKNOWN_DIALECT, *evidence)
    spoken = detected.dialect
    if spoken is not context.target.dialect:
        return _other_dialect(context, spoken, *evidence)
    left = _seconds_left(context)
    if left is not None and left < _SHORT_SECONDS:
        return _short(left, *evidence)
    expires = () if left is None else (evidence_of("expires", f"in {left} s"),)
    return SESSION.passed(f"session.created, {_NAMES.get(spoken, spoken)}, {session_id}", *evidence, *expires)


def _seconds_left(context: AccessContext) -> int | None:
    return seconds_until(context.session.get("expires_at"))


def _short(left: int, *evidence: Evidence) -> Finding:
    return SESSION.problem(
        service.SESSION_SHORT,
        headline(f"session.created, but expires_at is {f'in {left} s' if left > 0 else 'now'}"),
        *evidence,
        title=f"The session expires {f'in {left} s' if left > 0 else 'as soon as it starts'}",
    )


def _other_dialect(context: AccessContext, spoken: Dialect, *evidence: Evidence) -> Finding:
    name, requested = _NAMES.get(spoken, str(spoken)), _NAMES[context.target.dialect]
    first, *others = evidence
    shown = (evidence_of(first.label, f"{first.value} in the {name} dialect, requested {requested}"), *others)
    return SESSION.problem(
        service.OTHER_DIALECT,
        *shown,
        title=f"The server speaks the {name} dialect",
        fix=f"sherpa-probe access --dialect {context.dialect}",
        severity=Severity.WARNING if context.asked_dialect is DialectChoice.AUTO else Severity.FAIL,
    )


def _update_refused(context: AccessContext, error: Mapping[str, Any], when: str = "session.update") -> Finding:
    refusal = refusal_for_error(error)
    evidence = (*context.response_evidence("error", error, label=when), evidence_of("code", error.get("code")))
    if refusal.fatal:
        return _refused(CONFIRM, context, refusal, *evidence)
    fields = tuple(f"session.{name}" for name in TEST_CONFIGS[context.dialect])
    sent = f"The probe sent {', '.join(fields)} in the {_NAMES[context.dialect]} shape"
    if str(error.get("param")).startswith(fields):
        return CONFIRM.problem(
            service.CONFIG_REFUSED,
            *evidence,
            cause=f"{sent}. This server doesn't accept it, although the public service does.",
            fix="Check the server's documentation for the fields that session.update accepts",
        )
    return CONFIRM.problem(
        service.CONFIG_REFUSED,
        *evidence,
        cause=f"{sent}, and nothing else. A proxy changes the event, or the server differs from the public service.",
        fix="Connect without the proxy or gateway, or ask its operator whether it changes events",
    )


def _compared(update: Mapping[str, Any], session: object) -> Finding:
    """Compare the session that the server confirmed with the update that was sent."""
    held = session if isinstance(session, dict) else {}
    wrong = [name for name, value in update.items() if name in held and held[name] != value]
    missing = [name for name in update if name not in held]
    if not wrong and not missing:
        return CONFIRM.passed("session.updated matches what was sent")
    difference = f"different: {', '.join(wrong)}" if wrong else f"missing: {', '.join(missing)}"
    compared = evidence_of("session.updated", difference)
    return CONFIRM.problem(service.CONFIG_CHANGED if wrong else service.CONFIG_UNSEEN, compared)
