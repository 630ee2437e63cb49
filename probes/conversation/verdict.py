"""The verdict on a session: one row per requirement, and one cause if a requirement is not met.

What went wrong first is the cause; what failed later is skipped with a reference to it, never reported as well. The
same code judges a session that has just ended and one that is read from a file.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from bridge.protocol.dialects.detection import BETA_TO_GA, Dialect, translate_event_type
from bridge.protocol.refusals.lookup import refusal_for_close, refusal_for_error
from probes.conversation.checks import (
    PROBE,
    check_answer,
    check_audio,
    check_events,
    check_order,
    check_transcript,
    error_finding,
)
from probes.conversation.interruption import check_interruption
from probes.conversation.refusals import check_refusals
from probes.conversation.result import SessionCheckResult
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
from probes.runner.idle_cut import idle_cut_finding
from probes.voice.voice_client import BROKEN_JSON
from reports.model import Evidence, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from probes.conversation.facts import ReceivedError
    from probes.conversation.result import ConversationResult
    from reports.model import Finding

CONNECT, SESSION, READY, END = (CheckRow(PROBE, check) for check in ("connect", "session", "ready", "end"))
DIALECT_NAMES: Mapping[Dialect, str] = {Dialect.GA: "GA", Dialect.BETA: "beta"}
_MAX_RENAMES = 8
#: Session fields that moved between the dialects: the ones that users notice first.
_FIELDS = "session.modalities/output_modalities, input_audio_format/audio.input.format, turn_detection/audio.input"


def judge_session(result: ConversationResult) -> Iterator[Finding]:
    """Judge a session: yields one finding per row, in order, and notes before the row that they belong to."""
    judged = {name: found for name, check in CHECKS.items() if (found := check(result)) is not None}
    wrong = {name: found.index for name, found in judged.items() if found.index is not None}
    cause = min(wrong, key=lambda name: wrong[name], default="")
    after_cause = False
    for name, found in judged.items():
        yield from found.notes
        if name == cause:
            after_cause = True
            yield found.finding
        elif name in wrong or (after_cause and not isinstance(result.ending, FinishedEnding)):
            yield CheckRow(PROBE, name).skipped(
                _SKIP_REASONS.get(cause, "the session failed earlier"), Evidence("waits for", cause)
            )
        else:
            yield found.finding


def rows_so_far(result: ConversationResult) -> Iterator[Finding]:
    """Yield the rows of a session that is still running: those that have passed, and the others as skipped.

    Only a session at its end shows whether its events are complete, so the rows about them are not judged.
    """
    facts = result.facts
    over = {
        "connect": result.header.connected_at is not None,
        "session": facts.opened_at is not None,
        "ready": facts.ready_at is not None,
    }
    for name, check in CHECKS.items():
        if over.get(name):
            judged = check(result)
            if judged is not None:
                yield judged.finding
        elif name in over or check(result) is not None:
            yield CheckRow(PROBE, name).skipped("interrupted")


def check_connect(result: ConversationResult) -> SessionCheckResult:
    """Judge the upgrade: passed with the seconds that it took, or the finding for a time-out."""
    at = result.header.connected_at
    if at is None:
        return SessionCheckResult(result.wording.timed_out(CONNECT, result.header.timeout), result.end_index)
    return SessionCheckResult(replace(CONNECT.passed("the socket is open"), seconds=at))


def check_session(result: ConversationResult) -> SessionCheckResult:
    """The session is created, and is of the requested kind and dialect."""
    facts = result.facts
    if facts.opened_at is None or facts.detected_dialect is None:
        return _not_opened(result)
    kind = facts.detected_dialect.kind
    name = result.shown(facts.session_id, 80)
    if kind not in (facts.kind, None):
        title = f"The server opened a {kind} session instead of a {facts.kind} session"
        return SessionCheckResult(SESSION.problem(service.WRONG_SESSION, evidence_of("session", name), title=title), 0)
    took = facts.opened_at - (result.header.connected_at or 0.0)
    return SessionCheckResult(replace(_dialect_finding(result, name), seconds=max(0.0, took)))


def _dialect_finding(result: ConversationResult, name: str) -> Finding:
    """Report the dialect of the session, and if it is not the requested one, what that means for client code."""
    facts = result.facts
    spoken = facts.detected_dialect.dialect if facts.detected_dialect else None
    evidence = (
        evidence_of("dialect", facts.detected_dialect.reason if facts.detected_dialect else ""),
        evidence_of("session", name),
    )
    if spoken is None:
        return SESSION.problem(service.UNKNOWN_DIALECT, *evidence)
    if spoken is facts.requested_dialect:
        return SESSION.passed(f"session.created, {DIALECT_NAMES.get(spoken, spoken)}, {name}", *evidence)
    requested, other = (
        DIALECT_NAMES.get(facts.requested_dialect, str(facts.requested_dialect)),
        DIALECT_NAMES.get(spoken, str(spoken)),
    )
    return SESSION.problem(
        service.OTHER_DIALECT,
        headline(f"session.created in the {other} dialect, requested {requested}"),
        *evidence,
        evidence_of("renamed", _renamed(result, spoken)),
        evidence_of("fields", _FIELDS),
        title=f"The server speaks the {other} dialect",
        cause=f"Code that waits for the event names of the {requested} dialect never sees these events.",
        fix=f"sherpa-probe events --dialect {spoken}",
        severity=Severity.WARNING,
    )


def _renamed(result: ConversationResult, spoken: Dialect) -> str:
    """List the events of this session that have another name in the requested dialect."""
    renamed = []
    for name in result.facts.wire_event_counts:
        other = translate_event_type(name, Dialect.BETA if spoken is Dialect.GA else Dialect.GA, result.facts.kind)
        if other != (name,) and (name in BETA_TO_GA or spoken is Dialect.GA):
            renamed.append(f"{name} ({' and '.join(other) or 'no such event'})")
    more = len(renamed) - _MAX_RENAMES
    return (
        "; ".join(renamed[:_MAX_RENAMES]) + (f"; and {more} more" if more > 0 else "") or "none of the received events"
    )


def _not_opened(result: ConversationResult) -> SessionCheckResult:
    facts = result.facts
    if result.header.connected_at is None:
        return SessionCheckResult(SESSION.skipped("no connection"), math.inf)
    if facts.errors:
        return SessionCheckResult(
            _refused(SESSION, result, _reason_of(facts.errors), "first frame: error"), facts.errors[0].index
        )
    if facts.unreadable:
        index, why = facts.unreadable[0]
        # Truncated events are the EVENTS-UNREADABLE of check_events; anything else means another kind of server.
        truncated = any(reason == BROKEN_JSON for _, reason in facts.unreadable)
        finding = SESSION.problem(service.NOT_REALTIME, evidence_of("first frame", why))
        return SessionCheckResult(finding, math.inf if truncated else index - 0.5)
    if isinstance(result.ending, ClosedEnding):
        return SessionCheckResult(
            _closed(SESSION, result, result.ending, "closed before the first frame"), result.end_index
        )
    if facts.wire_event_counts:
        first = result.shown(next(iter(facts.wire_event_counts)), 80)
        return SessionCheckResult(
            SESSION.problem(service.NOT_REALTIME, evidence_of("first frame", first)), result.end_index
        )
    summary = headline(f"no session.created within {result.header.timeout:g} s")
    return SessionCheckResult(SESSION.problem(service.NO_FIRST_FRAME, summary), result.end_index)


def check_ready(result: ConversationResult) -> SessionCheckResult:
    """Judge the configuration: passed once `session.updated` came; otherwise refused, closed, or never confirmed."""
    facts = result.facts
    if facts.ready_at is not None:
        if _is_text_only(result):
            said = evidence_of("session.updated", f"responses are {result.shown(_modalities(result), 80)}")
            return SessionCheckResult(READY.problem(problems.TEXT_ONLY, headline("session.updated: text only"), said))
        took = facts.ready_at - (facts.opened_at or facts.ready_at)
        return SessionCheckResult(replace(READY.passed("session.updated"), seconds=max(0.0, took)))
    if facts.opened_at is None:
        return SessionCheckResult(READY.skipped("no session"), math.inf)
    if not result.script.configures:
        return SessionCheckResult(READY.skipped("the client sent no configuration"))
    if isinstance(result.ending, RefusedEnding) and facts.errors:
        return SessionCheckResult(_update_refused(result, _reason_of(facts.errors)), facts.errors[0].index)
    if isinstance(result.ending, ClosedEnding):
        return SessionCheckResult(
            _closed(READY, result, result.ending, "closed before the configuration was confirmed"), result.end_index
        )
    summary = headline(f"no session.updated within {result.header.timeout:g} s")
    return SessionCheckResult(READY.problem(service.NOT_CONFIRMED, summary), result.end_index)


def _is_text_only(result: ConversationResult) -> bool:
    """Whether a service answers with text although the script asked for speech. A bridge's operator may want that."""
    script = result.script
    spoken = script.options.audio_output and script.responses and not script.is_recorded
    return bool(spoken) and result.header.via == "service" and result.facts.speaks is False


