"""Checks of an open session: its events, their order, the responses, the transcripts and the audio.

Each check returns a finding and, if something is wrong, the index of the entry where it went wrong: whatever goes wrong
later is most likely a consequence. `verdict.py` picks the cause among them.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.client_protocol.errors import LOST_RESPONSE_MESSAGE
from bridge.protocol.dialects.detection import Dialect, translate_event_type
from bridge.protocol.ordering.checker import ORDER_RULES
from bridge.protocol.refusals.lookup import refusal_for_error
from probes.bridge.lost_connection import loss_in, not_reconnected
from probes.conversation.facts import HARMLESS_ERRORS
from probes.conversation.metrics import playback_gaps
from probes.conversation.ordering import TEXT_RULE
from probes.conversation.response_facts import COMPLETED
from probes.conversation.result import ConversationResult, SessionCheckResult
from probes.conversation.scripts import AUDIO_RESPONSE_EVENTS, TEXT_RESPONSE_EVENTS
from probes.problems import events as problems
from probes.recording.capture import ClosedEnding, FinishedEnding, SilentEnding
from probes.runner.findings import CheckRow, evidence_of, headline
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.conversation.facts import ReceivedError
    from probes.conversation.response_facts import ResponseFacts
    from reports.model import Evidence, Finding

PROBE = "events"
EVENTS, ORDER, ANSWER, TRANSCRIPT, AUDIO = (
    CheckRow(PROBE, check) for check in ("events", "order", "answer", "transcript", "audio")
)
#: From this many errors in one script on they are reported as a flood.
_FLOOD = 10
#: A playback gap that every listener notices. Half of it is normal on a network.
_GAP_SECONDS = 0.3
#: A playback gap that listeners take for the end of the response.
_LONG_GAP_SECONDS = 1.0
_MAX_NAMED = 6
#: Violations of other rules that are shown beside the first one.
_MAX_OTHERS = 3
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def check_events(result: ConversationResult) -> SessionCheckResult:
    """Every frame is an event, none arrives twice or is an error, and all events that the script expects are there."""
    facts = result.facts
    errors = [error for error in session_errors(result) if error.fields.get("code") not in HARMLESS_ERRORS]
    crossed = [error for error in facts.errors if error.fields.get("code") in HARMLESS_ERRORS]
    harmless = (_harmless(crossed),) if crossed and not result.script.sends_invalid_events else ()
    notes = (*harmless, *_unlimited(result))
    wrong = [*_unreadable(result), *_repeated(result), *_errors(result, errors), *_missing(result)]
    if wrong:
        first = min(wrong, key=lambda each: each.index or 0)
        return SessionCheckResult(first.finding, first.index, notes)
    count, kinds = facts.event_counts.total(), len(facts.event_counts)
    expected = "" if result.script.is_recorded else ", all that the script expects"
    return SessionCheckResult(EVENTS.passed(f"{count} events of {kinds} types{expected}"), None, notes)


def session_errors(result: ConversationResult) -> list[ReceivedError]:
    """Return the errors after the session was ready, except a bridge's about failed responses, and provoked ones."""
    facts = result.facts
    if facts.ready_at is None and result.script.configures:
        return []
    failed = {response.id for response in facts.finished_responses if response.status != COMPLETED}
    end = facts.invalid_sent[0][0] if facts.invalid_sent else math.inf
    return [e for e in facts.errors if facts.ready_index < e.index < end and not _is_reported_by_response(e, failed)]


def _is_reported_by_response(error: ReceivedError, failed: set[str]) -> bool:
    detail = error.fields.get("detail")
    return not error.native and isinstance(detail, dict) and detail.get("responseId") in failed


def _unreadable(result: ConversationResult) -> list[SessionCheckResult]:
    found = result.facts.unreadable
    if not found:
        return []
    index, why = found[0]
    evidence = (headline(f"{_count(len(found), 'frame')}: {why}"), evidence_of("first", result.time_of(index)))
    return [SessionCheckResult(EVENTS.problem(problems.UNREADABLE, *evidence), index)]


