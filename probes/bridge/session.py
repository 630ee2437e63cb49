"""Coming to a session at the client door: the greeting, a ping, and create_session up to session_ready.

The first words are said right behind create_session, long before anything can be ready: a bridge holds them.
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

#: Said before the session is ready, in chunks of 20 ms at one go.
EARLY_MS = 400
_INSTRUCTIONS = "Whatever you hear, answer with one short sentence."
_PING_ID = "sherpa-probe"
#: An attempt may take ten seconds and the wait behind it eight, or as long as the service asks: so many time-outs.
_BETWEEN_ATTEMPTS = 3.0
#: After session_ready: the events of the beginning that are still missing were late, or are not passed on at all.
_STRAGGLERS_SECONDS = 1.0


async def await_greeting(context: BridgeContext) -> Finding:
    """Wait for `connected`."""
    with trio.fail_after(context.target.timeout):
        heard = await context.receive()
    kind = heard.event.get("type")
    if kind == "connected":
        context.mark("connected")
        client = context.excerpt(str(heard.event.get("clientId")), 40)
        return CONNECTED.passed(f"protocol {heard.event.get('protocol')!s:.20}", evidence_of("client", client))
    if kind == "error" and "error" not in heard.event:
        raise SessionStopped(heard.event)
    told = evidence_of("first message", context.excerpt(str(kind or heard.unreadable), 80))
    return CONNECTED.problem(bridge.OTHER_ENDPOINT if heard.native or kind == "error" else bridge.NOT_A_BRIDGE, told)


def greeting_timed_out(context: BridgeContext) -> Finding:
    """101, and then silence."""
    return CONNECTED.problem(bridge.NO_GREETING, headline(f"nothing came within {context.target.timeout:g} s"))


async def check_ping(context: BridgeContext) -> Finding:
    """Ask the bridge itself for a sign of life."""
    pong = await send_ping(context)
    if pong.get("id") != _PING_ID:
        return PING.problem(bridge.NO_PONG, headline(f"pong came with id {pong.get('id')!r:.40}, not the ping's own"))
    context.answers_pings = True
    return PING.passed("pong, with the same id")


async def send_ping(context: BridgeContext) -> Mapping[str, Any]:
    """Send a ping and wait for the pong."""
    await context.send({"type": "ping", "id": _PING_ID})
    return await context.wait_for("pong")


def pong_timed_out(context: BridgeContext) -> Finding:
    """Nothing came back."""
    return PING.problem(bridge.NO_PONG, headline(f"no pong within {context.target.timeout:g} s"))


async def create_session(context: BridgeContext) -> Finding:
    """Ask for a session, speak at once, and wait until the bridge says that it is ready."""
    await context.send(_wish(context, turnDetection="none", instructions=_INSTRUCTIONS))
    context.mark("create")
    for chunk in chunks_of(context.source.speech(EARLY_MS)):
        await context.send_audio(chunk)
    try:
        ready = await wait_until_ready(context)
    except SessionStopped as said:
        if said.message.get("code") != "INVALID_MESSAGE":
            raise
        ready = await _in_the_bridge_s_own_way(context)
    context.ready = ready
    context.mark("ready")
    return await _confirmed_before(context) or _told(context, ready)


async def _in_the_bridge_s_own_way(context: BridgeContext) -> Mapping[str, Any]:
    """A bridge may own every part of the session: ask for no more than one. What was said already is held for it."""
    context.turn_detection = True
    context.expected_errors.add("NO_SESSION_EXISTS")
    await context.send({"type": "create_session"})
    return await wait_until_ready(context)


def _wish(context: BridgeContext, **more: str) -> dict[str, str]:
    named = {"model": context.target.model} if context.target.model else {}
    return {"type": "create_session", **named, **more}


async def wait_until_ready(context: BridgeContext) -> Mapping[str, Any]:
    """Wait through the attempts that the bridge announces; before it says anything, one time-out must do."""
    times = 1.0
    while True:
        message = await context.wait_for("session_ready", "session_initializing", timeouts=times)
        if message.get("type") == "session_ready":
            return message
        times = _BETWEEN_ATTEMPTS
        attempt, most = message.get("attempt"), message.get("maxAttempts")
        context.target.on_progress(f"session, attempt {attempt!s:.4} of {most!s:.4}")


async def _confirmed_before(context: BridgeContext) -> Finding | None:
    """Look whether the service's own confirmations came before session_ready, as they must."""
    missing = _missing(context)
    if not missing:
        return None
    with trio.move_on_after(_STRAGGLERS_SECONDS):
        await context.wait_for(
            *(SESSION_CREATED if "session.created" in missing else SESSION_UPDATED), stop_types=frozenset()
        )
        told = headline(f"{missing[0]} came after session_ready")
        return SESSION.problem(bridge.READY_TOO_EARLY, told)
    context.missing_init_events = _missing(context)
    return None


def _missing(context: BridgeContext) -> tuple[str, ...]:
    known = {"session.created": SESSION_CREATED, "session.updated": SESSION_UPDATED}
    return tuple(name for name, kinds in known.items() if not any(context.native_events[kind] for kind in kinds))


def _told(context: BridgeContext, ready: Mapping[str, Any]) -> Finding:
    parts = [context.excerpt(str(ready[name]), 60) for name in ("model", "dialect") if ready.get(name)]
    evidence = [evidence_of("session", context.excerpt(str(ready.get("sessionId")), 80))]
    if context.turn_detection:
        evidence.append(evidence_of("wish", "the bridge takes none: asked for whatever session it gives"))
    return SESSION.passed(", ".join(["session_ready", *parts, f"{ready.get('bufferedMs')!s:.12} ms held"]), *evidence)


def session_timed_out(context: BridgeContext) -> Finding:
    """Neither ready nor an error."""
    heard = ", ".join(dict.fromkeys(m.what for m in context.moments if m.who == "server")) or "nothing"
    return SESSION.problem(
        bridge.NO_SESSION_READY, headline("no session_ready and no error"), evidence_of("heard", heard[:200])
    )


def chunks_of(pcm: bytes) -> Iterator[bytes]:
    """Cut speech into 20 ms each."""
    return (pcm[at : at + CELL_BYTES] for at in range(0, len(pcm), CELL_BYTES))