def _modalities(result: ConversationResult) -> object:
    session = result.facts.session
    return session.get("output_modalities") or session.get("modalities")


def _reason_of(errors: list[ReceivedError]) -> ReceivedError:
    """Pick the error that gives the reason: a bridge first reports dropped audio, and then why."""
    return next((error for error in reversed(errors) if error.fields.get("code") != "audio_dropped"), errors[0])


def _update_refused(result: ConversationResult, error: ReceivedError) -> Finding:
    refusal = refusal_for_error(error.fields)
    if result.is_of_bridge(error) or refusal.fatal:
        return _refused(READY, result, error, "session.update: error")
    code, message = (result.shown(error.fields.get(name) or "-", 300) for name in ("code", "message"))
    evidence = (
        headline(f"session.update: error {code}"),
        evidence_of("message", message),
        evidence_of("means", refusal.title),
    )
    return READY.problem(service.CONFIG_REFUSED, *evidence)


def _refused(row: CheckRow, result: ConversationResult, error: ReceivedError, lead: str) -> Finding:
    code = result.ending.code if isinstance(result.ending, RefusedEnding | ClosedEnding) else None
    closing = (evidence_of("close", code),) if code is not None else ()
    return error_finding(row, result, error, lead, *closing)


def _closed(row: CheckRow, result: ConversationResult, closed: ClosedEnding, when: str) -> Finding:
    reason = result.shown(closed.reason, 120)
    if not closed.by_peer:
        summary = f"invalid frame, closed with {closed.code} {reason}".rstrip()
        return row.problem(service.PROTOCOL_BROKEN, headline(summary))
    if closed.idle_limit:
        return idle_cut_finding(row, closed.idle_limit)
    refusal = refusal_for_close(closed.code, closed.reason)
    summary = f"{when}: {'without a close frame' if closed.code in (None, 1006) else closed.code} {reason}".rstrip()
    return result.wording.refused(row, refusal, headline(summary))


