"""One turn through a bridge: sends speech, receives the response, and accounts for every millisecond.

The speech is tracer audio: PCM16 whose cells of 20 ms carry a sequence number and a checksum in their samples. The
receiver can tell which cells are missing, repeated or out of order. The probe reads them from an echo in the
response, or asks the embedded simulator what it received. If neither is possible, the finding says so instead of
claiming success.
"""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import trio

from bridge.client_protocol.errors import LOST_RESPONSE_MESSAGE
from bridge.protocol.audio.pcm import ms_to_bytes, silence
from bridge.protocol.audio.tracer import CELL_MS
from bridge.protocol.audio.wav import read_wav
from bridge.protocol.dialects.detection import BETA_TO_GA
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.protocol.refusals.lookup import refusal_for_error
from probes.bridge.session import EARLY_MS, chunks_of
from probes.problems import bridge
from probes.problems.bridge_codes import UPSTREAM_ERROR
from probes.runner.event_ids import own_event_id
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.audio.tracer import TracerCount
    from probes.bridge.context import BridgeContext
    from reports.model import Evidence, Finding
    from reports.problem import Problem

SPEECH_IN, SPEECH_OUT = CheckRow("bridge", "speech in"), CheckRow("bridge", "speech out")
EARLY_SPEECH, TRACER, EVENTS = (
    CheckRow("bridge", "early speech"),
    CheckRow("bridge", "tracer"),
    CheckRow("bridge", "events"),
)

#: Speech sent in real time once the session is ready.
TURN_MS = 800
#: Silence after the last cell, because a cell is counted when the audio after it arrives.
_TRAILING_MS = 100
#: Received audio after which a response without echo is interrupted.
_ENOUGH_MS = 1000
#: If the bridge keeps turn detection on, this much silence ends a turn.
_SILENCE_MS = 900
#: Silence at the start of the recorded sentence.
_LEADING_SILENCE_MS = 100
#: Any of these events shows that the service has accepted the turn.
_TURN_ACCEPTED = (
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.created",
    "response.created",
)
#: A session that is ready this soon after the first speech may have read the speech after that.
_TOO_SOON_SECONDS = 0.25
_BETA_NAMES = frozenset(name for name in BETA_TO_GA if name.startswith("response."))


async def send_speech(context: BridgeContext) -> Finding:
    """Send the rest of the turn in real time, end it, and wait until the service has accepted it."""
    audio = context.source.speech(TURN_MS)
    audio += _question() + silence(_SILENCE_MS) if context.turn_detection else silence(_TRAILING_MS)
    for chunk in chunks_of(audio):
        await _send_chunk(context, chunk)
        await trio.sleep(CELL_MS / 1000)
    if not context.turn_detection:
        for event in _END_OF_TURN[context.target.endpoint_kind]:
            await context.send(event)
    context.mark("spoken")
    accepted = await context.wait_for(*_TURN_ACCEPTED)
    return SPEECH_IN.passed(
        f"{context.source.sent_ms} ms sent, the turn is accepted", evidence_of("event", accepted.get("type"))
    )


_END_OF_TURN: Mapping[str, tuple[dict[str, Any], ...]] = {
    "client": ({"type": "audio_commit"},),
    "native": (
        {"type": "input_audio_buffer.commit", "event_id": own_event_id("commit")},
        {"type": "response.create", "event_id": own_event_id("response")},
    ),
}


_INTERRUPTION: Mapping[str, dict[str, Any]] = {
    "client": {"type": "interrupt"},
    "native": {"type": "response.cancel", "event_id": own_event_id("cancel")},
}


async def _send_chunk(context: BridgeContext, pcm: bytes) -> None:
    """Send a chunk as JSON. The early speech at the client endpoint was binary, so that a run covers both formats."""
    kind = "audio" if context.target.endpoint_kind == "client" else "input_audio_buffer.append"
    await context.send({"type": kind, "audio": b64encode(pcm).decode()})


