"""The native door: a bridge that is the Realtime API itself to its clients. The same questions in native events."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.dialects.detection import Dialect, detect_dialect
from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATED
from bridge.protocol.schema.shapes import session_to_flat
from bridge.transport.link import LinkClosed
from probes.bridge.errors import ERRORS, closed_by_error
from probes.bridge.refusals import bridge_error_finding
from probes.bridge.session import EARLY_MS, chunks_of
from probes.problems import bridge
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.bridge.context import BridgeContext
    from reports.model import Finding

SESSION = CheckRow("bridge", "session")

#: Nobody announces attempts here: a bridge may need three of them, with waits between them, before anything is said.
_FIRST_WORD = 4.0
_NESTED: Mapping[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
_ERROR_FIELDS = ("type", "message")


async def open_session(context: BridgeContext) -> Finding:
    """Speak at once, wait for session.created, switch turn detection off, and wait until that is confirmed."""
    context.mark("create")
    for chunk in chunks_of(context.source.speech(EARLY_MS)):
        await context.send({"type": "input_audio_buffer.append", "audio": b64encode(chunk).decode()})
    first = await _first_word(context)
    if first.get("type") == "error":
        return bridge_error_finding(SESSION, context.target, first)
    if first.get("type") not in SESSION_CREATED:
        told = evidence_of("first message", context.excerpt(str(first.get("type") or "no event"), 80))
        return SESSION.problem(bridge.OTHER_ENDPOINT if first.get("type") == "connected" else bridge.NOT_A_BRIDGE, told)
    context.dialect = detect_dialect(first).dialect or Dialect.GA
    await context.send(session_update(context.dialect))
    await context.wait_for(*SESSION_UPDATED, timeouts=_FIRST_WORD)
    context.mark("ready")
    session = first.get("session")
    held = session if isinstance(session, dict) else {}
    evidence = evidence_of("session", context.excerpt(str(held.get("id")), 80))
    return SESSION.passed(f"session.created, {held.get('model')!s:.60}, update confirmed", evidence)


async def _first_word(context: BridgeContext) -> Mapping[str, Any]:
    """Wait for the first event; a notice about dropped audio is none."""
    while True:
        with trio.fail_after(context.target.timeout * _FIRST_WORD):
            event = (await context.receive()).event
        error = event.get("error")
        if not (isinstance(error, dict) and error.get("code") == "audio_dropped"):
            return event


def session_update(dialect: Dialect) -> dict[str, Any]:
    """Make the configuration that leaves the end of speech to us."""
    return {
        "type": "session.update",
        "session": session_to_flat(_NESTED).fields if dialect is Dialect.BETA else dict(_NESTED),
    }


def session_timed_out(context: BridgeContext) -> Finding:
    """Nothing came, or the update was not confirmed."""
    if any(context.native_events[kind] for kind in SESSION_CREATED):
        told = headline("session.update was sent, session.updated never came")
        return SESSION.problem(bridge.NO_SESSION_READY, told, title="The configuration is never confirmed")
    told = headline("neither session.created nor an error came")
    return SESSION.problem(bridge.NO_SESSION_READY, told, title="The connection leads to no session")


async def send_bad_message(context: BridgeContext) -> Finding:
    """Send what is no JSON, and see a native error, and a session that goes on."""
    try:
        return await _provoke(context)
    except LinkClosed as closed:
        return closed_by_error(context, closed)


async def _provoke(context: BridgeContext) -> Finding:
    await context.send_raw("this is no JSON", "(text that is no JSON)")
    event = await context.wait_for("error", stop_types=frozenset())
    error = event.get("error")
    held = error if isinstance(error, dict) else {}
    missing = [name for name in _ERROR_FIELDS if not isinstance(held.get(name), str)]
    if missing:
        return ERRORS.problem(bridge.ERROR_MALFORMED, headline(f"error.{', error.'.join(missing)} is missing"))
    await context.send(session_update(context.dialect))
    await context.wait_for(*SESSION_UPDATED)
    told = context.excerpt(f"{held.get('type')} {held.get('code') or ''}".strip(), 80)
    return ERRORS.passed("answered, and the session goes on", evidence_of("with", told))


def errors_timed_out(context: BridgeContext) -> Finding:
    """No error, or a session that says nothing any more."""
    return ERRORS.problem(bridge.ERROR_SWALLOWED, headline(f"no answer within {context.target.timeout:g} s"))