def check_end(result: ConversationResult) -> SessionCheckResult:
    """The script ended the session, and nothing else did."""
    if result.facts.upstream_losses:
        return _check_upstream_loss(result)
    match result.ending:
        case ClosedEnding() as closed:
            last = result.shown(next(reversed(result.facts.wire_event_counts), "the upgrade"), 80)
            return SessionCheckResult(_closed(END, result, closed, f"closed after {last}"), result.end_index)
        case LimitEnding(bound=bound):
            return SessionCheckResult(
                END.problem(problems.TOO_MUCH, headline(f"the limit is {bound}")), result.end_index
            )
        case FinishedEnding(at=at):
            who = "client" if result.script.is_recorded else "script"
            return SessionCheckResult(END.passed(f"closed by the {who} after {at:.1f} s"))
        case SilentEnding() | StoppedEnding() | RefusedEnding():
            return SessionCheckResult(END.skipped("the script didn't finish"), math.inf)
        case _:
            assert_never(result.ending)


def _check_upstream_loss(result: ConversationResult) -> SessionCheckResult:
    """A bridge lost its session: a warning if the script finished anyway, otherwise the cause."""
    (index, why), count = result.facts.upstream_losses[0], len(result.facts.upstream_losses)
    evidence = (headline(f"lost {result.time_of(index)}, {count} in total"), evidence_of("reason", result.shown(why)))
    if isinstance(result.ending, FinishedEnding):
        return SessionCheckResult(END.problem(problems.RECONNECTED, *evidence))
    return SessionCheckResult(END.problem(problems.RECONNECTED, *evidence, severity=Severity.FAIL), index)


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
    "interruption": check_interruption,
    "refusals": check_refusals,
    "end": check_end,
}
#: Why rows after a failed one are skipped.
_SKIP_REASONS: Mapping[str, str] = {
    "connect": "no connection",
    "session": "no session",
    "ready": "no configured session",
    "events": "the events are unreliable",
    "order": "the events are out of order",
    "answer": "no complete response",
    "transcript": "no transcript",
    "audio": "no complete audio",
    "interruption": "the server hears what nobody said",
    "refusals": "an event was never confirmed",
    "end": "the session was cut off",
}
