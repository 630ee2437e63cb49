"""Opens a session at the client endpoint: `connected`, a ping, and `create_session` up to `session_ready`.

The check sends speech right after `create_session`, before the session can be ready: a bridge must buffer it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.audio.tracer import CELL_BYTES
from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED
from probes.bridge.context import SessionStopped
from probes.problems import bridge
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from probes.bridge.context import BridgeContext
    from reports.model import Finding

CONNECTED, PING = CheckRow("bridge", "connected"), CheckRow("bridge", "ping")
SESSION = CheckRow("bridge", "session")

#: Speech sent before the session is ready, in chunks of 20 ms without pauses.
EARLY_MS = 400
_INSTRUCTIONS = "Answer everything you hear with one short sentence."
_PING_ID = "sherpa-probe"
#: Timeouts per attempt: one may take 10 s, and the back-off after it 8 s or as long as the service asks.
_TIMEOUTS_PER_ATTEMPT = 3.0
#: How long after session_ready to wait for missing initial events, to tell late ones from ones that aren't forwarded.
_LATE_EVENT_SECONDS = 1.0


async def await_greeting(context: BridgeContext) -> Finding:
    """Wait for `connected`, the first message of the client protocol."""
    with trio.fail_after(context.target.timeout):
        frame = await context.receive()
    kind = frame.event.get("type")
    if kind == "connected":
        context.mark("connected")
        client = context.excerpt(str(frame.event.get("clientId")), 40)
        return CONNECTED.passed(f"protocol {frame.event.get('protocol')!s:.20}", evidence_of("client", client))
    if kind == "error" and "error" not in frame.event:
        raise SessionStopped(frame.event)
    received = evidence_of("first message", context.excerpt(str(kind or frame.unreadable), 80))
    return CONNECTED.problem(
        bridge.OTHER_ENDPOINT if frame.native or kind == "error" else bridge.NOT_A_BRIDGE, received
    )


def greeting_timed_out(context: BridgeContext) -> Finding:
    """Report that no message followed the upgrade."""
    return CONNECTED.problem(bridge.NO_GREETING, headline(f"no message within {context.target.timeout:g} s"))


async def check_ping(context: BridgeContext) -> Finding:
    """Send a ping and check that the pong has its id."""
    pong = await send_ping(context)
    if pong.get("id") != _PING_ID:
        return PING.problem(bridge.NO_PONG, headline(f"the pong's id is {pong.get('id')!r:.40}, not the ping's"))
    context.answers_pings = True
    return PING.passed("pong, with the same id")


async def send_ping(context: BridgeContext) -> Mapping[str, Any]:
    """Send a ping and return the pong."""
    await context.send({"type": "ping", "id": _PING_ID})
    return await context.wait_for("pong")


def pong_timed_out(context: BridgeContext) -> Finding:
    """Report that no pong arrived."""
    return PING.problem(bridge.NO_PONG, headline(f"no pong within {context.target.timeout:g} s"))


async def create_session(context: BridgeContext) -> Finding:
    """Send `create_session` and speech right after it, then wait for `session_ready`."""
    await context.send(_create_session_message(context, turnDetection="none", instructions=_INSTRUCTIONS))
    context.mark("create")
    for chunk in chunks_of(context.source.speech(EARLY_MS)):
        await context.send_audio(chunk)
    try:
        ready = await wait_until_ready(context)
    except SessionStopped as stopped:
        if stopped.message.get("code") != "INVALID_MESSAGE":
            raise
        ready = await _create_default_session(context)
    context.ready = ready
    context.mark("ready")
    return await _check_ready_order(context) or _passed(context, ready)


async def _create_default_session(context: BridgeContext) -> Mapping[str, Any]:
    """Request a session without options, for a bridge that refuses them. It still buffers the speech sent so far."""
    context.turn_detection = True
    context.expected_errors.add("NO_SESSION_EXISTS")
    await context.send({"type": "create_session"})
    return await wait_until_ready(context)


def _create_session_message(context: BridgeContext, **more: str) -> dict[str, str]:
    named = {"model": context.target.model} if context.target.model else {}
    return {"type": "create_session", **named, **more}


async def wait_until_ready(context: BridgeContext) -> Mapping[str, Any]:
    """Wait for `session_ready`, through all attempts that the bridge announces.

    The first message must arrive within one timeout.
    Raises as `BridgeContext.wait_for` does.
    """
    timeouts = 1.0
    while True:
        message = await context.wait_for("session_ready", "session_initializing", timeouts=timeouts)
        if message.get("type") == "session_ready":
            return message
        timeouts = _TIMEOUTS_PER_ATTEMPT
        attempt, most = message.get("attempt"), message.get("maxAttempts")
        context.target.on_progress(f"session, attempt {attempt!s:.4} of {most!s:.4}")


async def _check_ready_order(context: BridgeContext) -> Finding | None:
    """Check that the service's own confirmations arrived before `session_ready`."""
    missing = _missing(context)
    if not missing:
        return None
    with trio.move_on_after(_LATE_EVENT_SECONDS):
        await context.wait_for(
            *(SESSION_CREATED if "session.created" in missing else SESSION_UPDATED), stop_types=frozenset()
        )
        return SESSION.problem(bridge.READY_TOO_EARLY, headline(f"{missing[0]} arrived after session_ready"))
    context.missing_init_events = _missing(context)
    return None


def _missing(context: BridgeContext) -> tuple[str, ...]:
    known = {"session.created": SESSION_CREATED, "session.updated": SESSION_UPDATED}
    return tuple(name for name, kinds in known.items() if not any(context.native_events[kind] for kind in kinds))


def _passed(context: BridgeContext, ready: Mapping[str, Any]) -> Finding:
    parts = [context.excerpt(str(ready[name]), 60) for name in ("model", "dialect") if ready.get(name)]
    evidence = [evidence_of("session", context.excerpt(str(ready.get("sessionId")), 80))]
    if context.turn_detection:
        evidence.append(evidence_of("session options", "refused by the bridge; its default session is used"))
    return SESSION.passed(
        ", ".join(["session_ready", *parts, f"{ready.get('bufferedMs')!s:.12} ms buffered"]), *evidence
    )


def session_timed_out(context: BridgeContext) -> Finding:
    """Report that neither `session_ready` nor an error arrived, and what did."""
    received = ", ".join(dict.fromkeys(m.what for m in context.moments if m.who == "server")) or "nothing"
    return SESSION.problem(
        bridge.NO_SESSION_READY, headline("no session_ready and no error"), evidence_of("received", received[:200])
    )


def chunks_of(pcm: bytes) -> Iterator[bytes]:
    """Split PCM16 audio into chunks of 20 ms."""
    return (pcm[at : at + CELL_BYTES] for at in range(0, len(pcm), CELL_BYTES))
