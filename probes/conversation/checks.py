"""What must hold of a session that is open: its events, their order, the answers, transcripts, and the sound of them.

Each check gives a finding and, where something is wrong, the place in the session where it went wrong: whatever went
wrong later is most likely a consequence. Choosing among them is done in `conversation_verdict.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect, translate_event_type
from bridge.protocol.ordering.checker import ORDER_RULES
from bridge.protocol.refusals.lookup import refusal_for_error
from probes.conversation.facts import COMPLETED, HARMLESS_ERRORS, is_bridge_error
from probes.conversation.metrics import playback_gaps
from probes.conversation.ordering import TEXT_RULE
from probes.conversation.scripts import AUDIO_RESPONSE_EVENTS, TEXT_RESPONSE_EVENTS
from probes.problems import events as problems
from probes.recording.capture import FinishedEnding, SilentEnding
from probes.runner.findings import CheckRow, evidence_of, headline
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.conversation.facts import ReceivedError, ResponseFacts, SessionFacts
    from probes.conversation.scripts import ConversationScript
    from probes.conversation.wording import Wording
    from probes.recording.capture import CaptureEnding, CaptureHeader
    from probes.runner.redaction import Secrets
    from reports.model import Evidence, Finding

PROBE = "events"
EVENTS, ORDER, ANSWER, TRANSCRIPT, AUDIO = (
    CheckRow(PROBE, check) for check in ("events", "order", "answer", "transcript", "audio")
)
#: So many errors in one script are no accident.
_STORM = 10
#: A hole of this length is heard by everybody; half of it a network makes by itself.
_HOLE_SECONDS = 0.3
#: One of this length is taken for the end of the answer.
_LONG_HOLE_SECONDS = 1.0
_MOST_NAMED = 6
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationResult:
    """Everything that a verdict is made of."""

    header: CaptureHeader
    facts: SessionFacts
    ending: CaptureEnding
    script: ConversationScript
    wording: Wording
    secrets: Secrets

    @property
    def end_index(self) -> int:
        """The place of the end, behind all entries."""
        return len(self.facts.entry_times)

    @property
    def speaks(self) -> bool:
        """Whether answers are audio in this session."""
        said = self.facts.speaks
        return self.script.options.audio_output if said is None else said

    @property
    def transcribes(self) -> bool:
        """Whether what is said in it is written down."""
        return self.script.sends_audio and self.facts.transcribes

    def stopped_awaiting(self, *what: str) -> bool:
        """Whether the session ended in silence where one of these was due."""
        return isinstance(self.ending, SilentEnding) and self.ending.owed in what

    def time_of(self, index: int) -> str:
        """Say when an entry came."""
        times = self.facts.entry_times
        return f"{times[index]:.3f} s after the start" if index < len(times) else "at the end"

    def shown(self, text: object, limit: int = 200) -> str:
        """Make what somebody else said fit to be shown."""
        return self.secrets.excerpt(str(text), limit)


@dataclass(frozen=True, slots=True)
class SessionCheckResult:
    """What a check gives. `index` is where the session went wrong; None where it did not."""

    finding: Finding
    index: float | None = None
    notes: tuple[Finding, ...] = ()


def check_events(result: ConversationResult) -> SessionCheckResult:
    """Every frame is an event, none comes twice or is an error, and all that belong to the script are there."""
    account = result.facts
    errors = [error for error in session_errors(result) if error.error.get("code") not in HARMLESS_ERRORS]
    crossed = [error for error in account.errors if error.error.get("code") in HARMLESS_ERRORS]
    notes = (_harmless(crossed),) if crossed else ()
    wrong = [*_unreadable(result), *_repeated(result), *_errors(result, errors), *_missing(result)]
    if wrong:
        first = min(wrong, key=lambda judged: judged.index or 0)
        return SessionCheckResult(first.finding, first.index, notes)
    count, kinds = account.event_counts.total(), len(account.event_counts)
    return SessionCheckResult(
        EVENTS.passed(f"{count} events of {kinds} kinds, all that belong to the script"), None, notes
    )


def session_errors(result: ConversationResult) -> list[ReceivedError]:
    """Give the errors of a session that was ready; a bridge's word on an answer that failed is told by that answer."""
    account = result.facts
    if account.ready_at is None:
        return []
    failed = {answer.id for answer in account.finished_responses if answer.status != COMPLETED}
    return [e for e in account.errors if e.index > account.ready_index and not _tells_again(e, failed)]


