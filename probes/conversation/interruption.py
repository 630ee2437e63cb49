"""The check of interruptions: the response is silent soon, and nothing but its client interrupts it.

Pure, as the other checks. What listeners notice of an interruption is the audio that still arrives after it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probes.conversation.recorded import NAME as RECORDED
from probes.conversation.result import SessionCheckResult
from probes.problems import events as problems
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.conversation.facts import SessionFacts
    from probes.conversation.response_facts import ResponseFacts
    from probes.conversation.result import ConversationResult

INTERRUPTION = CheckRow("events", "interruption")
#: Audio that arrives for longer than this after the interruption is noticed.
SLOW_SECONDS = 0.3
#: Cancelled this soon after its start, a response was hardly meant to be.
CUT_SHORT_SECONDS = 0.3
_CANCELLED = "cancelled"


def check_interruption(result: ConversationResult) -> SessionCheckResult | None:
    """Responses fall silent when they are interrupted, and nothing else cuts them short; None if nothing was."""
    facts = result.facts
    if not result.script.interrupts and not (result.script.is_recorded and _was_interrupted(facts)):
        return None
    if result.script.interrupts and facts.speech_starts:
        index, at = facts.speech_starts[0]
        seen = headline(f"speech_started {len(facts.speech_starts)} times, the first {at:.1f} s after the start")
        return SessionCheckResult(INTERRUPTION.problem(problems.PHANTOM_SPEECH, seen), index)
    if (short := next(_cut_short(result), None)) is not None:
        took = headline(f"cancelled {(short.done_at - short.created_at) * 1000:.0f} ms after its start")
        reason = evidence_of("reason", result.shown(short.reason))
        return SessionCheckResult(INTERRUPTION.problem(problems.SELF_INTERRUPTED, took, reason))
    silences = list(silences_after(facts))
    if not silences and facts.interruptions and result.speaks:
        return SessionCheckResult(INTERRUPTION.passed("the response had all arrived before the interruption"))
    if not silences:
        return SessionCheckResult(INTERRUPTION.skipped("no spoken response was interrupted"))
    longest = max(silences)
    if longest > SLOW_SECONDS:
        went_on = headline(f"audio went on for {longest:.1f} s after the interruption")
        return SessionCheckResult(INTERRUPTION.problem(problems.SLOW_BARGE_IN, went_on))
    return SessionCheckResult(replace(INTERRUPTION.passed("silent after the interruption"), seconds=longest))


def _was_interrupted(facts: SessionFacts) -> bool:
    return bool(facts.interruptions) or any(response.interrupted for response in facts.finished_responses)


def _cut_short(result: ConversationResult) -> Iterator[ResponseFacts]:
    """Yield the responses that were cancelled at once, but for those that were meant to be.

    That is what the script interrupts, and in a recording what its client did: it may be a script or a test as well.
    The console's client interrupts when it hears speech, so there it tells of an echo.
    """
    deliberate = result.script.interrupts or result.script.name == RECORDED
    for response in result.facts.finished_responses:
        ours = deliberate and _interruptions_of(result.facts, response)
        if response.status == _CANCELLED and response.done_at - response.created_at < CUT_SHORT_SECONDS and not ours:
            yield response


def silences_after(facts: SessionFacts) -> Iterator[float]:
    """Yield for each interruption of a spoken response how many seconds its audio went on."""
    for response in facts.responses.values():
        for at in _interruptions_of(facts, response)[:1] if response.audio_chunks else ():
            yield max(0.0, response.audio_chunks[-1][0] - at)


def _interruptions_of(facts: SessionFacts, response: ResponseFacts) -> list[float]:
    """Return when the client interrupted this response. One that has ended can't be interrupted any more."""
    ended = response.done_at if response.status else float("inf")
    return [at for _, at in facts.interruptions if response.created_at <= at <= ended]
