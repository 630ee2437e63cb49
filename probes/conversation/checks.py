"""What must hold of a session that is open: its events, their order, the answers, transcripts, and the sound of them.

Each check gives a finding and, where something is wrong, the place in the session where it went wrong: whatever went
wrong later is most likely a consequence. Choosing among them is done in `conversation_verdict.py`.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import Dialect, in_dialect
from bridge.protocol.ordering.checker import RULES
from bridge.protocol.refusals.lookup import refusal_for_error
from probes.conversation.facts import COMPLETED, HARMLESS, is_of_bridge
from probes.conversation.metrics import holes
from probes.conversation.ordering import OF_WORDS
from probes.conversation.scripts import SOUND, TEXT
from probes.problems import events as problems
from probes.recording.capture import Finished, Silent
from probes.runner.findings import Row, seen
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.conversation.facts import Account, Answer, Failure
    from probes.conversation.scripts import Script
    from probes.conversation.wording import Words
    from probes.recording.capture import Ending, Header
    from probes.runner.redaction import Secrets
    from reports.model import Evidence, Finding

PROBE = "events"
EVENTS, ORDER, ANSWER, TRANSCRIPT, AUDIO = (
    Row(PROBE, check) for check in ("events", "order", "answer", "transcript", "audio")
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
class Facts:
    """Everything that a verdict is made of."""

    header: Header
    account: Account
    ending: Ending
    script: Script
    words: Words
    secrets: Secrets

    @property
    def end(self) -> int:
        """The place of the end, behind all entries."""
        return len(self.account.times)

    @property
    def speaks(self) -> bool:
        """Whether answers are audio in this session."""
        said = self.account.speaks
        return self.script.wish.spoken if said is None else said

    @property
    def writes(self) -> bool:
        """Whether what is said in it is written down."""
        return self.script.listens and self.account.transcribes

    def owed(self, *what: str) -> bool:
        """Whether the session ended in silence where one of these was due."""
        return isinstance(self.ending, Silent) and self.ending.owed in what

    def when(self, index: int) -> str:
        """Say when an entry came."""
        times = self.account.times
        return f"{times[index]:.3f} s after the start" if index < len(times) else "at the end"

    def shown(self, text: object, limit: int = 200) -> str:
        """Make what somebody else said fit to be shown."""
        return self.secrets.shown(str(text), limit)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a check gives. `index` is where the session went wrong; None where it did not."""

    finding: Finding
    index: float | None = None
    notes: tuple[Finding, ...] = ()


def check_events(facts: Facts) -> Judged:
    """Every frame is an event, none comes twice or is an error, and all that belong to the script are there."""
    account = facts.account
    errors = [error for error in later_errors(facts) if error.error.get("code") not in HARMLESS]
    crossed = [error for error in account.errors if error.error.get("code") in HARMLESS]
    notes = (_harmless(crossed),) if crossed else ()
    wrong = [*_unreadable(facts), *_repeated(facts), *_errors(facts, errors), *_missing(facts)]
    if wrong:
        first = min(wrong, key=lambda judged: judged.index or 0)
        return Judged(first.finding, first.index, notes)
    count, kinds = account.types.total(), len(account.types)
    return Judged(EVENTS.passed(f"{count} events of {kinds} kinds, all that belong to the script"), None, notes)


def later_errors(facts: Facts) -> list[Failure]:
    """Give the errors of a session that was ready; a bridge's word on an answer that failed is told by that answer."""
    account = facts.account
    if account.ready_at is None:
        return []
    failed = {answer.id for answer in account.done if answer.status != COMPLETED}
    return [e for e in account.errors if e.index > account.ready_index and not _tells_again(e, failed)]


def _tells_again(failure: Failure, failed: set[str]) -> bool:
    detail = failure.error.get("detail")
    return not failure.native and isinstance(detail, dict) and detail.get("responseId") in failed


def _unreadable(facts: Facts) -> list[Judged]:
    found = facts.account.unreadable
    if not found:
        return []
    index, why = found[0]
    evidence = (seen("", f"{_of(len(found), 'frame')}: {why}"), seen("first", facts.when(index)))
    return [Judged(EVENTS.problem(problems.UNREADABLE, *evidence), index)]


def _repeated(facts: Facts) -> list[Judged]:
    found = facts.account.repeated
    if not found:
        return []
    told = f"{_of(len(found), 'event')} came again, with the same event_id"
    return [Judged(EVENTS.problem(problems.REPEATED, seen("", told)), found[0])]


