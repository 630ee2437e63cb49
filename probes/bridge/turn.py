"""One turn through a bridge, at either door: speech goes up, the answer comes down, and every millisecond is accounted.

What is said is tracer audio. Whoever receives it knows which cells are missing, came twice or late: by its echo in the
answer, or because the upstream can be asked. Where neither is so, that is said, and nothing is called whole.
"""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.audio.pcm import ms_to_bytes, silence
from bridge.protocol.audio.tracer import CELL_MS
from bridge.protocol.audio.wav import read_wav
from bridge.protocol.dialects.detection import BETA_TO_GA
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.protocol.refusals.lookup import refusal_for_error
from probes.bridge.session import EARLY_MS, chunks_of
from probes.problems import bridge
from probes.problems.bridge_codes import UPSTREAM_ERROR
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

#: Said at the pace of speech, once the session is ready.
TURN_MS = 800
#: Behind it, so that the last cell does not stand at the very end: an account waits for what follows a cell.
_REST_MS = 100
#: So much of an answer is heard before it is interrupted.
_ENOUGH_MS = 1000
#: Where the bridge keeps turn detection on: so much silence ends a turn.
_SILENCE_MS = 900
#: The recorded sentence begins with so much silence.
_BEFORE_SOUND_MS = 100
#: Any of these says that the service has taken the turn.
_TAKEN = (
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.created",
    "response.created",
)
#: A session that was ready so soon after the first words may have read them after that.
_TOO_SOON_SECONDS = 0.25
_BETA_NAMES = frozenset(name for name in BETA_TO_GA if name.startswith("response."))


async def send_speech(context: BridgeContext) -> Finding:
    """Say the rest of the turn, end it, and wait until the service has taken it."""
    said = context.source.speech(TURN_MS)
    said += _question() + silence(_SILENCE_MS) if context.turn_detection else silence(_REST_MS)
    for chunk in chunks_of(said):
        await _say_speech(context, chunk)
        await trio.sleep(CELL_MS / 1000)
    if not context.turn_detection:
        for event in _ENDS[context.target.endpoint_kind]:
            await context.send(event)
    context.mark("spoken")
    taken = await context.wait_for(*_TAKEN)
    return SPEECH_IN.passed(
        f"{context.source.sent_ms} ms said, the turn is taken", evidence_of("by", taken.get("type"))
    )


_ENDS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "client": ({"type": "audio_commit"},),
    "native": ({"type": "input_audio_buffer.commit"}, {"type": "response.create"}),
}


_INTERRUPTION: Mapping[str, dict[str, Any]] = {
    "client": {"type": "interrupt"},
    "native": {"type": "response.cancel"},
}


async def _say_speech(context: BridgeContext, pcm: bytes) -> None:
    """Say a chunk as JSON: what came early at the client door was binary, and both must lead to the same place."""
    kind = "audio" if context.target.endpoint_kind == "client" else "input_audio_buffer.append"
    await context.send({"type": kind, "audio": b64encode(pcm).decode()})


def _question() -> bytes:
    """Give a spoken sentence from its first sound on: the real service's turn detection takes no tone for speech."""
    return read_wav(files("probes").joinpath("data/question.wav").read_bytes()).pcm[ms_to_bytes(_BEFORE_SOUND_MS) :]


def speech_in_timed_out(context: BridgeContext) -> Finding:
    """Nothing tells that the turn was taken."""
    late = headline(f"no sign of a turn within {context.target.timeout:g} s")
    return SPEECH_IN.problem(bridge.SPEECH_NOT_TAKEN if context.native_events else bridge.NOTHING_FORWARDED, late)


async def receive_speech(context: BridgeContext) -> Finding:
    """Hear the answer: an echo to its end, of any other one a second, for it is paid for."""
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
            bridge.NO_SPEECH_OUT, headline(f"response.done, {held.get('status')!s:.20}, without audio")
        )
    first = context.seconds_between("spoken", "audio")
    when = "" if first is None else f", the first after {max(first, 0):.2f} s"
    ended = "interrupted" if "interrupted" in context.marks else "to its end"
    return SPEECH_OUT.passed(f"{context.answer_ms / 1000:.1f} s of speech{when}", evidence_of("heard", ended))


def _was_cut_off(context: BridgeContext, done: Mapping[str, Any]) -> bool:
    """Turn detection may hear several turns in one sentence: the answer to the first is cancelled by the next."""
    response = done.get("response")
    cancelled = isinstance(response, dict) and response.get("status") == "cancelled"
    return cancelled and context.turn_detection and "interrupted" not in context.marks


def _failed(context: BridgeContext, response: Mapping[str, Any]) -> Finding:
    details = response.get("status_details")
    error = details.get("error") if isinstance(details, dict) else None
    known = error if isinstance(error, dict) else {}
    refusal = refusal_for_error(known)
    told = context.excerpt(f"response failed: {known.get('code') or known.get('type') or 'no reason'}", 120)
    return SPEECH_OUT.problem(UPSTREAM_ERROR, headline(told), evidence_of("service", refusal.title))