def _question() -> bytes:
    """Return a spoken sentence without its leading silence: turn detection doesn't react to tracer tones."""
    return read_wav(files("probes").joinpath("data/question.wav").read_bytes()).pcm[ms_to_bytes(_LEADING_SILENCE_MS) :]


def speech_in_timed_out(context: BridgeContext) -> Finding:
    """Report that no event shows that the turn was accepted."""
    no_event = headline(f"no event about the turn within {context.target.timeout:g} s")
    return SPEECH_IN.problem(bridge.SPEECH_NOT_TAKEN if context.native_events else bridge.NOTHING_FORWARDED, no_event)


async def receive_speech(context: BridgeContext) -> Finding:
    """Receive the response: an echo to its end, any other for 1 s, because its audio costs money."""
    done = await context.wait_for("response.done", *AUDIO_DELTAS)
    while done.get("type") != "response.done" or _was_cut_off(context, done):
        if context.answer_ms >= _ENOUGH_MS and not context.echoes and "interrupted" not in context.marks:
            context.mark("interrupted")
            await context.send(_INTERRUPTION[context.target.endpoint_kind])
        done = await context.wait_for("response.done", *AUDIO_DELTAS)
    response = done.get("response")
    held = response if isinstance(response, dict) else {}
    if held.get("status") == "failed":
        return _failed(context, held)
    if not context.answer_ms:
        return SPEECH_OUT.problem(
            bridge.NO_SPEECH_OUT, headline(f"response.done with status {held.get('status')!s:.20}, without audio")
        )
    first = context.seconds_between("spoken", "audio")
    when = "" if first is None else f", first audio after {max(first, 0):.2f} s"
    ended = "interrupted" if "interrupted" in context.marks else "complete"
    return SPEECH_OUT.passed(f"{context.answer_ms / 1000:.1f} s of speech{when}", evidence_of("response", ended))


def _was_cut_off(context: BridgeContext, done: Mapping[str, Any]) -> bool:
    """Whether turn detection split the sentence: the second turn cancels the response to the first."""
    response = done.get("response")
    cancelled = isinstance(response, dict) and response.get("status") == "cancelled"
    return cancelled and context.turn_detection and "interrupted" not in context.marks


def _failed(context: BridgeContext, response: Mapping[str, Any]) -> Finding:
    details = response.get("status_details")
    error = details.get("error") if isinstance(details, dict) else None
    details = error if isinstance(error, dict) else {}
    if details.get("message") == LOST_RESPONSE_MESSAGE:
        return SPEECH_OUT.problem(bridge.UPSTREAM_LOST, headline(LOST_RESPONSE_MESSAGE))
    refusal = refusal_for_error(details)
    failure = context.excerpt(f"response failed: {details.get('code') or details.get('type') or 'no error given'}", 120)
    return SPEECH_OUT.problem(UPSTREAM_ERROR, headline(failure), evidence_of("service", refusal.title))


def speech_out_timed_out(context: BridgeContext) -> Finding:
    """No answer, or half of one."""
    so_far = headline(f"no event within {context.target.timeout:g} s, {context.answer_ms:.0f} ms of audio received")
    return SPEECH_OUT.problem(bridge.ANSWER_UNFINISHED if context.answer_ms else bridge.NO_SPEECH_OUT, so_far)


# Tracer audio


async def check_early_speech(context: BridgeContext) -> Finding:
    """Judge whether the speech that was sent before the session was ready arrived."""
    await trio.lowlevel.checkpoint()
    count = context.tracer_count()
    if count is not None:
        lost = _lost_within(count, EARLY_MS)
        if lost:
            problem = bridge.SPEECH_DROPPED if context.dropped_ms else bridge.EARLY_SPEECH_LOST
            return EARLY_SPEECH.problem(problem, headline(f"{lost} of {EARLY_MS} ms are missing"), *_notice(context))
        return EARLY_SPEECH.passed(f"all {EARLY_MS} ms sent before session_ready arrived")
    if context.dropped_ms:
        return EARLY_SPEECH.problem(bridge.SPEECH_DROPPED, *_notice(context))
    return _early_speech_by_report(context)


