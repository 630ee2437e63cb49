"""The end of a session at the client door, a second one on the same socket, the last close, and the paper work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from probes.bridge.session import wait_until_ready
from probes.problems import bridge
from probes.runner.findings import CheckRow, evidence_of, headline
from probes.targets.bridge import EndpointKind

if TYPE_CHECKING:
    from collections import Counter

    from probes.bridge.context import BridgeContext
    from reports.model import Finding

END, AGAIN, CLOSE = CheckRow("bridge", "end"), CheckRow("bridge", "again"), CheckRow("bridge", "close")
TIMESTAMPS, FIELDS = CheckRow("bridge", "timestamps"), CheckRow("bridge", "fields")

_TYPED = "Say hello."
_GOOD_CLOSE = 1000
#: Before the close: so long nothing may have come, and no longer is that waited for.
_QUIET_SECONDS, _REST_SECONDS = 0.2, 3.0
_SHOWN = 6


async def end_session(context: BridgeContext) -> Finding:
    """End the session and wait for the confirmation; the socket stays open."""
    await context.send({"type": "end_session"})
    closed = await context.wait_for("session_closed", stop_types=frozenset())
    return END.passed(f"session_closed, {context.excerpt(str(closed.get('reason')), 40)}")


def end_timed_out(context: BridgeContext) -> Finding:
    """No confirmation."""
    return END.problem(bridge.NO_SESSION_CLOSED, headline(f"no session_closed within {context.target.timeout:g} s"))


async def create_second_session(context: BridgeContext) -> Finding:
    """Open a second session, ask in writing, and take the beginning of the answer as a binary frame."""
    json_before, binary_before = context.json_audio, context.binary_audio
    wish = {} if context.turn_detection else {"turnDetection": "none"}
    await context.send({"type": "create_session", "audioOut": "binary", **wish})
    await wait_until_ready(context)
    await context.send({"type": "text", "text": _TYPED}, f"{len(_TYPED)} characters")
    await context.wait_for_audio()
    if context.binary_audio > binary_before:
        generation = evidence_of("generation", context.audit.generation)
        return AGAIN.passed("a second session, with binary speech", generation)
    if context.json_audio > json_before:
        return AGAIN.problem(bridge.BINARY_IGNORED, headline("audio deltas came instead"))
    return AGAIN.problem(bridge.NO_SPEECH_OUT, headline("an answer without audio, in the second session"))


def second_session_timed_out(context: BridgeContext) -> Finding:
    """Not ready a second time, or no answer."""
    told = f"no session, or no answer in it, within {context.target.timeout:g} s"
    return AGAIN.problem(bridge.NO_SECOND_SESSION, headline(told))


async def close_socket(context: BridgeContext) -> Finding:
    """Say goodbye when nothing more is on its way, and see whether it is answered."""
    link = context.require_link()
    rested = await _come_to_rest(context)
    context.add_moment("client", "close", str(_GOOD_CLOSE))
    await link.close(_GOOD_CLOSE)
    context.closed = True
    code = getattr(link, "close_code", None)
    context.add_moment("server", "closed", str(code or "without a close frame"))
    if code in (None, 1006) and not rested:
        return CLOSE.problem(bridge.CLOSE_UNSEEN, headline("messages came to the end"))
    if code in (None, 1006):
        return CLOSE.problem(bridge.NO_CLOSE, headline("no Close frame came back"))
    if code != _GOOD_CLOSE:
        return CLOSE.problem(bridge.CLOSE_CODE, headline(f"closed with {code}"))
    return CLOSE.passed(f"close {code}, answered")


async def _come_to_rest(context: BridgeContext) -> bool:
    """End what still talks, and let what is on its way arrive; False where that never ends."""
    if context.target.endpoint_kind is EndpointKind.CLIENT and context.audit.session_open:
        with trio.move_on_after(min(context.target.timeout, _REST_SECONDS)):
            await context.send({"type": "end_session"})
            await context.wait_for("session_closed", stop_types=frozenset())
    with trio.move_on_after(_REST_SECONDS):
        await context.receive_until_quiet(_QUIET_SECONDS)
        return True
    return False


def close_timed_out(context: BridgeContext) -> Finding:
    """The link gives up by itself after two seconds; this is for shorter time-outs."""
    context.closed = True
    return CLOSE.problem(bridge.NO_CLOSE, headline(f"no Close frame within {context.target.timeout:g} s"))


# Paper work: judged when everything has been said


async def check_timestamps(context: BridgeContext) -> Finding:
    """Look at the time on each message."""
    await trio.lowlevel.checkpoint()
    if context.audit.without_timestamp:
        return TIMESTAMPS.problem(bridge.UNSTAMPED, headline(f"on {_listed(context, context.audit.without_timestamp)}"))
    return TIMESTAMPS.passed(f"ISO 8601, UTC, ms on all {context.audit.messages} messages")


async def check_fields(context: BridgeContext) -> Finding:
    """Look at the fields that each message must have."""
    await trio.lowlevel.checkpoint()
    if context.audit.bad_fields:
        return FIELDS.problem(bridge.FIELDS_MISSING, headline(_listed(context, context.audit.bad_fields)))
    return FIELDS.passed("all that the protocol promises")


def _listed(context: BridgeContext, tally: Counter[str]) -> str:
    more = f" and {len(tally) - _SHOWN} more" if len(tally) > _SHOWN else ""
    return context.excerpt(", ".join(sorted(tally)[:_SHOWN]) + more, 200)