def speech_out_timed_out(context: BridgeContext) -> Finding:
    """No answer, or half of one."""
    late = headline(f"nothing more within {context.target.timeout:g} s, {context.answer_ms:.0f} ms of audio heard")
    return SPEECH_OUT.problem(bridge.ANSWER_UNFINISHED if context.answer_ms else bridge.NO_SPEECH_OUT, late)


# The account


async def check_early_speech(context: BridgeContext) -> Finding:
    """Say what became of the words before the session was ready."""
    await trio.lowlevel.checkpoint()
    count = context.tracer_count()
    if count is not None:
        lost = _lost_within(count, EARLY_MS)
        if lost:
            known = bridge.SPEECH_DROPPED if context.dropped_ms else bridge.EARLY_SPEECH_LOST
            return EARLY_SPEECH.problem(known, headline(f"{lost} of {EARLY_MS} ms never arrived"), *_notice(context))
        return EARLY_SPEECH.passed(f"all {EARLY_MS} ms said before ready arrived")
    if context.dropped_ms:
        return EARLY_SPEECH.problem(bridge.SPEECH_DROPPED, *_notice(context))
    return _by_word(context)


def _by_word(context: BridgeContext) -> Finding:
    """Without an account only the bridge's own word is left, and the time that it had to read."""
    held = context.ready.get("bufferedMs")
    known = held if isinstance(held, int | float) else 0
    if known >= EARLY_MS - CELL_MS:
        return EARLY_SPEECH.passed(
            f"{EARLY_MS} ms said before ready were held", evidence_of("bufferedMs", f"{known:g}")
        )
    waited = context.seconds_between("create", "ready") or 0.0
    told = headline(f"bufferedMs {held!s:.12} of {EARLY_MS} ms, which were said {waited:.2f} s before session_ready")
    if "bufferedMs" in context.ready and waited > _TOO_SOON_SECONDS:
        return EARLY_SPEECH.problem(bridge.EARLY_SPEECH_LOST, told)
    return EARLY_SPEECH.problem(bridge.EARLY_SPEECH_UNSEEN, told)


def _notice(context: BridgeContext) -> tuple[Evidence, ...]:
    return (evidence_of("audio_dropped", f"{context.dropped_ms:g} ms"),) if context.dropped_ms else ()


async def check_tracer(context: BridgeContext) -> Finding:
    """Say whether every millisecond behind the early ones arrived, once and in order."""
    await trio.lowlevel.checkpoint()
    count = context.tracer_count()
    if count is None:
        return TRACER.problem(bridge.TRACER_UNSEEN, headline("no echo of it in the answer"))
    lost = count.lost_ms - _lost_within(count, EARLY_MS)
    sums = f"{lost} ms lost, {count.repeated_ms} repeated, {count.reordered_ms} reordered"
    told = headline(f"of {context.source.sent_ms} ms {sums}, {count.damaged_ms:g} damaged")
    known = _trouble(count, lost)
    if known is None:
        return TRACER.passed(f"all {count.received_ms} ms arrived, once and in order", evidence_of("sums", sums))
    where = ", ".join(f"{start}-{end} ms" for start, end in count.missing)
    return TRACER.problem(known, told, *((evidence_of("missing", where),) if where else ()))


def _trouble(count: TracerCount, lost: int) -> Problem | None:
    """Choose the one word for it: what is hurt also counts as lost."""
    if count.damaged_ms and count.damaged_ms >= lost:
        return bridge.AUDIO_DAMAGED
    if lost:
        return bridge.AUDIO_LOST
    if count.repeated_ms:
        return bridge.AUDIO_REPEATED
    return bridge.AUDIO_REORDERED if count.reordered_ms else None


def _lost_within(count: TracerCount, ms: int) -> int:
    return sum(max(0, min(end, ms) - start) for start, end in count.missing)


# What was passed on


async def check_events(context: BridgeContext) -> Finding:
    """Look at the service's events as they came down: those of the beginning, and their names."""
    await trio.lowlevel.checkpoint()
    if context.missing_init_events:
        return EVENTS.problem(
            bridge.INIT_NOT_FORWARDED, headline(f"never came: {', '.join(context.missing_init_events)}")
        )
    beta = sorted(_BETA_NAMES & context.native_events.keys())
    if beta:
        return EVENTS.problem(bridge.BETA_EVENTS, headline(", ".join(beta[:6])))
    return EVENTS.passed(f"{context.native_events.total()} events of {len(context.native_events)} kinds passed on")


def cannot_time_out(_visit: BridgeContext) -> Finding:
    """Rows that only judge do not wait."""
    raise AssertionError("this row does not wait for anything")