def _repeated(result: ConversationResult) -> list[SessionCheckResult]:
    found = result.facts.repeats
    if not found:
        return []
    summary = f"{_count(len(found), 'event')} arrived again with the same event_id"
    return [SessionCheckResult(EVENTS.problem(problems.REPEATED, headline(summary)), found[0])]


def _errors(result: ConversationResult, errors: list[ReceivedError]) -> list[SessionCheckResult]:
    if not errors:
        return []
    first = errors[0]
    count = sum(1 + _suppressed(error) for error in errors)
    if count >= _FLOOD:
        codes = Counter(result.shown(error.fields.get("code") or error.fields.get("type"), 60) for error in errors)
        most = ", ".join(f"{code} x{count}" for code, count in codes.most_common(3))
        flood = EVENTS.problem(problems.ERROR_STORM, headline(f"{count} errors: {most}"))
        return [SessionCheckResult(flood, first.index)]
    return [SessionCheckResult(error_finding(EVENTS, result, first), first.index)]


def _suppressed(error: ReceivedError) -> int:
    """Return how many other errors a bridge's error stands for: it sends its clients one per two seconds."""
    count = error.fields.get("suppressed")
    return count if isinstance(count, int) and count > 0 else 0


def error_finding(
    row: CheckRow, result: ConversationResult, error: ReceivedError, lead: str = "error", *more: Evidence
) -> Finding:
    """Make the finding for an error event of the service or an error message of a bridge."""
    if result.is_of_bridge(error):
        ready = result.facts.ready_at is not None and error.index > result.facts.ready_index
        message = {"type": "error", "error": error.fields} if error.native else error.fields
        closed = result.ending
        if ready and isinstance(closed, ClosedEnding) and closed.by_peer and (lost := loss_in(message)) is not None:
            finding = not_reconnected(CheckRow("bridge", row.check), result.secrets, lost, closed.code, closed.reason)
            return replace(finding, probe=row.probe)
        return result.wording.bridge_error(row, message, ready=ready)
    return result.wording.refused(
        row, refusal_for_error(error.fields), *error_evidence(result, lead, error.fields), *more
    )


def error_evidence(result: ConversationResult, lead: str, error: Mapping[str, object]) -> tuple[Evidence, ...]:
    """Return the headline for an error, followed by its message and param."""
    name = result.shown(error.get("code") or error.get("type") or "no code", 80)
    texts = (evidence_of(key, result.shown(error[key], 300)) for key in ("message", "param") if error.get(key))
    return (headline(f"{lead} {name}"), *texts)


def _harmless(crossed: list[ReceivedError]) -> Finding:
    codes = Counter(str(error.fields.get("code")) for error in crossed)
    listed = ", ".join(f"{code} x{count}" for code, count in codes.items())
    return EVENTS.noted(problems.HARMLESS.slug, f"harmless: {listed}", evidence_of("errors", listed))


def _unlimited(result: ConversationResult) -> tuple[Finding, ...]:
    """Note that a service said nothing about rate limits, although a response completed."""
    facts = result.facts
    completed = any(response.status == COMPLETED for response in facts.finished_responses)
    ended = isinstance(result.ending, FinishedEnding) and not result.script.is_recorded
    if result.header.via != "service" or not completed or not ended or facts.event_counts["rate_limits.updated"]:
        return ()
    return (EVENTS.problem(problems.NO_RATE_LIMITS, headline("no rate_limits.updated")),)


def _missing(result: ConversationResult) -> list[SessionCheckResult]:
    facts = result.facts
    missing = [name for name in _expected(result) if not facts.event_counts[name]]
    if not missing:
        return []
    beta = facts.dialect is Dialect.BETA
    names = [name for ga in missing for name in (translate_event_type(ga, Dialect.BETA) if beta else (ga,))]
    rest = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    evidence = (
        headline(f"missing: {', '.join(names[:_MAX_NAMED])}{rest}"),
        evidence_of("received", _listed(facts.wire_event_counts)),
    )
    return [SessionCheckResult(EVENTS.problem(problems.MISSING, *evidence), math.inf)]


