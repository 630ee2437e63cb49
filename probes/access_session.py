"""The session's layers of access: the first frame, and a configuration that is confirmed.

Only the first frame tells: the public service answers 101 to everybody and says no right behind it.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.config import DialectChoice
from bridge.protocol.dialects import Dialect, Kind, detect_dialect
from bridge.protocol.refusals import Refusal, refusal_for_close, refusal_for_error
from bridge.transport.link import LinkClosed
from probes.findings import Row, seen
from probes.visit import answered, inner_error, telling
from reports.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.dialects import Detected
    from probes.visit import Visit
    from reports.model import Evidence, Finding

SESSION, CONFIRM = Row("access", "session"), Row("access", "confirm")

#: After an error frame the close follows in the same millisecond; this long it is waited for, to be shown.
_CLOSE_SECONDS = 0.5
#: A session that ends within this many seconds serves nobody.
_SHORT_SECONDS = 60
#: One that ends within these is waited for, to see it end.
_SOON_SECONDS = 1
_EVENT_ID = "event_sherpa_access"
_INSTRUCTIONS = "You are being checked by sherpa-probe; there is nothing to say."

#: A configuration that differs from every default, in each dialect's shape, so that an echo proves something.
UPDATES: Mapping[Dialect, dict[str, Any]] = {
    Dialect.GA: {"type": "realtime", "output_modalities": ["text"], "instructions": _INSTRUCTIONS},
    Dialect.BETA: {"modalities": ["text"], "instructions": _INSTRUCTIONS},
}
_NAMES: Mapping[Dialect, str] = {Dialect.GA: "GA", Dialect.BETA: "beta"}


async def await_session(visit: Visit) -> Finding:
    """Wait for the first frame: it is `session.created`, or it says why not."""
    link = _link(visit)
    try:
        frame = await link.receive()
        event = _event(frame)
    except LinkClosed as closed:
        return _closed(SESSION, visit, closed, "closed instead of a first frame")
    if event is None:
        return _not_an_event(frame)
    if event.get("type") == "error":
        return await _first_error(visit, inner_error(event))
    return _judged(visit, event)


def session_late(visit: Visit) -> Finding:
    """101, and then silence."""
    return SESSION.problem(
        "NO-FIRST-FRAME",
        "The socket opens, and then nothing comes",
        seen("", f"no frame within {visit.target.timeout:g} s"),
        *visit.proxy_evidence(),
        cause="The service hangs behind its gateway, or a proxy accepts the socket and does not pass frames on.",
        fix="try once without the proxy and with a longer --timeout; if it stays, give support the cf-ray header",
    )


async def confirm(visit: Visit) -> Finding:
    """Send a configuration and wait until the server says that it holds."""
    update = UPDATES[visit.dialect]
    event = {"type": "session.update", "event_id": _EVENT_ID, "session": update}
    try:
        await _link(visit).send_text(msgspec.json.encode(event))
        while True:
            answer = _event(await _link(visit).receive()) or {}
            match answer.get("type"):
                case "session.updated":
                    return await _expired_at_once(visit) or _compared(update, answer.get("session"))
                case "error" if inner_error(answer).get("event_id") in (None, _EVENT_ID):
                    return _update_refused(inner_error(answer))
    except LinkClosed as closed:
        return _closed(CONFIRM, visit, closed, "closed while the configuration was on its way")


async def _expired_at_once(visit: Visit) -> Finding | None:
    """Where the session should be over already, wait a moment to see whether it is, or whether our clock is wrong."""
    left = _seconds_left(visit)
    if left is None or left > _SOON_SECONDS:
        return None
    with trio.move_on_after(_SOON_SECONDS):
        event = _event(await _link(visit).receive()) or {}
        if event.get("type") == "error":
            return _update_refused(inner_error(event), "after session.updated")
    return None


def confirm_late(visit: Visit) -> Finding:
    """The update disappears."""
    return CONFIRM.problem(
        "NOT-CONFIRMED",
        "The configuration is never confirmed",
        seen("", f"session.update sent, no session.updated within {visit.target.timeout:g} s"),
        cause="The server or a gateway drops session.update; the session would run with its defaults.",
        fix="wait for session.updated in your own code before audio is sent, and treat its absence as a failure",
    )


def _link(visit: Visit) -> Any:
    if visit.upgraded is None:
        raise AssertionError("the socket's checks need the upgrade")
    return visit.upgraded.link


def _event(frame: str | bytes) -> dict[str, Any] | None:
    try:
        event = msgspec.json.decode(frame) if isinstance(frame, str) else None
    except (msgspec.DecodeError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


async def _first_error(visit: Visit, error: Mapping[str, Any]) -> Finding:
    """The service said no; wait a moment for how it closes, which belongs to the evidence."""
    refusal = refusal_for_error(error)
    closing = ""
    with trio.move_on_after(_CLOSE_SECONDS):
        try:
            await _link(visit).receive()
        except LinkClosed as closed:
            closing = f", close {closed.code}" if closed.code else ""
    first, *others = answered("first frame", "error", error)
    evidence = (seen(first.label, first.value + closing), *others, *visit.header_evidence(), *_upgrade_headers(visit))
    if refusal.slug == "BETA-DISABLED":
        return _beta_refused(visit, refusal, *evidence)
    return SESSION.refused(refusal, *evidence)


def _beta_refused(visit: Visit, refusal: Refusal, *evidence: Evidence) -> Finding:
    """Tell who asks for the beta: a header of the settings, the option, or somebody in between."""
    source = visit.target.config.headers.source
    asking = [name for name, _ in visit.target.config.headers.value if name.lower() == "openai-beta"]
    change = "then the session's shape changes too: see docs/diagnoses.md"
    if asking:
        return SESSION.refused(refusal, *evidence, fix=f"remove {asking[0]} from {source};\n{change}")
    if visit.target.dialect is Dialect.BETA:
        return SESSION.refused(refusal, *evidence, fix=f"sherpa-probe access --dialect ga\n{change}")
    return SESSION.refused(
        refusal,
        *evidence,
        seen("header", "OpenAI-Beta was not sent from here"),
        cause="No such header left this machine: a proxy or gateway on the way adds 'OpenAI-Beta: realtime=v1'.",
        fix=f"make {visit.target.proxy_name or visit.target.host} stop adding it, or go around it: --base-url",
    )


def _upgrade_headers(visit: Visit) -> tuple[Evidence, ...]:
    return telling(visit.upgraded.headers) if visit.upgraded else ()


def _closed(row: Row, visit: Visit, closed: LinkClosed, when: str) -> Finding:
    told = f"{when}: {closed.code or 1006} {closed.reason}".rstrip()
    if not closed.by_peer:
        return row.problem(
            "PROTOCOL-BROKEN",
            "The server broke the WebSocket protocol",
            seen("", f"broken frame, closed with {closed.code} {closed.reason}".rstrip()),
            *visit.proxy_evidence(),
            cause="A frame was not valid (1002) or its text not UTF-8 (1007): a proxy rewrites, or the server errs.",
            fix="try once without the proxy; then report it to whoever runs the server",
        )
    refusal = refusal_for_close(closed.code, closed.reason)
    evidence = (seen("", told), *_upgrade_headers(visit), *visit.proxy_evidence(), *visit.header_evidence())
    return row.refused(refusal, *evidence)


def _not_an_event(frame: str | bytes) -> Finding:
    kind = "text that is no JSON object" if isinstance(frame, str) else "a binary frame"
    start = repr(shortened(frame[:100], 80)) if isinstance(frame, str) else f"{len(frame)} bytes"
    return SESSION.problem(
        "NOT-REALTIME",
        "This is no Realtime server",
        seen("first frame", f"{kind}: {start}"),
        cause="A WebSocket server, but of another kind: every frame of the Realtime API is one JSON object.",
        fix="check host and path of the base URL",
    )


def _judged(visit: Visit, event: Mapping[str, Any]) -> Finding:
    """Look at a first frame that is no error: tell which server this is, and whether it is what was asked for."""
    detected = detect_dialect(event)
    kind = event.get("type")
    evidence = (seen("first frame", shortened(str(kind), 80)), seen("dialect", detected.why))
    if kind not in ("session.created", "transcription_session.created", "conversation.created"):
        return SESSION.problem(
            "NOT-REALTIME",
            "The server speaks another protocol",
            *evidence,
            cause="The Realtime API begins with session.created or with an error.",
            fix="check the path of the base URL: the socket is <base URL>/realtime",
        )
    if detected.kind not in (Kind.CONVERSATION, None):
        return SESSION.problem(
            "WRONG-SESSION",
            f"The server opened a {detected.kind} session where a conversation was asked for",
            *evidence,
            cause="The client secret or a gateway fixes the kind of session, or this server can do nothing else.",
            fix="mint the secret with session.type realtime, or ask whoever runs the gateway",
        )
    session = event.get("session")
    visit.session = session if isinstance(session, dict) else {}
    visit.dialect = detected.dialect or visit.target.dialect
    return _opened(visit, detected, *evidence)


def _opened(visit: Visit, detected: Detected, *evidence: Evidence) -> Finding:
    session_id = visit.session.get("id")
    evidence = (*evidence, seen("session", session_id), *_upgrade_headers(visit))
    if detected.dialect is None:
        return SESSION.warned(
            "UNKNOWN-DIALECT",
            "A session, but of no dialect that is known here",
            *evidence,
            cause="A compatible server with habits of its own; events may have other names and audio another rate.",
            fix="look into that server's documentation before you trust a green row here",
        )
    spoken, asked = detected.dialect, visit.target.dialect
    if spoken is not asked:
        return _other_dialect(visit, spoken, *evidence)
    left = _seconds_left(visit)
    if left is not None and left < _SHORT_SECONDS:
        return _short(left, *evidence)
    expires = () if left is None else (seen("expires", f"in {left} s"),)
    return SESSION.passed(f"session.created, {_NAMES.get(spoken, spoken)}, {session_id}", *evidence, *expires)


def _seconds_left(visit: Visit) -> int | None:
    expires = visit.session.get("expires_at")
    return round(expires - time()) if isinstance(expires, int) and expires > 0 else None


def _short(left: int, *evidence: Evidence) -> Finding:
    return SESSION.warned(
        "SESSION-SHORT",
        f"The session ends {f'in {left} s' if left > 0 else 'as soon as it begins'}",
        seen("", f"session.created, but expires_at is {left} s from now"),
        *evidence,
        cause="The server limits sessions to that, or this machine's clock is wrong; the public service gives an hour.",
        fix="compare the clock (date -u), then ask whoever runs the server for its session limit",
    )


def _other_dialect(visit: Visit, spoken: Dialect, *evidence: Evidence) -> Finding:
    name, asked = _NAMES.get(spoken, str(spoken)), _NAMES[visit.target.dialect]
    first, *others = evidence
    shown = (seen(first.label, f"{first.value} in the {name} dialect, asked for {asked}"), *others)
    title = f"The server speaks the {name} dialect"
    cause = "Event names and session fields differ between the dialects: a client made for the other one hears nothing."
    if visit.asked is DialectChoice.AUTO:
        return SESSION.warned("OTHER-DIALECT", title, *shown, cause=cause, fix=f"--dialect {visit.dialect}")
    return SESSION.problem(
        "OTHER-DIALECT", title, *shown, cause=cause, fix=f"--dialect {visit.dialect}, or --dialect auto"
    )


def _update_refused(error: Mapping[str, Any], when: str = "session.update") -> Finding:
    refusal = refusal_for_error(error)
    evidence = (*answered(when, "error", error), seen("code", error.get("code")))
    if refusal.fatal:
        return CONFIRM.refused(refusal, *evidence)
    return CONFIRM.problem(
        "CONFIG-REFUSED",
        f"The configuration was refused: {refusal.title[:1].lower()}{refusal.title[1:]}",
        *evidence,
        cause=f"{refusal.cause}\nA refused update is dropped as a whole.",
        fix=refusal.fix,
    )


def _compared(update: Mapping[str, Any], session: object) -> Finding:
    """Hold what the server confirmed against what it was told."""
    held = session if isinstance(session, dict) else {}
    wrong = [name for name, value in update.items() if name in held and held[name] != value]
    missing = [name for name in update if name not in held]
    if not wrong and not missing:
        return CONFIRM.passed("session.updated shows what was sent")
    told = seen("session.updated", f"other than sent: {', '.join(wrong)}" if wrong else f"without {', '.join(missing)}")
    cause = "The server or a gateway in between changes the configuration or leaves parts of it out."
    fix = "compare session.updated with what your code sent, field by field, before you rely on it"
    if wrong:
        return CONFIRM.problem(
            "CONFIG-CHANGED", "The server confirms another configuration", told, cause=cause, fix=fix
        )
    return CONFIRM.warned(
        "CONFIG-UNSEEN", "The server does not show all of the configuration", told, cause=cause, fix=fix
    )
