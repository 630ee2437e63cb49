"""The session's layers of access: the first frame, and a configuration that is confirmed.

Only the first frame tells: the public service answers 101 to everybody and says no right behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.config.resolve import DialectChoice
from bridge.protocol.dialects.detection import Dialect, SessionKind, detect_dialect
from bridge.protocol.events.groups import SESSION_CREATED
from bridge.protocol.refusals.lookup import Refusal, refusal_for_close, refusal_for_error
from bridge.transport.link import LinkClosed
from probes.access.advice import advise, with_support_hint
from probes.access.context import error_object, seconds_until
from probes.problems import service
from probes.runner.findings import CheckRow, evidence_of, headline
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.dialects.detection import DetectedDialect
    from bridge.transport.link import Headers
    from probes.access.context import AccessContext
    from reports.model import Evidence, Finding

SESSION, CONFIRM = CheckRow("access", "session"), CheckRow("access", "confirm")

#: After an error frame the close follows in the same millisecond; this long it is waited for, to be shown.
_CLOSE_SECONDS = 0.5
#: A session that ends within this many seconds serves nobody.
_SHORT_SECONDS = 60
#: One that ends within these is waited for, to see it end.
_SOON_SECONDS = 1
_EVENT_ID = "event_sherpa_access"
_INSTRUCTIONS = "You are being checked by sherpa-probe; there is nothing to say."

#: A configuration that differs from every default, in each dialect's shape, so that an echo proves something.
TEST_CONFIGS: Mapping[Dialect, dict[str, Any]] = {
    Dialect.GA: {"type": "realtime", "output_modalities": ["text"], "instructions": _INSTRUCTIONS},
    Dialect.BETA: {"modalities": ["text"], "instructions": _INSTRUCTIONS},
}
_NAMES: Mapping[Dialect, str] = {Dialect.GA: "GA", Dialect.BETA: "beta"}


async def await_session(visit: AccessContext) -> Finding:
    """Wait for the first frame: it is `session.created`, or it says why not."""
    link = _link(visit)
    try:
        frame = await link.receive()
        event = _event(frame)
    except LinkClosed as closed:
        return _closed(SESSION, visit, closed, "closed instead of a first frame")
    if event is None:
        return _not_an_event(visit, frame)
    if event.get("type") == "error":
        return await _first_error(visit, error_object(event))
    return _judged(visit, event)


def session_timed_out(visit: AccessContext) -> Finding:
    """101, and then silence."""
    proxy = f"without {visit.target.proxy_name} and " if visit.target.proxy else ""
    return SESSION.problem(
        service.NO_FIRST_FRAME,
        headline(f"no frame within {visit.target.timeout:g} s"),
        *_upgrade_headers(visit),
        *visit.proxy_evidence(),
        fix=with_support_hint(f"Try once {proxy}with a longer --timeout", visit.clues(_headers(visit))),
    )


async def confirm_config(visit: AccessContext) -> Finding:
    """Send a configuration and wait until the server says that it holds."""
    update = TEST_CONFIGS[visit.dialect]
    event = {"type": "session.update", "event_id": _EVENT_ID, "session": update}
    try:
        await _link(visit).send_text(msgspec.json.encode(event))
        while True:
            answer = _event(await _link(visit).receive()) or {}
            match answer.get("type"):
                case "session.updated":
                    return await _expired_at_once(visit) or _compared(update, answer.get("session"))
                case "error" if error_object(answer).get("event_id") in (None, _EVENT_ID):
                    return _update_refused(visit, error_object(answer))
    except LinkClosed as closed:
        return _closed(CONFIRM, visit, closed, "closed while the configuration was on its way")


async def _expired_at_once(visit: AccessContext) -> Finding | None:
    """Where the session should be over already, wait a moment to see whether it is, or whether our clock is wrong."""
    left = _seconds_left(visit)
    if left is None or left > _SOON_SECONDS:
        return None
    with trio.move_on_after(_SOON_SECONDS):
        event = _event(await _link(visit).receive()) or {}
        if event.get("type") == "error":
            return _update_refused(visit, error_object(event), "after session.updated")
    return None


def confirm_timed_out(visit: AccessContext) -> Finding:
    """The update disappears."""
    late = headline(f"session.update sent, no session.updated within {visit.target.timeout:g} s")
    return CONFIRM.problem(service.NOT_CONFIRMED, late)


def _link(visit: AccessContext) -> Any:
    if visit.upgraded is None:
        raise AssertionError("the socket's checks need the upgrade")
    return visit.upgraded.link


def _event(frame: str | bytes) -> dict[str, Any] | None:
    try:
        event = msgspec.json.decode(frame) if isinstance(frame, str) else None
    except (msgspec.DecodeError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


async def _first_error(visit: AccessContext, error: Mapping[str, Any]) -> Finding:
    """The service said no; wait a moment for how it closes, which belongs to the evidence."""
    refusal = refusal_for_error(error)
    closing = ""
    with trio.move_on_after(_CLOSE_SECONDS):
        try:
            await _link(visit).receive()
        except LinkClosed as closed:
            closing = f", close {closed.code}" if closed.code else ""
    first, *others = visit.response_evidence("first frame", "error", error)
    evidence = (
        evidence_of(first.label, first.value + closing),
        *others,
        *visit.header_evidence(),
        *_upgrade_headers(visit),
    )
    if refusal.slug == "BETA-DISABLED":
        return _beta_refused(visit, refusal, *evidence)
    return _refused(SESSION, visit, refusal, *evidence)


def _refused(row: CheckRow, visit: AccessContext, refusal: Refusal, *evidence: Evidence) -> Finding:
    found = visit.clues(_headers(visit))
    of_models = refusal.slug in ("MODEL-NOT-FOUND", "INVALID-MODEL") and found.other_models
    listed = (evidence_of("realtime models", ", ".join(visit.realtime_models)),) if of_models else ()
    return row.refused(refusal, *evidence, *listed, fix=advise(refusal, found))


def _beta_refused(visit: AccessContext, refusal: Refusal, *evidence: Evidence) -> Finding:
    """Tell who asks for the beta: a header of the settings, the option, or somebody in between."""
    source = visit.target.config.headers.source
    asking = [name for name, _ in visit.target.config.headers.value if name.lower() == "openai-beta"]
    change = "Then the session's shape changes too: sherpa-probe lint PATH finds the places in your code"
    if asking:
        return SESSION.refused(refusal, *evidence, fix=f"Remove {asking[0]} from {source}\n{change}")
    if visit.target.dialect is Dialect.BETA:
        return SESSION.refused(refusal, *evidence, fix=f"sherpa-probe access --dialect ga\n{change}")
    return SESSION.refused(
        refusal,
        *evidence,
        evidence_of("header", "OpenAI-Beta was not sent from here"),
        cause="No such header left this machine: a proxy or gateway on the way adds 'OpenAI-Beta: realtime=v1'.",
        fix=f"Make {visit.target.proxy_name or visit.target.host} stop adding it, or reach the service without it",
    )


def _headers(visit: AccessContext) -> Headers:
    return visit.upgraded.headers if visit.upgraded else ()


def _upgrade_headers(visit: AccessContext) -> tuple[Evidence, ...]:
    return visit.diagnostic_headers(_headers(visit))


def _closed(row: CheckRow, visit: AccessContext, closed: LinkClosed, when: str) -> Finding:
    told = f"{when}: {closed.code or 1006} {closed.reason}".rstrip()
    if not closed.by_peer:
        broken = headline(f"broken frame, closed with {closed.code} {closed.reason}".rstrip())
        return row.problem(service.PROTOCOL_BROKEN, broken, *visit.proxy_evidence())
    refusal = refusal_for_close(closed.code, closed.reason)
    evidence = (headline(told), *_upgrade_headers(visit), *visit.proxy_evidence(), *visit.header_evidence())
    return _refused(row, visit, refusal, *evidence)


def _not_an_event(visit: AccessContext, frame: str | bytes) -> Finding:
    kind = "text that is no JSON object" if isinstance(frame, str) else "a binary frame"
    start = repr(visit.excerpt(frame, 80)) if isinstance(frame, str) else f"{len(frame)} bytes"
    return SESSION.problem(service.NOT_REALTIME, evidence_of("first frame", f"{kind}: {start}"))


def _judged(visit: AccessContext, event: Mapping[str, Any]) -> Finding:
    """Look at a first frame that is no error: tell which server this is, and whether it is what was asked for."""
    detected = detect_dialect(event)
    kind = event.get("type")
    evidence = (evidence_of("first frame", visit.excerpt(str(kind), 80)), evidence_of("dialect", detected.reason))
    if kind not in SESSION_CREATED | {"conversation.created"}:
        return SESSION.problem(service.NOT_REALTIME, *evidence)
    if detected.kind not in (SessionKind.CONVERSATION, None):
        title = f"The server opened a {detected.kind} session where a conversation was asked for"
        return SESSION.problem(service.WRONG_SESSION, *evidence, title=title)
    session = event.get("session")
    visit.session = session if isinstance(session, dict) else {}
    visit.dialect = detected.dialect or visit.target.dialect
    return _opened(visit, detected, *evidence)


def _opened(visit: AccessContext, detected: DetectedDialect, *evidence: Evidence) -> Finding:
    session_id = visit.excerpt(str(visit.session.get("id")), 80)
    evidence = (*evidence, evidence_of("session", session_id), *_upgrade_headers(visit))
    if detected.dialect is None:
        return SESSION.problem(service.UNKNOWN_DIALECT, *evidence)
    spoken, asked = detected.dialect, visit.target.dialect
    if spoken is not asked:
        return _other_dialect(visit, spoken, *evidence)
    left = _seconds_left(visit)
    if left is not None and left < _SHORT_SECONDS:
        return _short(left, *evidence)
    expires = () if left is None else (evidence_of("expires", f"in {left} s"),)
    return SESSION.passed(f"session.created, {_NAMES.get(spoken, spoken)}, {session_id}", *evidence, *expires)


def _seconds_left(visit: AccessContext) -> int | None:
    return seconds_until(visit.session.get("expires_at"))


def _short(left: int, *evidence: Evidence) -> Finding:
    return SESSION.problem(
        service.SESSION_SHORT,
        headline(f"session.created, but expires_at is {f'in {left} s' if left > 0 else 'now'}"),
        *evidence,
        title=f"The session ends {f'in {left} s' if left > 0 else 'as soon as it begins'}",
    )


def _other_dialect(visit: AccessContext, spoken: Dialect, *evidence: Evidence) -> Finding:
    name, asked = _NAMES.get(spoken, str(spoken)), _NAMES[visit.target.dialect]
    first, *others = evidence
    shown = (evidence_of(first.label, f"{first.value} in the {name} dialect, asked for {asked}"), *others)
    return SESSION.problem(
        service.OTHER_DIALECT,
        *shown,
        title=f"The server speaks the {name} dialect",
        fix=f"sherpa-probe access --dialect {visit.dialect}",
        severity=Severity.WARNING if visit.asked_dialect is DialectChoice.AUTO else Severity.FAIL,
    )


def _update_refused(visit: AccessContext, error: Mapping[str, Any], when: str = "session.update") -> Finding:
    refusal = refusal_for_error(error)
    evidence = (*visit.response_evidence(when, "error", error), evidence_of("code", error.get("code")))
    if refusal.fatal:
        return _refused(CONFIRM, visit, refusal, *evidence)
    fields = tuple(f"session.{name}" for name in TEST_CONFIGS[visit.dialect])
    told = f"The probe sent {', '.join(fields)} in the {_NAMES[visit.dialect]} shape"
    if str(error.get("param")).startswith(fields):
        return CONFIRM.problem(
            service.CONFIG_REFUSED,
            *evidence,
            cause=f"{told}; this server does not take it as the public service does.",
            fix="Look into that server's documentation for what it takes in session.update",
        )
    return CONFIRM.problem(
        service.CONFIG_REFUSED,
        *evidence,
        cause=f"{told}, and nothing else: something in between changes it, or the server is of a kind of its own.",
        fix="Reach the service without the proxy or gateway in between, or ask whoever runs it what it does to events",
    )


def _compared(update: Mapping[str, Any], session: object) -> Finding:
    """Hold what the server confirmed against what it was told."""
    held = session if isinstance(session, dict) else {}
    wrong = [name for name, value in update.items() if name in held and held[name] != value]
    missing = [name for name in update if name not in held]
    if not wrong and not missing:
        return CONFIRM.passed("session.updated shows what was sent")
    told = evidence_of(
        "session.updated", f"other than sent: {', '.join(wrong)}" if wrong else f"without {', '.join(missing)}"
    )
    return CONFIRM.problem(service.CONFIG_CHANGED if wrong else service.CONFIG_UNSEEN, told)