def _expected(result: ConversationResult) -> list[str]:
    """Name the events, by GA name, that must have come; in a beta session only those that have a beta name."""
    script = result.script
    if script.is_recorded:
        return []
    responses = () if not script.responses else AUDIO_RESPONSE_EVENTS if result.speaks else TEXT_RESPONSE_EVENTS
    names = dict.fromkeys((*script.expected_events, *responses, *((_TRANSCRIBED,) if result.transcribes else ())))
    return [name for name in names if result.facts.dialect is Dialect.GA or translate_event_type(name, Dialect.BETA)]


def _listed(names: Counter[str]) -> str:
    return ", ".join(f"{name} x{count}" if count > 1 else name for name, count in names.items())


def check_order(result: ConversationResult) -> SessionCheckResult:
    """Every event is in its place."""
    facts = result.facts
    violations = list(facts.violations)
    if isinstance(result.ending, FinishedEnding):
        violations += [(result.end_index, rule, message) for rule, message in facts.open_at_end()]
    violations = [each for each in violations if each[1] != "event-of-other-dialect"] or violations
    if not violations:
        return SessionCheckResult(ORDER.passed("all events in the order of the protocol"))
    index, rule, message = violations[0]
    rules = Counter(name for _, name, _ in violations)
    summary = "the final text differs from its deltas" if rule == TEXT_RULE else result.shown(message, 300)
    listed = ", ".join(f"{name} x{count}" for name, count in rules.items())
    others = {name: text for _, name, text in reversed(violations) if name not in (rule, TEXT_RULE)}
    evidence = (
        headline(summary),
        *(evidence_of("also", result.shown(text, 300)) for text in list(others.values())[::-1][:_MAX_OTHERS]),
        evidence_of("rule", ORDER_RULES[rule]),
        evidence_of("violations", listed),
        evidence_of("first", result.time_of(index)),
    )
    return SessionCheckResult(ORDER.problem(problems.OUT_OF_ORDER, *evidence), index)


def check_answer(result: ConversationResult) -> SessionCheckResult | None:
    """Every requested response came and completed; None if the script requests none."""
    if not result.script.responses:
        return None
    done = [response for response in result.facts.finished_responses if not response.interrupted]
    for number, response in enumerate(done):
        may_cancel = result.script.is_recorded or (number == 0 and result.script.interrupts)
        if response.status != COMPLETED and not (response.status == "cancelled" and may_cancel):
            return SessionCheckResult(_failed(result, response), response.done_index)
    if result.stopped_awaiting("answer", "event"):
        known = problems.SILENT if result.stopped_awaiting("answer") else problems.UNANSWERED
        return SessionCheckResult(ANSWER.problem(known, *_silence_evidence(result)), result.end_index)
    if not isinstance(result.ending, FinishedEnding) and len(done) < result.script.responses:
        return SessionCheckResult(ANSWER.skipped("the session ended earlier"), math.inf)
    if result.script.calls_function and not any(response.function_calls for response in done):
        return SessionCheckResult(
            ANSWER.problem(problems.NO_CALL, headline("response.done without a function call")), result.end_index
        )
    empty = next(
        (a for a in done if a.status == COMPLETED and not a.function_calls and not a.characters and not a.audio_chunks),
        None,
    )
    if empty is not None:
        return SessionCheckResult(
            ANSWER.problem(problems.ANSWER_EMPTY, headline("completed, without text or audio")), empty.done_index
        )
    calls = [name for response in done for _, name in response.function_calls]
    called = f", {_count(len(calls), 'function')} called" if calls else ""
    return SessionCheckResult(ANSWER.passed(f"{_count(len(done), 'response')} completed{called}"))


def _failed(result: ConversationResult, response: ResponseFacts) -> Finding:
    lead = f"response.done {result.shown(response.status, 40)}"
    match response.status:
        case "failed" if response.error.get("message") == LOST_RESPONSE_MESSAGE:
            return ANSWER.problem(problems.RECONNECTED, headline(LOST_RESPONSE_MESSAGE), severity=Severity.FAIL)
        case "failed":
            refusal = refusal_for_error(response.error)
            no_error_event = evidence_of("error event", "none: only response.done says that the response failed")
            silent = not any(error.index > result.facts.ready_index for error in result.facts.errors)
            evidence = (*error_evidence(result, f"{lead},", response.error), *((no_error_event,) if silent else ()))
            return result.wording.refused(ANSWER, refusal, *evidence)
        case "cancelled":
            return ANSWER.problem(
                problems.ANSWER_CANCELLED, headline(lead), evidence_of("reason", result.shown(response.reason))
            )
        case _:
            return ANSWER.problem(
                problems.ANSWER_INCOMPLETE, headline(lead), evidence_of("reason", result.shown(response.reason))
            )