def _errors(facts: Facts, errors: list[Failure]) -> list[Judged]:
    if not errors:
        return []
    first = errors[0]
    count = sum(1 + _suppressed(error) for error in errors)
    if count >= _STORM:
        codes = Counter(facts.shown(error.error.get("code") or error.error.get("type"), 60) for error in errors)
        told = ", ".join(f"{code} x{count}" for code, count in codes.most_common(3))
        storm = EVENTS.problem(problems.ERROR_STORM, seen("", f"{count} errors: {told}"))
        return [Judged(storm, first.index)]
    return [Judged(error_finding(EVENTS, facts, first), first.index)]


def _suppressed(failure: Failure) -> int:
    """How many others a bridge's error stands for: it shows its clients one in two seconds."""
    count = failure.error.get("suppressed")
    return count if isinstance(count, int) and count > 0 else 0


def error_finding(row: Row, facts: Facts, failure: Failure, lead: str = "error", *more: Evidence) -> Finding:
    """Make the finding of an error, native or a bridge's."""
    if not failure.native:
        return facts.words.bridge_said(row, failure.error)
    if is_of_bridge(failure.error):
        return facts.words.bridge_said(row, {"type": "error", "error": failure.error})
    return facts.words.refused(row, refusal_for_error(failure.error), *said_of(facts, lead, failure.error), *more)


def said_of(facts: Facts, lead: str, error: Mapping[str, object]) -> tuple[Evidence, ...]:
    """Put an error into a headline and, apart from it, what it says in words."""
    name = facts.shown(error.get("code") or error.get("type") or "without a code", 80)
    told = [seen("", f"{lead} {name}")]
    return (*told, *(seen(key, facts.shown(error[key], 300)) for key in ("message", "param") if error.get(key)))


def _harmless(crossed: list[Failure]) -> Finding:
    codes = Counter(str(error.error.get("code")) for error in crossed)
    told = ", ".join(f"{code} x{count}" for code, count in codes.items())
    return EVENTS.noted(problems.HARMLESS.slug, f"harmless: {told}", seen("errors", told))


def _missing(facts: Facts) -> list[Judged]:
    account = facts.account
    wanted = [name for name in _wanted(facts) if not account.types[name]]
    if not wanted:
        return []
    beta = account.dialect is Dialect.BETA
    names = [name for one in wanted for name in (in_dialect(one, Dialect.BETA) if beta else (one,))]
    left = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    evidence = (seen("", f"missing: {', '.join(names[:_MOST_NAMED])}{left}"), seen("came", _listed(account.named)))
    return [Judged(EVENTS.problem(problems.MISSING, *evidence), math.inf)]


def _wanted(facts: Facts) -> list[str]:
    """Name the events, by GA's names, that must have come; those of the beta that have no counterpart are left out."""
    script = facts.script
    answers = () if not script.answers else SOUND if facts.speaks else TEXT
    names = dict.fromkeys((*script.expects, *answers, *((_TRANSCRIBED,) if facts.writes else ())))
    return [name for name in names if facts.account.dialect is Dialect.GA or in_dialect(name, Dialect.BETA)]


def _listed(names: Counter[str]) -> str:
    return ", ".join(f"{name} x{count}" if count > 1 else name for name, count in names.items())


def check_order(facts: Facts) -> Judged:
    """Every event stands where the protocol has it."""
    account = facts.account
    broken = list(account.broken)
    if isinstance(facts.ending, Finished):
        broken += [(facts.end, rule, message) for rule, message in account.left_open()]
    broken = [one for one in broken if one[1] != "event-of-other-dialect"] or broken
    if not broken:
        return Judged(ORDER.passed("every event stood where the protocol has it"))
    index, rule, message = broken[0]
    rules = Counter(name for _, name, _ in broken)
    words = "the final text is not what its deltas add up to" if rule == OF_WORDS else facts.shown(message, 300)
    others = ", ".join(f"{name} x{count}" for name, count in rules.items())
    evidence = (seen("", words), seen("rule", RULES[rule]), seen("broken", others), seen("first", facts.when(index)))
    return Judged(ORDER.problem(problems.OUT_OF_ORDER, *evidence), index)


def check_answer(facts: Facts) -> Judged | None:
    """Every answer that was asked for came and completed; None where none is asked for."""
    if not facts.script.answers:
        return None
    done = [answer for answer in facts.account.done if not answer.interrupted]
    for number, answer in enumerate(done):
        cut = answer.status == "cancelled" and number == 0 and facts.script.interrupts
        if answer.status != COMPLETED and not cut:
            return Judged(_failed(facts, answer), answer.index)
    if facts.owed("answer", "event"):
        known = problems.SILENT if facts.owed("answer") else problems.UNANSWERED
        return Judged(ANSWER.problem(known, *_silence(facts)), facts.end)
    if not isinstance(facts.ending, Finished) and len(done) < facts.script.answers:
        return Judged(ANSWER.skipped("the session ended before"), math.inf)
    if facts.script.calls and not any(answer.calls for answer in done):
        return Judged(ANSWER.problem(problems.NO_CALL, seen("", "response.done without a function call")), facts.end)
    mute = next((a for a in done if a.status == COMPLETED and not a.calls and not a.characters and not a.audio), None)
    if mute is not None:
        return Judged(ANSWER.problem(problems.ANSWER_EMPTY, seen("", "completed, without text or audio")), mute.index)
    calls = [name for answer in done for _, name in answer.calls]
    called = f", {_of(len(calls), 'function')} called" if calls else ""
    return Judged(ANSWER.passed(f"{_of(len(done), 'answer')} completed{called}"))