def _early_speech_by_report(context: BridgeContext) -> Finding:
    """Judge early speech by `bufferedMs` in `session_ready` and by timing, if no tracer audio can be read."""
    buffered = context.ready.get("bufferedMs")
    buffered_ms = buffered if isinstance(buffered, int | float) else 0
    if buffered_ms >= EARLY_MS - CELL_MS:
        return EARLY_SPEECH.passed(
            f"{EARLY_MS} ms sent before session_ready were buffered", evidence_of("bufferedMs", f"{buffered_ms:g}")
        )
    waited = context.seconds_between("create", "ready") or 0.0
    summary = headline(f"bufferedMs {buffered!s:.12} of {EARLY_MS} ms, sent {waited:.2f} s before session_ready")
    if "bufferedMs" in context.ready and waited > _TOO_SOON_SECONDS:
        return EARLY_SPEECH.problem(bridge.EARLY_SPEECH_LOST, summary)
    return EARLY_SPEECH.problem(bridge.EARLY_SPEECH_UNSEEN, summary)


def _notice(context: BridgeContext) -> tuple[Evidence, ...]:
    return (evidence_of("audio_dropped", f"{context.dropped_ms:g} ms"),) if context.dropped_ms else ()


async def check_tracer(context: BridgeContext) -> Finding:
    """Judge whether all speech after `session_ready` arrived, once and in order."""
    await trio.lowlevel.checkpoint()
    count = context.tracer_count()
    if count is None:
        return TRACER.problem(bridge.TRACER_UNSEEN, headline("the response doesn't echo it"))
    lost = count.lost_ms - _lost_within(count, EARLY_MS)
    sums = f"{lost} ms lost, {count.repeated_ms} repeated, {count.reordered_ms} reordered"
    totals = headline(f"of {context.source.sent_ms} ms {sums}, {count.damaged_ms:g} damaged")
    problem = _choose_problem(count, lost)
    if problem is None:
        return TRACER.passed(f"all {count.received_ms} ms arrived, once and in order", evidence_of("totals", sums))
    where = ", ".join(f"{start}-{end} ms" for start, end in count.missing)
    return TRACER.problem(problem, totals, *((evidence_of("missing", where),) if where else ()))


def _choose_problem(count: TracerCount, lost: int) -> Problem | None:
    """Choose the problem to report; damaged audio counts as lost, too."""
    if count.damaged_ms and count.damaged_ms >= lost:
        return bridge.AUDIO_DAMAGED
    if lost:
        return bridge.AUDIO_LOST
    if count.repeated_ms:
        return bridge.AUDIO_REPEATED
    return bridge.AUDIO_REORDERED if count.reordered_ms else None


def _lost_within(count: TracerCount, ms: int) -> int:
    return sum(max(0, min(end, ms) - start) for start, end in count.missing)


# Forwarded events


async def check_events(context: BridgeContext) -> Finding:
    """Check the service's events that the bridge forwarded: the initial ones, and that their names are GA names."""
    await trio.lowlevel.checkpoint()
    if context.missing_init_events:
        return EVENTS.problem(bridge.INIT_NOT_FORWARDED, headline(f"missing: {', '.join(context.missing_init_events)}"))
    beta = sorted(_BETA_NAMES & context.native_events.keys())
    if beta:
        return EVENTS.problem(bridge.BETA_EVENTS, headline(", ".join(beta[:6])))
    return EVENTS.passed(f"{context.native_events.total()} events of {len(context.native_events)} types forwarded")


def cannot_time_out(_context: BridgeContext) -> Finding:
    """Never called: checks that only judge don't wait."""
    raise AssertionError("this check doesn't wait for anything")
