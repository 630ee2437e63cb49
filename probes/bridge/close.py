"""The end of a session at the client door, a second one on the same socket, the last close, and the paper work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from probes.bridge.session import until_ready
from probes.problems import bridge
from probes.runner.findings import Row, seen
from probes.targets.bridge import Door

if TYPE_CHECKING:
    from collections import Counter

    from probes.bridge.context import BridgeVisit
    from reports.model import Finding

END, AGAIN, CLOSE = Row("bridge", "end"), Row("bridge", "again"), Row("bridge", "close")
STAMPS, FIELDS = Row("bridge", "timestamps"), Row("bridge", "fields")

_TYPED = "Say hello."
_GOOD_CLOSE = 1000
#: Before the close: so long nothing may have come, and no longer is that waited for.
_QUIET_SECONDS, _REST_SECONDS = 0.2, 3.0
_SHOWN = 6


async def end_session(visit: BridgeVisit) -> Finding:
    """End the session and wait for the confirmation; the socket stays open."""
    await visit.say({"type": "end_session"})
    closed = await visit.wait_for("session_closed", stops=frozenset())
    return END.passed(f"session_closed, {visit.shown(str(closed.get('reason')), 40)}")


def end_late(visit: BridgeVisit) -> Finding:
    """No confirmation."""
    return END.problem(bridge.NO_SESSION_CLOSED, seen("", f"no session_closed within {visit.target.timeout:g} s"))


async def create_again(visit: BridgeVisit) -> Finding:
    """Open a second session, ask in writing, and take the beginning of the answer as a binary frame."""
    json_before, binary_before = visit.json_audio, visit.binary_audio
    wish = {} if visit.detects else {"turnDetection": "none"}
    await visit.say({"type": "create_session", "audioOut": "binary", **wish})
    await until_ready(visit)
    await visit.say({"type": "text", "text": _TYPED}, f"{len(_TYPED)} characters")
    await visit.wait_for_speech()
    if visit.binary_audio > binary_before:
        generation = seen("generation", visit.papers.generation)
        return AGAIN.passed("a second session, with binary speech", generation)
    if visit.json_audio > json_before:
        return AGAIN.problem(bridge.BINARY_IGNORED, seen("", "audio deltas came instead"))
    return AGAIN.problem(bridge.NO_SPEECH_OUT, seen("", "an answer without audio, in the second session"))


def again_late(visit: BridgeVisit) -> Finding:
    """Not ready a second time, or no answer."""
    told = f"no session, or no answer in it, within {visit.target.timeout:g} s"
    return AGAIN.problem(bridge.NO_SECOND_SESSION, seen("", told))


async def hang_up(visit: BridgeVisit) -> Finding:
    """Say goodbye when nothing more is on its way, and see whether it is answered."""
    link = visit.open_link()
    rested = await _come_to_rest(visit)
    visit.note("client", "close", str(_GOOD_CLOSE))
    await link.close(_GOOD_CLOSE)
    visit.gone = True
    code = getattr(link, "close_code", None)
    visit.note("server", "closed", str(code or "without a close frame"))
    if code in (None, 1006) and not rested:
        return CLOSE.problem(bridge.CLOSE_UNSEEN, seen("", "messages came to the end"))
    if code in (None, 1006):
        return CLOSE.problem(bridge.NO_CLOSE, seen("", "no Close frame came back"))
    if code != _GOOD_CLOSE:
        return CLOSE.problem(bridge.CLOSE_CODE, seen("", f"closed with {code}"))
    return CLOSE.passed(f"close {code}, answered")


async def _come_to_rest(visit: BridgeVisit) -> bool:
    """End what still talks, and let what is on its way arrive; False where that never ends."""
    if visit.target.door is Door.CLIENT and visit.papers.session:
        with trio.move_on_after(min(visit.target.timeout, _REST_SECONDS)):
            await visit.say({"type": "end_session"})
            await visit.wait_for("session_closed", stops=frozenset())
    with trio.move_on_after(_REST_SECONDS):
        await visit.hear_until_quiet(_QUIET_SECONDS)
        return True
    return False


def close_late(visit: BridgeVisit) -> Finding:
    """The link gives up by itself after two seconds; this is for shorter time-outs."""
    visit.gone = True
    return CLOSE.problem(bridge.NO_CLOSE, seen("", f"no Close frame within {visit.target.timeout:g} s"))


# Paper work: judged when everything has been said


async def judge_stamps(visit: BridgeVisit) -> Finding:
    """Look at the time on each message."""
    await trio.lowlevel.checkpoint()
    if visit.papers.unstamped:
        return STAMPS.problem(bridge.UNSTAMPED, seen("", f"on {_listed(visit, visit.papers.unstamped)}"))
    return STAMPS.passed(f"ISO 8601, UTC, ms on all {visit.papers.messages} messages")


async def judge_fields(visit: BridgeVisit) -> Finding:
    """Look at the fields that each message must have."""
    await trio.lowlevel.checkpoint()
    if visit.papers.missing:
        return FIELDS.problem(bridge.FIELDS_MISSING, seen("", _listed(visit, visit.papers.missing)))
    return FIELDS.passed("all that the protocol promises")


def _listed(visit: BridgeVisit, tally: Counter[str]) -> str:
    more = f" and {len(tally) - _SHOWN} more" if len(tally) > _SHOWN else ""
    return visit.shown(", ".join(sorted(tally)[:_SHOWN]) + more, 200)
