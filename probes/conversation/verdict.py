"""The verdict on a session: one row for each thing that must hold, and one cause where it does not.

What went wrong first is the cause; what failed later is skipped with its name, never reported beside it. The same code
judges a session that has just ended and one that was kept.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from bridge.protocol.dialects.detection import BETA_TO_GA, Dialect, translate_event_type
from bridge.protocol.refusals.lookup import refusal_for_close, refusal_for_error
from probes.conversation.checks import (
    PROBE,
    SessionCheckResult,
    check_answer,
    check_audio,
    check_events,
    check_order,
    check_transcript,
    error_finding,
)
from probes.conversation.facts import is_bridge_error
from probes.problems import events as problems
from probes.problems import service
from probes.recording.capture import (
    ClosedEnding,
    FinishedEnding,
    LimitEnding,
    RefusedEnding,
    SilentEnding,
    StoppedEnding,
)
from probes.runner.findings import CheckRow, evidence_of, headline
from reports.model import Evidence, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from probes.conversation.checks import ConversationResult
    from probes.conversation.facts import ReceivedError
    from reports.model import Finding

CONNECT, SESSION, READY, END = (CheckRow(PROBE, check) for check in ("connect", "session", "ready", "end"))
DIALECT_NAMES: Mapping[Dialect, str] = {Dialect.GA: "GA", Dialect.BETA: "beta"}
_MOST_RENAMES = 8
#: Fields of a session that stand elsewhere in the other dialect, as people meet them first.
_FIELDS = "session.modalities/output_modalities, input_audio_format/audio.input.format, turn_detection/audio.input"


def judge_session(facts: ConversationResult) -> Iterator[Finding]:
    """Judge a session, row by row."""
    judged = {name: found for name, check in CHECKS.items() if (found := check(facts)) is not None}
    wrong = {name: found.index for name, found in judged.items() if found.index is not None}
    cause = min(wrong, key=lambda name: wrong[name], default="")
    behind = False
    for name, found in judged.items():
        yield from found.notes
        if name == cause:
            behind = True
            yield found.finding
        elif name in wrong or (behind and not isinstance(facts.ending, FinishedEnding)):
            yield CheckRow(PROBE, name).skipped(
                _WITHOUT.get(cause, "the session went wrong before"), Evidence("waits for", cause)
            )
        else:
            yield found.finding


def check_connect(facts: ConversationResult) -> SessionCheckResult:
    """The socket opens."""
    at = facts.header.connected_at
    if at is None:
        return SessionCheckResult(facts.wording.timed_out(CONNECT, facts.header.timeout), facts.end_index)
    return SessionCheckResult(replace(CONNECT.passed("the socket is open"), seconds=at))


def check_session(facts: ConversationResult) -> SessionCheckResult:
    """The session is created, and is what was asked for."""
    account = facts.facts
    if account.opened_at is None or account.detected_dialect is None:
        return _not_opened(facts)
    kind = account.detected_dialect.kind
    name = facts.shown(account.session_id, 80)
    if kind not in (account.kind, None):
        title = f"The server opened a {kind} session where a {account.kind} was asked for"
        return SessionCheckResult(SESSION.problem(service.WRONG_SESSION, evidence_of("session", name), title=title), 0)
    took = account.opened_at - (facts.header.connected_at or 0.0)
    return SessionCheckResult(replace(_spoken(facts, name), seconds=max(0.0, took)))


def _spoken(facts: ConversationResult, name: str) -> Finding:
    """Say which dialect is spoken, and what that means for whoever expects the other one."""
    account = facts.facts
    spoken = account.detected_dialect.dialect if account.detected_dialect else None
    evidence = (
        evidence_of("dialect", account.detected_dialect.reason if account.detected_dialect else ""),
        evidence_of("session", name),
    )
    if spoken is None:
        return SESSION.problem(service.UNKNOWN_DIALECT, *evidence)
    if spoken is account.requested_dialect:
        return SESSION.passed(f"session.created, {DIALECT_NAMES.get(spoken, spoken)}, {name}", *evidence)
    asked, other = (
        DIALECT_NAMES.get(account.requested_dialect, str(account.requested_dialect)),
        DIALECT_NAMES.get(spoken, str(spoken)),
    )
    return SESSION.problem(
        service.OTHER_DIALECT,
        headline(f"session.created in the {other} dialect, asked for {asked}"),
        *evidence,
        evidence_of("renamed", _renamed(facts, spoken)),
        evidence_of("fields", _FIELDS),
        title=f"The server speaks the {other} dialect",
        cause=f"Code that waits for the names of the {asked} dialect hears nothing of these events.",
        fix=f"sherpa-probe events --dialect {spoken}",
        severity=Severity.WARNING,
    )


def _renamed(facts: ConversationResult, spoken: Dialect) -> str:
    """Name the events of this session that have another name in the dialect that was asked for."""
    met = []
    for name in facts.facts.wire_event_counts:
        other = translate_event_type(name, Dialect.BETA if spoken is Dialect.GA else Dialect.GA, facts.facts.kind)
        if other != (name,) and (name in BETA_TO_GA or spoken is Dialect.GA):
            met.append(f"{name} ({' and '.join(other) or 'no such event'})")
    left = len(met) - _MOST_RENAMES
    return "; ".join(met[:_MOST_RENAMES]) + (f"; and {left} more" if left > 0 else "") or "none of those that came"


def _not_opened(facts: ConversationResult) -> SessionCheckResult:
    account = facts.facts
    if facts.header.connected_at is None:
        return SessionCheckResult(SESSION.skipped("no connection"), math.inf)
    if account.errors:
        return SessionCheckResult(
            _refused(SESSION, facts, _telling(account.errors), "first frame: error"), account.errors[0].index
        )
    if account.unreadable:
        index, why = account.unreadable[0]
        broken = any("JSON that is" in told for _, told in account.unreadable)
        told = evidence_of("first frame", why)
        return SessionCheckResult(SESSION.problem(service.NOT_REALTIME, told), math.inf if broken else index - 0.5)
    if isinstance(facts.ending, ClosedEnding):
        return SessionCheckResult(
            _closed(SESSION, facts, facts.ending, "closed instead of a first frame"), facts.end_index
        )
    if account.wire_event_counts:
        first = facts.shown(next(iter(account.wire_event_counts)), 80)
        return SessionCheckResult(
            SESSION.problem(service.NOT_REALTIME, evidence_of("first frame", first)), facts.end_index
        )
    told = headline(f"no session.created within {facts.header.timeout:g} s")
    return SessionCheckResult(SESSION.problem(service.NO_FIRST_FRAME, told), facts.end_index)


def check_ready(facts: ConversationResult) -> SessionCheckResult:
    """The configuration is confirmed."""
    account = facts.facts
    if account.ready_at is not None:
        took = account.ready_at - (account.opened_at or account.ready_at)
        return SessionCheckResult(replace(READY.passed("session.updated"), seconds=max(0.0, took)))
    if account.opened_at is None:
        return SessionCheckResult(READY.skipped("no session"), math.inf)
    if isinstance(facts.ending, RefusedEnding) and account.errors:
        return SessionCheckResult(_update_refused(facts, _telling(account.errors)), account.errors[0].index)
    if isinstance(facts.ending, ClosedEnding):
        return SessionCheckResult(
            _closed(READY, facts, facts.ending, "closed while the configuration was on its way"), facts.end_index
        )
    told = headline(f"no session.updated within {facts.header.timeout:g} s")
    return SessionCheckResult(READY.problem(service.NOT_CONFIRMED, told), facts.end_index)


def _telling(errors: list[ReceivedError]) -> ReceivedError:
    """Pick the error that says why: a bridge tells first what it gives up, and then the reason."""
    return next((error for error in reversed(errors) if error.error.get("code") != "audio_dropped"), errors[0])


def _update_refused(facts: ConversationResult, failure: ReceivedError) -> Finding:
    refusal = refusal_for_error(failure.error)
    if not failure.native or is_bridge_error(failure.error) or refusal.fatal:
        return _refused(READY, facts, failure, "session.update: error")
    code, message = (facts.shown(failure.error.get(name) or "-", 300) for name in ("code", "message"))
    told = (
        headline(f"session.update: error {code}"),
        evidence_of("message", message),
        evidence_of("means", refusal.title),
    )
    return READY.problem(service.CONFIG_REFUSED, *told)


def _refused(row: CheckRow, facts: ConversationResult, failure: ReceivedError, lead: str) -> Finding:
    code = facts.ending.code if isinstance(facts.ending, RefusedEnding | ClosedEnding) else None
    closing = (evidence_of("close", code),) if code is not None else ()
    return error_finding(row, facts, failure, lead, *closing)


def _closed(row: CheckRow, facts: ConversationResult, closed: ClosedEnding, when: str) -> Finding:
    reason = facts.shown(closed.reason, 120)
    if not closed.by_peer:
        told = f"broken frame, closed with {closed.code} {reason}".rstrip()
        return row.problem(service.PROTOCOL_BROKEN, headline(told))
    refusal = refusal_for_close(closed.code, closed.reason)
    told = f"{when}: {'without a close frame' if closed.code in (None, 1006) else closed.code} {reason}".rstrip()
    return facts.wording.refused(row, refusal, headline(told))


def check_end(facts: ConversationResult) -> SessionCheckResult:
    """Nobody ended the session but the script."""
    if facts.facts.upstream_losses:
        return _lost(facts)
    match facts.ending:
        case ClosedEnding() as closed:
            last = facts.shown(next(reversed(facts.facts.wire_event_counts), "the upgrade"), 80)
            return SessionCheckResult(_closed(END, facts, closed, f"closed behind {last}"), facts.end_index)
        case LimitEnding(bound=bound):
            return SessionCheckResult(
                END.problem(problems.TOO_MUCH, headline(f"the bound is {bound}")), facts.end_index
            )
        case FinishedEnding(at=at):
            return SessionCheckResult(END.passed(f"closed by the script after {at:.1f} s"))
        case SilentEnding() | StoppedEnding() | RefusedEnding():
            return SessionCheckResult(END.skipped("the script did not come to its end"), math.inf)
        case _:
            assert_never(facts.ending)


def _lost(facts: ConversationResult) -> SessionCheckResult:
    """A bridge lost its session: a warning where the script came to its end all the same, else the cause of it all."""
    (index, why), count = facts.facts.upstream_losses[0], len(facts.facts.upstream_losses)
    told = (headline(f"lost {facts.time_of(index)}, {count} in all"), evidence_of("reason", facts.shown(why)))
    if isinstance(facts.ending, FinishedEnding):
        return SessionCheckResult(END.problem(problems.RECONNECTED, *told))
    return SessionCheckResult(END.problem(problems.RECONNECTED, *told, severity=Severity.FAIL), index)


#: The rows, in order.
CHECKS: Mapping[str, Callable[[ConversationResult], SessionCheckResult | None]] = {
    "connect": check_connect,
    "session": check_session,
    "ready": check_ready,
    "events": check_events,
    "order": check_order,
    "answer": check_answer,
    "transcript": check_transcript,
    "audio": check_audio,
    "end": check_end,
}
#: What is missing behind a row that failed.
_WITHOUT: Mapping[str, str] = {
    "connect": "no connection",
    "session": "no session",
    "ready": "no configured session",
    "events": "the events are not to be relied on",
    "order": "the order is broken",
    "answer": "no whole answer",
    "transcript": "no transcript",
    "audio": "no whole audio",
    "end": "the session was cut",
}
