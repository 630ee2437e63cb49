"""Checks how a bridge responds to invalid messages: with one well-formed error, no flood, and in the same session.

The check sends three invalid messages at once. At the client endpoint the bridge must send one error immediately, and
one more after the throttle window of 2 s, whose `suppressed` field counts the errors that it stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bridge.client_protocol.errors import ERROR_WINDOW_SECONDS
from bridge.transport.link import LinkClosed
from probes.bridge.context import SessionStopped
from probes.bridge.lost_connection import idle_limit
from probes.bridge.refusals import connection_closed
from probes.bridge.session import send_ping
from probes.problems import bridge
from probes.runner.findings import CheckRow, headline
from probes.runner.idle_cut import idle_cut_finding
from probes.runner.network_checks import proxy_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.bridge.context import BridgeContext
    from reports.model import Finding

ERRORS = CheckRow("bridge", "errors")

#: An error this shortly before the end of the window counts as after it, because of clock and network differences.
_SLACK_SECONDS = 0.25
#: After the window, the error for the suppressed ones must arrive within this time.
_LATER_SECONDS = 2.0
#: Messages that mean that the session has ended, perhaps because of the invalid message.
_LOST = frozenset({"reconnecting", "session_closed"})
_BAD = (
    ("this is no JSON", "(invalid JSON)"),
    ('{"type": "no_such_message"}', "(an unknown type)"),
    ('{"text": "no type"}', "(no type)"),
)

#: What an error for an invalid message must hold: field, check, and what the check expects.
_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "code": (lambda value: value == "INVALID_MESSAGE", "INVALID_MESSAGE"),
    "message": (lambda value: isinstance(value, str) and bool(value.strip()), "a sentence"),
    "retryable": (lambda value: value is False, "false"),
    "suppressed": (lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0, "a number"),
}


async def send_bad_messages(context: BridgeContext) -> Finding:
    """Send three invalid messages and collect the errors until one window after the first."""
    try:
        return await _provoke(context)
    except LinkClosed as closed:
        return await closed_by_error(context, closed)


async def closed_by_error(context: BridgeContext, closed: LinkClosed) -> Finding:
    """Report that the socket closed: because of an invalid message, or by a proxy, for what was not sent after it."""
    context.closed = True
    limit = await idle_limit(context, closed)
    if limit:
        return idle_cut_finding(ERRORS, limit, *proxy_evidence(context.target))
    if limit is None:  # the message, or the pause after it
        return connection_closed(ERRORS, context.target, closed)
    return ERRORS.problem(bridge.ERROR_FATAL, headline(context.excerpt(f"the bridge closed the socket: {closed}", 200)))


async def _provoke(context: BridgeContext) -> Finding:
    before = context.audit.generation
    for text, what in _BAD:
        await context.send_raw(text, what)
    first = await _first_error(context)
    wrong = _malformed(first)
    if wrong:
        return ERRORS.problem(bridge.ERROR_MALFORMED, headline(context.excerpt(wrong, 200)))
    others = await _errors_for(context, ERROR_WINDOW_SECONDS - _SLACK_SECONDS)
    if others:
        return ERRORS.problem(
            bridge.ERROR_FLOOD, headline(f"{1 + len(others)} errors within {ERROR_WINDOW_SECONDS:g} s")
        )
    return await _check_suppressed(context, first, before)


async def _first_error(context: BridgeContext) -> Mapping[str, Any]:
    """Wait for the error about the invalid messages; errors from the service are about something else."""
    while True:
        error = await context.wait_for("error", stop_types=_LOST)
        if error.get("code") != "UPSTREAM_ERROR":
            return error


async def _check_suppressed(context: BridgeContext, first: Mapping[str, Any], generation: int) -> Finding:
    """Wait for the error that counts the suppressed ones, then check that the session is still open."""
    due = len(_BAD) - 1 - _suppressed(first)
    later = await _errors_for(context, _SLACK_SECONDS + _LATER_SECONDS, enough=1) if due > 0 else []
    reported = sum(1 + _suppressed(error) for error in later)
    if reported < due:
        shown = headline(f"{len(_BAD)} invalid messages, but only {len(_BAD) - due + reported} reported")
        return ERRORS.problem(bridge.ERRORS_FORGOTTEN, shown)
    if context.answers_pings:
        await send_ping(context)
    if context.audit.generation != generation:
        return ERRORS.problem(bridge.ERROR_FATAL, headline("the bridge opened a new session"))
    return ERRORS.passed(f"1 error at once, 1 for the other {due} after {ERROR_WINDOW_SECONDS:g} s")


async def _errors_for(context: BridgeContext, seconds: float, enough: int = 100) -> list[Mapping[str, Any]]:
    """Collect errors for this many seconds, or until there are `enough`."""
    errors: list[Mapping[str, Any]] = []
    with trio.move_on_after(seconds):
        while len(errors) < enough:
            event = (await context.receive()).event
            if event.get("type") in _LOST:
                raise SessionStopped(event)
            if event.get("type") == "error":
                errors.append(event)
    return errors


def _malformed(error: Mapping[str, Any]) -> str:
    """Describe the fields that are missing or invalid; empty if all are fine."""
    wrong = ((name, wanted) for name, (fits, wanted) in _FIELDS.items() if not fits(error.get(name)))
    return "; ".join(f"{name} {_actual(error, name)}, expected {wanted}" for name, wanted in wrong)


def _actual(error: Mapping[str, Any], name: str) -> str:
    return f"is {error[name]!r:.40}" if name in error else "is missing"


def _suppressed(error: Mapping[str, Any]) -> int:
    number = error.get("suppressed")
    return number if isinstance(number, int) and not isinstance(number, bool) else 0


def errors_timed_out(context: BridgeContext) -> Finding:
    """Report that no error, or no pong after it, arrived."""
    return ERRORS.problem(bridge.ERROR_SWALLOWED, headline(f"no response within {context.target.timeout:g} s"))