def _failed(facts: Facts, answer: Answer) -> Finding:
    lead = f"response.done {facts.shown(answer.status, 40)}"
    match answer.status:
        case "failed":
            refusal = refusal_for_error(answer.error)
            quiet = seen("error event", "none: only response.done tells that an answer has failed")
            told = not any(failure.index > facts.account.ready_index for failure in facts.account.errors)
            evidence = (*said_of(facts, f"{lead},", answer.error), *((quiet,) if told else ()))
            return facts.words.refused(ANSWER, refusal, *evidence)
        case "cancelled":
            return ANSWER.problem(problems.ANSWER_CANCELLED, seen("", lead), seen("reason", facts.shown(answer.reason)))
        case _:
            return ANSWER.problem(
                problems.ANSWER_INCOMPLETE, seen("", lead), seen("reason", facts.shown(answer.reason))
            )


def _silence(facts: Facts) -> tuple[Evidence, ...]:
    seconds = facts.ending.seconds if isinstance(facts.ending, Silent) else 0.0
    last = next(reversed(facts.account.named), "nothing")
    return seen("", f"no event for {seconds:.3g} s"), seen("last event", facts.shown(last, 80))


def check_transcript(facts: Facts) -> Judged | None:
    """What was said is written down; None where this script says nothing."""
    if not facts.script.listens or not facts.script.wish.transcribe:
        return None
    if facts.account.ready_at is not None and not facts.account.transcribes:
        return Judged(TRANSCRIPT.skipped("this session writes nothing down"))
    failed = next((failure for failure in facts.account.transcribed.values() if failure is not None), None)
    if failed is not None:
        return Judged(error_finding(TRANSCRIPT, facts, failed, "…transcription.failed:"), failed.index)
    if not isinstance(facts.ending, Finished) and not facts.owed("transcript"):
        return Judged(TRANSCRIPT.skipped("the session ended before"), math.inf)
    if facts.account.untranscribed or facts.owed("transcript"):
        known = problems.NO_TRANSCRIPT if facts.account.committed else problems.SILENT
        return Judged(TRANSCRIPT.problem(known, *_silence(facts)), facts.end)
    return Judged(TRANSCRIPT.passed(f"{_of(len(facts.account.transcribed), 'turn')} written down"))


def check_audio(facts: Facts) -> Judged | None:
    """Spoken answers can be heard, without holes; None where none is to be spoken."""
    if not facts.script.answers or not facts.speaks:
        return None
    spoken = [answer for answer in facts.account.done if not answer.calls and answer.status == COMPLETED]
    dumb = next((answer for answer in spoken if not answer.audio), None)
    if dumb is not None:
        return Judged(AUDIO.problem(problems.NO_AUDIO, seen("", "completed, without audio")), dumb.index)
    heard = [answer for answer in facts.account.answers.values() if answer.audio]
    quiet = next((answer for answer in heard if answer.status and not answer.audible), None)
    if quiet is not None:
        told = f"{quiet.audio_ms / 1000:.1f} s of silence"
        return Judged(AUDIO.problem(problems.SILENT_AUDIO, seen("", told)), quiet.index)
    return _whole(facts, heard)


def _whole(facts: Facts, heard: list[Answer]) -> Judged:
    longest = max((hole for answer in heard for hole in holes(answer.audio)), default=0.0)
    ms = sum(answer.audio_ms for answer in heard)
    if longest >= _HOLE_SECONDS:
        told = seen("", f"a hole of {longest:.1f} s in {ms / 1000:.1f} s of audio")
        long = longest >= _LONG_HOLE_SECONDS
        stalls = AUDIO.problem(problems.AUDIO_STALLS, told, severity=None if long else Severity.WARNING)
        return Judged(stalls, facts.end if long else None)
    if not heard:
        return Judged(AUDIO.problem(problems.NO_AUDIO, seen("", "no audio came")), math.inf)
    return Judged(AUDIO.passed(f"{ms / 1000:.1f} s of audio, no hole in it"))


def _of(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