def _tells_again(failure: ReceivedError, failed: set[str]) -> bool:
    detail = failure.error.get("detail")
    return not failure.native and isinstance(detail, dict) and detail.get("responseId") in failed


def _unreadable(facts: ConversationResult) -> list[SessionCheckResult]:
    found = facts.facts.unreadable
    if not found:
        return []
    index, why = found[0]
    evidence = (headline(f"{_of(len(found), 'frame')}: {why}"), evidence_of("first", facts.time_of(index)))
    return [SessionCheckResult(EVENTS.problem(problems.UNREADABLE, *evidence), index)]


def _repeated(facts: ConversationResult) -> list[SessionCheckResult]:
    found = facts.facts.repeats
    if not found:
        return []
    told = f"{_of(len(found), 'event')} came again, with the same event_id"
    return [SessionCheckResult(EVENTS.problem(problems.REPEATED, headline(told)), found[0])]


def _errors(facts: ConversationResult, errors: list[ReceivedError]) -> list[SessionCheckResult]:
    if not errors:
        return []
    first = errors[0]
    count = sum(1 + _suppressed(error) for error in errors)
    if count >= _STORM:
        codes = Counter(facts.shown(error.error.get("code") or error.error.get("type"), 60) for error in errors)
        told = ", ".join(f"{code} x{count}" for code, count in codes.most_common(3))
        storm = EVENTS.problem(problems.ERROR_STORM, headline(f"{count} errors: {told}"))
        return [SessionCheckResult(storm, first.index)]
    return [SessionCheckResult(error_finding(EVENTS, facts, first), first.index)]


def _suppressed(failure: ReceivedError) -> int:
    """How many others a bridge's error stands for: it shows its clients one in two seconds."""
    count = failure.error.get("suppressed")
    return count if isinstance(count, int) and count > 0 else 0


def error_finding(
    row: CheckRow, result: ConversationResult, failure: ReceivedError, lead: str = "error", *more: Evidence
) -> Finding:
    """Make the finding of an error, native or a bridge's."""
    if not failure.native:
        return result.wording.bridge_error(row, failure.error)
    if is_bridge_error(failure.error):
        return result.wording.bridge_error(row, {"type": "error", "error": failure.error})
    return result.wording.refused(
        row, refusal_for_error(failure.error), *error_evidence(result, lead, failure.error), *more
    )


def error_evidence(result: ConversationResult, lead: str, error: Mapping[str, object]) -> tuple[Evidence, ...]:
    """Put an error into a headline and, apart from it, what it says in words."""
    name = result.shown(error.get("code") or error.get("type") or "without a code", 80)
    told = [headline(f"{lead} {name}")]
    return (*told, *(evidence_of(key, result.shown(error[key], 300)) for key in ("message", "param") if error.get(key)))


def _harmless(crossed: list[ReceivedError]) -> Finding:
    codes = Counter(str(error.error.get("code")) for error in crossed)
    told = ", ".join(f"{code} x{count}" for code, count in codes.items())
    return EVENTS.noted(problems.HARMLESS.slug, f"harmless: {told}", evidence_of("errors", told))


def _missing(facts: ConversationResult) -> list[SessionCheckResult]:
    account = facts.facts
    wanted = [name for name in _wanted(facts) if not account.event_counts[name]]
    if not wanted:
        return []
    beta = account.dialect is Dialect.BETA
    names = [name for one in wanted for name in (translate_event_type(one, Dialect.BETA) if beta else (one,))]
    left = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    evidence = (
        headline(f"missing: {', '.join(names[:_MOST_NAMED])}{left}"),
        evidence_of("came", _listed(account.wire_event_counts)),
    )
    return [SessionCheckResult(EVENTS.problem(problems.MISSING, *evidence), math.inf)]


