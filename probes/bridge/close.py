"""The last checks of `bridge`: end a session, create a second one, close the socket, and judge the message audit."""

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

_PROMPT = "Say hello."
_GOOD_CLOSE = 1000
#: Before closing, wait until nothing was received for the first time, but at most for the second.
_QUIET_SECONDS, _MAX_WAIT_SECONDS = 0.2, 3.0
_MAX_NAMES = 6


async def end_session(context: BridgeContext) -> Finding:
    """Send `end_session` and wait for `session_closed`. The socket stays open."""
    await context.send({"type": "end_session"})
    closed = await context.wait_for("session_closed", stop_types=frozenset())
    return END.passed(f"session_closed, {context.excerpt(str(closed.get('reason')), 40)}")


def end_timed_out(context: BridgeContext) -> Finding:
    """Report that `session_closed` didn't arrive."""
    return END.problem(bridge.NO_SESSION_CLOSED, headline(f"no session_closed within {context.target.timeout:g} s"))


async def create_second_session(context: BridgeContext) -> Finding:
    """Create a second session on the same socket, send text, and wait for speech, requested as binary frames."""
    json_before, binary_before = context.json_audio, context.binary_audio
    options = {} if context.turn_detection else {"turnDetection": "none"}
    await context.send({"type": "create_session", "audioOut": "binary", **options})
    await wait_until_ready(context)
    await context.send({"type": "text", "text": _PROMPT}, f"{len(_PROMPT)} characters")
    await context.wait_for_audio()
    if context.binary_audio > binary_before:
        generation = evidence_of("generation", context.audit.generation)
        return AGAIN.passed("a second session, with binary audio", generation)
    if context.json_audio > json_before:
        return AGAIN.problem(bridge.BINARY_IGNORED, headline("received audio deltas instead"))
    return AGAIN.problem(bridge.NO_SPEECH_OUT, headline("a response without audio, in the second session"))


def second_session_timed_out(context: BridgeContext) -> Finding:
    """Report that the second session, or its response, didn't arrive."""
    missing = f"no session, or no response in it, within {context.target.timeout:g} s"
    return AGAIN.problem(bridge.NO_SECOND_SESSION, headline(missing))


async def close_socket(context: BridgeContext) -> Finding:
    """Wait until the bridge is quiet, close with 1000, and check that it answers with a Close frame."""
    link = context.require_link()
    quiet = await _wait_until_quiet(context)
    context.add_moment("client", "close", str(_GOOD_CLOSE))
    await link.close(_GOOD_CLOSE)
    context.closed = True
    code = getattr(link, "close_code", None)
    context.add_moment("server", "closed", str(code or "without a close frame"))
    if code in (None, 1006) and not quiet:
        return CLOSE.problem(bridge.CLOSE_UNSEEN, headline("messages kept arriving"))
    if code in (None, 1006):
        return CLOSE.problem(bridge.NO_CLOSE, headline("no Close frame in return"))
    if code != _GOOD_CLOSE:
        return CLOSE.problem(bridge.CLOSE_CODE, headline(f"closed with {code}"))
    return CLOSE.passed(f"closed with {code} by both sides")


async def _wait_until_quiet(context: BridgeContext) -> bool:
    """End an open session and receive what is still in flight. Returns False if messages keep arriving."""
    if context.target.endpoint_kind is EndpointKind.CLIENT and context.audit.session_open:
        with trio.move_on_after(min(context.target.timeout, _MAX_WAIT_SECONDS)):
            await context.send({"type": "end_session"})
            await context.wait_for("session_closed", stop_types=frozenset())
    with trio.move_on_after(_MAX_WAIT_SECONDS):
        await context.receive_until_quiet(_QUIET_SECONDS)
        return True
    return False


def close_timed_out(context: BridgeContext) -> Finding:
    """Report a missing Close frame. The link itself stops waiting after 2 s; this is for shorter timeouts."""
    context.closed = True
    return CLOSE.problem(bridge.NO_CLOSE, headline(f"no Close frame within {context.target.timeout:g} s"))


# The message audit, judged after the last message


async def check_timestamps(context: BridgeContext) -> Finding:
    """Check that every message has a valid timestamp."""
    await trio.lowlevel.checkpoint()
    if context.audit.without_timestamp:
        return TIMESTAMPS.problem(bridge.UNSTAMPED, headline(f"on {_listed(context, context.audit.without_timestamp)}"))
    return TIMESTAMPS.passed(f"UTC timestamps in ISO 8601 on all {context.audit.messages} messages")


async def check_fields(context: BridgeContext) -> Finding:
    """Check that every message has its required fields, with valid values."""
    await trio.lowlevel.checkpoint()
    if context.audit.bad_fields:
        return FIELDS.problem(bridge.FIELDS_MISSING, headline(_listed(context, context.audit.bad_fields)))
    return FIELDS.passed("all required fields are valid")


def _listed(context: BridgeContext, tally: Counter[str]) -> str:
    more = f" and {len(tally) - _MAX_NAMES} more" if len(tally) > _MAX_NAMES else ""
    return context.excerpt(", ".join(sorted(tally)[:_MAX_NAMES]) + more, 200)