def _silence_evidence(result: ConversationResult) -> tuple[Evidence, ...]:
    seconds = result.ending.seconds if isinstance(result.ending, SilentEnding) else 0.0
    last = next(reversed(result.facts.wire_event_counts), "nothing")
    return headline(f"no event for {seconds:.3g} s"), evidence_of("last event", result.shown(last, 80))


def check_transcript(result: ConversationResult) -> SessionCheckResult | None:
    """The user's speech is transcribed; None if this script does not speak."""
    if not result.script.sends_audio or not result.script.options.transcribe:
        return None
    if result.facts.ready_at is not None and not result.facts.transcribes:
        return SessionCheckResult(TRANSCRIPT.skipped("this session doesn't transcribe"))
    failed = next((error for error in result.facts.transcriptions.values() if error is not None), None)
    if failed is not None:
        return SessionCheckResult(error_finding(TRANSCRIPT, result, failed, "…transcription.failed:"), failed.index)
    if not isinstance(result.ending, FinishedEnding) and not result.stopped_awaiting("transcript"):
        return SessionCheckResult(TRANSCRIPT.skipped("the session ended earlier"), math.inf)
    if result.facts.pending_transcriptions or result.stopped_awaiting("transcript"):
        known = problems.NO_TRANSCRIPT if result.facts.committed_items else problems.SILENT
        return SessionCheckResult(TRANSCRIPT.problem(known, *_silence_evidence(result)), result.end_index)
    return SessionCheckResult(TRANSCRIPT.passed(f"{_count(len(result.facts.transcriptions), 'turn')} transcribed"))


def check_audio(result: ConversationResult) -> SessionCheckResult | None:
    """Spoken responses are audible and without gaps; None if the script requests none."""
    if not result.script.responses or not result.speaks:
        return None
    spoken = [
        response
        for response in result.facts.finished_responses
        if not response.function_calls and response.status == COMPLETED
    ]
    without_audio = next((response for response in spoken if not response.audio_chunks), None)
    if without_audio is not None and not result.script.is_recorded:
        return SessionCheckResult(
            AUDIO.problem(problems.NO_AUDIO, headline("completed, without audio")), without_audio.done_index
        )
    with_audio = [response for response in result.facts.responses.values() if response.audio_chunks]
    if not with_audio and result.script.is_recorded:
        return None
    inaudible = next((response for response in with_audio if response.status and not response.audible), None)
    if inaudible is not None:
        summary = f"{inaudible.audio_ms / 1000:.1f} s of silence"
        return SessionCheckResult(AUDIO.problem(problems.SILENT_AUDIO, headline(summary)), inaudible.done_index)
    return _check_gaps(result, with_audio)


def _check_gaps(result: ConversationResult, responses: list[ResponseFacts]) -> SessionCheckResult:
    longest = max((gap for response in responses for gap in playback_gaps(response.audio_chunks)), default=0.0)
    ms = sum(response.audio_ms for response in responses)
    if longest >= _GAP_SECONDS:
        summary = headline(f"a gap of {longest:.1f} s in {ms / 1000:.1f} s of audio")
        is_long = longest >= _LONG_GAP_SECONDS
        stalls = AUDIO.problem(problems.AUDIO_STALLS, summary, severity=None if is_long else Severity.WARNING)
        return SessionCheckResult(stalls, result.end_index if is_long else None)
    if not responses:
        return SessionCheckResult(AUDIO.problem(problems.NO_AUDIO, headline("no audio received")), math.inf)
    return SessionCheckResult(AUDIO.passed(f"{ms / 1000:.1f} s of audio without gaps"))


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