def _wanted(facts: ConversationResult) -> list[str]:
    """Name the events, by GA's names, that must have come; those of the beta that have no counterpart are left out."""
    script = facts.script
    answers = () if not script.responses else AUDIO_RESPONSE_EVENTS if facts.speaks else TEXT_RESPONSE_EVENTS
    names = dict.fromkeys((*script.expected_events, *answers, *((_TRANSCRIBED,) if facts.transcribes else ())))
    return [name for name in names if facts.facts.dialect is Dialect.GA or translate_event_type(name, Dialect.BETA)]


def _listed(names: Counter[str]) -> str:
    return ", ".join(f"{name} x{count}" if count > 1 else name for name, count in names.items())


def check_order(result: ConversationResult) -> SessionCheckResult:
    """Every event stands where the protocol has it."""
    account = result.facts
    broken = list(account.violations)
    if isinstance(result.ending, FinishedEnding):
        broken += [(result.end_index, rule, message) for rule, message in account.open_at_end()]
    broken = [one for one in broken if one[1] != "event-of-other-dialect"] or broken
    if not broken:
        return SessionCheckResult(ORDER.passed("every event stood where the protocol has it"))
    index, rule, message = broken[0]
    rules = Counter(name for _, name, _ in broken)
    words = "the final text is not what its deltas add up to" if rule == TEXT_RULE else result.shown(message, 300)
    others = ", ".join(f"{name} x{count}" for name, count in rules.items())
    evidence = (
        headline(words),
        evidence_of("rule", ORDER_RULES[rule]),
        evidence_of("broken", others),
        evidence_of("first", result.time_of(index)),
    )
    return SessionCheckResult(ORDER.problem(problems.OUT_OF_ORDER, *evidence), index)


def check_answer(result: ConversationResult) -> SessionCheckResult | None:
    """Every answer that was asked for came and completed; None where none is asked for."""
    if not result.script.responses:
        return None
    done = [answer for answer in result.facts.finished_responses if not answer.interrupted]
    for number, answer in enumerate(done):
        cut = answer.status == "cancelled" and number == 0 and result.script.interrupts
        if answer.status != COMPLETED and not cut:
            return SessionCheckResult(_failed(result, answer), answer.done_index)
    if result.stopped_awaiting("answer", "event"):
        known = problems.SILENT if result.stopped_awaiting("answer") else problems.UNANSWERED
        return SessionCheckResult(ANSWER.problem(known, *_silence(result)), result.end_index)
    if not isinstance(result.ending, FinishedEnding) and len(done) < result.script.responses:
        return SessionCheckResult(ANSWER.skipped("the session ended before"), math.inf)
    if result.script.calls_function and not any(answer.function_calls for answer in done):
        return SessionCheckResult(
            ANSWER.problem(problems.NO_CALL, headline("response.done without a function call")), result.end_index
        )
    mute = next(
        (a for a in done if a.status == COMPLETED and not a.function_calls and not a.characters and not a.audio_chunks),
        None,
    )
    if mute is not None:
        return SessionCheckResult(
            ANSWER.problem(problems.ANSWER_EMPTY, headline("completed, without text or audio")), mute.done_index
        )
    calls = [name for answer in done for _, name in answer.function_calls]
    called = f", {_of(len(calls), 'function')} called" if calls else ""
    return SessionCheckResult(ANSWER.passed(f"{_of(len(done), 'answer')} completed{called}"))


