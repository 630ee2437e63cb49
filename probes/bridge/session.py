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


async def await_greeting(visit: BridgeContext) -> Finding:
    """Wait for `connected`."""
    with trio.fail_after(visit.target.timeout):
        heard = await visit.receive()
    kind = heard.event.get("type")
    if kind == "connected":
        visit.mark("connected")
        client = visit.excerpt(str(heard.event.get("clientId")), 40)
        return CONNECTED.passed(f"protocol {heard.event.get('protocol')!s:.20}", evidence_of("client", client))
    if kind == "error" and "error" not in heard.event:
        raise SessionStopped(heard.event)
    told = evidence_of("first message", visit.excerpt(str(kind or heard.unreadable), 80))
    return CONNECTED.problem(bridge.OTHER_ENDPOINT if heard.native or kind == "error" else bridge.NOT_A_BRIDGE, told)


def greeting_timed_out(visit: BridgeContext) -> Finding:
    """101, and then silence."""
    return CONNECTED.problem(bridge.NO_GREETING, headline(f"nothing came within {visit.target.timeout:g} s"))


async def check_ping(visit: BridgeContext) -> Finding:
    """Ask the bridge itself for a sign of life."""
    pong = await send_ping(visit)
    if pong.get("id") != _PING_ID:
        return PING.problem(bridge.NO_PONG, headline(f"pong came with id {pong.get('id')!r:.40}, not the ping's own"))
    visit.answers_pings = True
    return PING.passed("pong, with the same id")


async def send_ping(visit: BridgeContext) -> Mapping[str, Any]:
    """Send a ping and wait for the pong."""
    await visit.send({"type": "ping", "id": _PING_ID})
    return await visit.wait_for("pong")


def pong_timed_out(visit: BridgeContext) -> Finding:
    """Nothing came back."""
    return PING.problem(bridge.NO_PONG, headline(f"no pong within {visit.target.timeout:g} s"))


async def create_session(visit: BridgeContext) -> Finding:
    """Ask for a session, speak at once, and wait until the bridge says that it is ready."""
    await visit.send(_wish(visit, turnDetection="none", instructions=_INSTRUCTIONS))
    visit.mark("create")
    for chunk in chunks_of(visit.source.speech(EARLY_MS)):
        await visit.send_audio(chunk)
    try:
        ready = await wait_until_ready(visit)
    except SessionStopped as said:
        if said.message.get("code") != "INVALID_MESSAGE":
            raise
        ready = await _in_the_bridge_s_own_way(visit)
    visit.ready = ready
    visit.mark("ready")
    return await _confirmed_before(visit) or _told(visit, ready)


async def _in_the_bridge_s_own_way(visit: BridgeContext) -> Mapping[str, Any]:
    """A bridge may own every part of the session: ask for no more than one. What was said already is held for it."""
    visit.turn_detection = True
    visit.expected_errors.add("NO_SESSION_EXISTS")
    await visit.send({"type": "create_session"})
    return await wait_until_ready(visit)


def _wish(visit: BridgeContext, **more: str) -> dict[str, str]:
    named = {"model": visit.target.model} if visit.target.model else {}
    return {"type": "create_session", **named, **more}


async def wait_until_ready(visit: BridgeContext) -> Mapping[str, Any]:
    """Wait through the attempts that the bridge announces; before it says anything, one time-out must do."""
    times = 1.0
    while True:
        message = await visit.wait_for("session_ready", "session_initializing", timeouts=times)
        if message.get("type") == "session_ready":
            return message
        times = _BETWEEN_ATTEMPTS
        attempt, most = message.get("attempt"), message.get("maxAttempts")
        visit.target.on_progress(f"session, attempt {attempt!s:.4} of {most!s:.4}")


async def _confirmed_before(visit: BridgeContext) -> Finding | None:
    """Look whether the service's own confirmations came before session_ready, as they must."""
    missing = _missing(visit)
    if not missing:
        return None
    with trio.move_on_after(_STRAGGLERS_SECONDS):
        await visit.wait_for(
            *(SESSION_CREATED if "session.created" in missing else SESSION_UPDATED), stop_types=frozenset()
        )
        told = headline(f"{missing[0]} came after session_ready")
        return SESSION.problem(bridge.READY_TOO_EARLY, told)
    visit.missing_init_events = _missing(visit)
    return None


def _missing(visit: BridgeContext) -> tuple[str, ...]:
    known = {"session.created": SESSION_CREATED, "session.updated": SESSION_UPDATED}
    return tuple(name for name, kinds in known.items() if not any(visit.native_events[kind] for kind in kinds))


def _told(visit: BridgeContext, ready: Mapping[str, Any]) -> Finding:
    parts = [visit.excerpt(str(ready[name]), 60) for name in ("model", "dialect") if ready.get(name)]
    evidence = [evidence_of("session", visit.excerpt(str(ready.get("sessionId")), 80))]
    if visit.turn_detection:
        evidence.append(evidence_of("wish", "the bridge takes none: asked for whatever session it gives"))
    return SESSION.passed(", ".join(["session_ready", *parts, f"{ready.get('bufferedMs')!s:.12} ms held"]), *evidence)


def session_timed_out(visit: BridgeContext) -> Finding:
    """Neither ready nor an error."""
    heard = ", ".join(dict.fromkeys(m.what for m in visit.moments if m.who == "server")) or "nothing"
    return SESSION.problem(
        bridge.NO_SESSION_READY, headline("no session_ready and no error"), evidence_of("heard", heard[:200])
    )


def chunks_of(pcm: bytes) -> Iterator[bytes]:
    """Cut speech into 20 ms each."""
    return (pcm[at : at + CELL_BYTES] for at in range(0, len(pcm), CELL_BYTES))
