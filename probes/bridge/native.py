"""Checks of the native endpoint, where a bridge speaks the Realtime API's own events to its clients."""

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
from probes.runner.event_ids import own_event_id
from probes.runner.findings import CheckRow, evidence_of, headline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.bridge.context import BridgeContext
    from reports.model import Finding

SESSION = CheckRow("bridge", "session")

#: Timeouts until the first event. At this endpoint a bridge can't announce attempts; it may need three, with back-off.
_FIRST_EVENT_TIMEOUTS = 4.0
_NESTED: Mapping[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
_ERROR_FIELDS = ("type", "message")


async def open_session(context: BridgeContext) -> Finding:
    """Send speech immediately, wait for `session.created`, turn off turn detection, and wait for `session.updated`."""
    context.mark("create")
    for chunk in chunks_of(context.source.speech(EARLY_MS)):
        await context.send({"type": "input_audio_buffer.append", "audio": b64encode(chunk).decode()})
    first = await _first_event(context)
    if first.get("type") == "error":
        return bridge_error_finding(SESSION, context.target, first)
    if first.get("type") not in SESSION_CREATED:
        received = evidence_of("first message", context.excerpt(str(first.get("type") or "no event"), 80))
        return SESSION.problem(
            bridge.OTHER_ENDPOINT if first.get("type") == "connected" else bridge.NOT_A_BRIDGE, received
        )
    context.dialect = detect_dialect(first).dialect or Dialect.GA
    await context.send(session_update(context.dialect))
    await context.wait_for(*SESSION_UPDATED, timeouts=_FIRST_EVENT_TIMEOUTS)
    context.mark("ready")
    session = first.get("session")
    held = session if isinstance(session, dict) else {}
    evidence = evidence_of("session", context.excerpt(str(held.get("id")), 80))
    return SESSION.passed(f"session.created, {held.get('model')!s:.60}, update confirmed", evidence)


async def _first_event(context: BridgeContext) -> Mapping[str, Any]:
    """Return the first event, apart from notices about dropped audio."""
    while True:
        with trio.fail_after(context.target.timeout * _FIRST_EVENT_TIMEOUTS):
            event = (await context.receive()).event
        error = event.get("error")
        if not (isinstance(error, dict) and error.get("code") == "audio_dropped"):
            return event


def session_update(dialect: Dialect) -> dict[str, Any]:
    """Make the `session.update` that turns off turn detection, in the shape of the dialect."""
    return {
        "type": "session.update",
        "event_id": own_event_id("bridge"),
        "session": session_to_flat(_NESTED).fields if dialect is Dialect.BETA else dict(_NESTED),
    }


def session_timed_out(context: BridgeContext) -> Finding:
    """Report that no event arrived, or that the update wasn't confirmed."""
    if any(context.native_events[kind] for kind in SESSION_CREATED):
        unconfirmed = headline("sent session.update, received no session.updated")
        return SESSION.problem(bridge.NO_SESSION_READY, unconfirmed, title="The configuration is never confirmed")
    silent = headline("received neither session.created nor an error")
    return SESSION.problem(bridge.NO_SESSION_READY, silent, title="The connection never leads to a session")


async def send_bad_message(context: BridgeContext) -> Finding:
    """Send invalid JSON; expect a native error, and a session that continues."""
    try:
        return await _provoke(context)
    except LinkClosed as closed:
        return await closed_by_error(context, closed)


async def _provoke(context: BridgeContext) -> Finding:
    await context.send_raw("this is no JSON", "(invalid JSON)")
    event = await context.wait_for("error")
    error = event.get("error")
    held = error if isinstance(error, dict) else {}
    missing = [name for name in _ERROR_FIELDS if not isinstance(held.get(name), str)]
    if missing:
        return ERRORS.problem(bridge.ERROR_MALFORMED, headline(f"error.{', error.'.join(missing)} is missing"))
    await context.send(session_update(context.dialect))
    await context.wait_for(*SESSION_UPDATED)
    described = context.excerpt(f"{held.get('type')} {held.get('code') or ''}".strip(), 80)
    return ERRORS.passed("one error, and the session continues", evidence_of("error", described))


def errors_timed_out(context: BridgeContext) -> Finding:
    """Report that no error arrived, or that the session stopped responding."""
    return ERRORS.problem(bridge.ERROR_SWALLOWED, headline(f"no response within {context.target.timeout:g} s"))