def _failed(facts: ConversationResult, answer: ResponseFacts) -> Finding:
    lead = f"response.done {facts.shown(answer.status, 40)}"
    match answer.status:
        case "failed":
            refusal = refusal_for_error(answer.error)
            quiet = evidence_of("error event", "none: only response.done tells that an answer has failed")
            told = not any(failure.index > facts.facts.ready_index for failure in facts.facts.errors)
            evidence = (*error_evidence(facts, f"{lead},", answer.error), *((quiet,) if told else ()))
            return facts.wording.refused(ANSWER, refusal, *evidence)
        case "cancelled":
            return ANSWER.problem(
                problems.ANSWER_CANCELLED, headline(lead), evidence_of("reason", facts.shown(answer.reason))
            )
        case _:
            return ANSWER.problem(
                problems.ANSWER_INCOMPLETE, headline(lead), evidence_of("reason", facts.shown(answer.reason))
            )


def _silence(facts: ConversationResult) -> tuple[Evidence, ...]:
    seconds = facts.ending.seconds if isinstance(facts.ending, SilentEnding) else 0.0
    last = next(reversed(facts.facts.wire_event_counts), "nothing")
    return headline(f"no event for {seconds:.3g} s"), evidence_of("last event", facts.shown(last, 80))


def check_transcript(result: ConversationResult) -> SessionCheckResult | None:
    """What was said is written down; None where this script says nothing."""
    if not result.script.sends_audio or not result.script.options.transcribe:
        return None
    if result.facts.ready_at is not None and not result.facts.transcribes:
        return SessionCheckResult(TRANSCRIPT.skipped("this session writes nothing down"))
    failed = next((failure for failure in result.facts.transcriptions.values() if failure is not None), None)
    if failed is not None:
        return SessionCheckResult(error_finding(TRANSCRIPT, result, failed, "…transcription.failed:"), failed.index)
    if not isinstance(result.ending, FinishedEnding) and not result.stopped_awaiting("transcript"):
        return SessionCheckResult(TRANSCRIPT.skipped("the session ended before"), math.inf)
    if result.facts.pending_transcriptions or result.stopped_awaiting("transcript"):
        known = problems.NO_TRANSCRIPT if result.facts.committed_items else problems.SILENT
        return SessionCheckResult(TRANSCRIPT.problem(known, *_silence(result)), result.end_index)
    return SessionCheckResult(TRANSCRIPT.passed(f"{_of(len(result.facts.transcriptions), 'turn')} written down"))


def check_audio(result: ConversationResult) -> SessionCheckResult | None:
    """Spoken answers can be heard, without holes; None where none is to be spoken."""
    if not result.script.responses or not result.speaks:
        return None
    spoken = [
        answer for answer in result.facts.finished_responses if not answer.function_calls and answer.status == COMPLETED
    ]
    dumb = next((answer for answer in spoken if not answer.audio_chunks), None)
    if dumb is not None:
        return SessionCheckResult(
            AUDIO.problem(problems.NO_AUDIO, headline("completed, without audio")), dumb.done_index
        )
    heard = [answer for answer in result.facts.responses.values() if answer.audio_chunks]
    quiet = next((answer for answer in heard if answer.status and not answer.audible), None)
    if quiet is not None:
        told = f"{quiet.audio_ms / 1000:.1f} s of silence"
        return SessionCheckResult(AUDIO.problem(problems.SILENT_AUDIO, headline(told)), quiet.done_index)
    return _whole(result, heard)


def _whole(facts: ConversationResult, heard: list[ResponseFacts]) -> SessionCheckResult:
    longest = max((hole for answer in heard for hole in playback_gaps(answer.audio_chunks)), default=0.0)
    ms = sum(answer.audio_ms for answer in heard)
    if longest >= _HOLE_SECONDS:
        told = headline(f"a hole of {longest:.1f} s in {ms / 1000:.1f} s of audio")
        long = longest >= _LONG_HOLE_SECONDS
        stalls = AUDIO.problem(problems.AUDIO_STALLS, told, severity=None if long else Severity.WARNING)
        return SessionCheckResult(stalls, facts.end_index if long else None)
    if not heard:
        return SessionCheckResult(AUDIO.problem(problems.NO_AUDIO, headline("no audio came")), math.inf)
    return SessionCheckResult(AUDIO.passed(f"{ms / 1000:.1f} s of audio, no hole in it"))


def _of(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
