"""The native door: a bridge that is the Realtime API itself to its clients. The same questions in native events."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.dialects.detection import Dialect, detect_dialect
from bridge.protocol.schema.shapes import to_flat
from bridge.transport.link import LinkClosed
from probes.bridge.context import CREATED, UPDATED
from probes.bridge.errors import ERRORS, fatal
from probes.bridge.refusals import error_told
from probes.bridge.session import EARLY_MS, chunks_of
from probes.problems import bridge
from probes.runner.findings import Row, seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.bridge.context import BridgeVisit
    from reports.model import Finding

SESSION = Row("bridge", "session")

#: Nobody announces attempts here: a bridge may need three of them, with waits between them, before anything is said.
_FIRST_WORD = 4.0
_NESTED: Mapping[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
_ERROR_FIELDS = ("type", "message")


async def begin(visit: BridgeVisit) -> Finding:
    """Speak at once, wait for session.created, switch turn detection off, and wait until that is confirmed."""
    visit.mark("create")
    for chunk in chunks_of(visit.source.speech(EARLY_MS)):
        await visit.say({"type": "input_audio_buffer.append", "audio": b64encode(chunk).decode()})
    first = await _first_word(visit)
    if first.get("type") == "error":
        return error_told(SESSION, visit.target, first)
    if first.get("type") not in CREATED:
        told = seen("first message", visit.shown(str(first.get("type") or "no event"), 80))
        return SESSION.problem(bridge.OTHER_DOOR if first.get("type") == "connected" else bridge.NOT_A_BRIDGE, told)
    visit.dialect = detect_dialect(first).dialect or Dialect.GA
    await visit.say(update(visit.dialect))
    await visit.wait_for(*UPDATED, times=_FIRST_WORD)
    visit.mark("ready")
    session = first.get("session")
    held = session if isinstance(session, dict) else {}
    evidence = seen("session", visit.shown(str(held.get("id")), 80))
    return SESSION.passed(f"session.created, {held.get('model')!s:.60}, update confirmed", evidence)


async def _first_word(visit: BridgeVisit) -> Mapping[str, Any]:
    """Wait for the first event; a notice about dropped audio is none."""
    while True:
        with trio.fail_after(visit.target.timeout * _FIRST_WORD):
            event = (await visit.hear()).event
        error = event.get("error")
        if not (isinstance(error, dict) and error.get("code") == "audio_dropped"):
            return event


def update(dialect: Dialect) -> dict[str, Any]:
    """Make the configuration that leaves the end of speech to us."""
    return {"type": "session.update", "session": to_flat(_NESTED).session if dialect is Dialect.BETA else dict(_NESTED)}


def begin_late(visit: BridgeVisit) -> Finding:
    """Nothing came, or the update was not confirmed."""
    if any(visit.native[kind] for kind in CREATED):
        told = seen("", "session.update was sent, session.updated never came")
        return SESSION.problem(bridge.NO_SESSION_READY, told, title="The configuration is never confirmed")
    told = seen("", "neither session.created nor an error came")
    return SESSION.problem(bridge.NO_SESSION_READY, told, title="The connection leads to no session")


async def provoke(visit: BridgeVisit) -> Finding:
    """Send what is no JSON, and see a native error, and a session that goes on."""
    try:
        return await _provoke(visit)
    except LinkClosed as closed:
        return fatal(visit, closed)


async def _provoke(visit: BridgeVisit) -> Finding:
    await visit.say_raw("this is no JSON", "(text that is no JSON)")
    event = await visit.wait_for("error", stops=frozenset())
    error = event.get("error")
    held = error if isinstance(error, dict) else {}
    missing = [name for name in _ERROR_FIELDS if not isinstance(held.get(name), str)]
    if missing:
        return ERRORS.problem(bridge.ERROR_MALFORMED, seen("", f"error.{', error.'.join(missing)} is missing"))
    await visit.say(update(visit.dialect))
    await visit.wait_for(*UPDATED)
    told = visit.shown(f"{held.get('type')} {held.get('code') or ''}".strip(), 80)
    return ERRORS.passed("answered, and the session goes on", seen("with", told))


def errors_late(visit: BridgeVisit) -> Finding:
    """No error, or a session that says nothing any more."""
    return ERRORS.problem(bridge.ERROR_SWALLOWED, seen("", f"no answer within {visit.target.timeout:g} s"))
