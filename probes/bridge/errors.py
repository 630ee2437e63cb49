"""What a bridge does with messages that nobody can understand: one well-formed error, no flood, a session that lives.

Three bad ones go out at once. At the client door one error comes at once and one more when the window of two seconds
is over, with how many it stands for; whoever forgets the third is told so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bridge.transport.link import LinkClosed
from probes.bridge.context import SessionStopped
from probes.bridge.session import send_ping
from probes.problems import bridge
from probes.runner.findings import CheckRow, headline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.bridge.context import BridgeContext
    from reports.model import Finding

ERRORS = CheckRow("bridge", "errors")

#: The client protocol's window: in any two seconds one error at the most.
WINDOW_SECONDS = 2.0
#: Clocks and ways differ: an error that comes this shortly before the window's end counts as behind it.
_SLACK_SECONDS = 0.25
#: Behind the window, the error for those held back comes within this.
_LATER_SECONDS = 2.0
#: What may come between without being an answer, and says that the session is gone.
_LOST = frozenset({"reconnecting", "session_closed"})
_BAD = (
    ("this is no JSON", "(text that is no JSON)"),
    ('{"type": "no_such_message"}', "(an unknown type)"),
    ('{"text": "no type"}', "(no type)"),
)

#: What an error of the client protocol must have.
_FIELDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "code": (lambda value: value == "INVALID_MESSAGE", "INVALID_MESSAGE"),
    "message": (lambda value: isinstance(value, str) and bool(value.strip()), "a sentence"),
    "retryable": (lambda value: value is False, "false"),
    "suppressed": (lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0, "a number"),
}


async def send_bad_messages(context: BridgeContext) -> Finding:
    """Send three bad messages and watch what comes, until the window has opened once more."""
    try:
        return await _provoke(context)
    except LinkClosed as closed:
        return closed_by_error(context, closed)


def closed_by_error(context: BridgeContext, closed: LinkClosed) -> Finding:
    """The socket ended in answer to a bad message."""
    context.closed = True
    return ERRORS.problem(bridge.ERROR_FATAL, headline(context.excerpt(f"the socket was closed: {closed}", 200)))


async def _provoke(context: BridgeContext) -> Finding:
    before = context.audit.generation
    for text, what in _BAD:
        await context.send_raw(text, what)
    first = await _first_error(context)
    wrong = _malformed(first)
    if wrong:
        return ERRORS.problem(bridge.ERROR_MALFORMED, headline(context.excerpt(wrong, 200)))
    others = await _errors_for(context, WINDOW_SECONDS - _SLACK_SECONDS)
    if others:
        told = f"{1 + len(others)} errors within {WINDOW_SECONDS:g} s"
        return ERRORS.problem(bridge.ERROR_FLOOD, headline(told))
    return await _the_rest(context, first, before)


async def _first_error(context: BridgeContext) -> Mapping[str, Any]:
    """Wait for the answer to the bad messages; what the service says meanwhile is none."""
    while True:
        error = await context.wait_for("error", stop_types=_LOST)
        if error.get("code") != "UPSTREAM_ERROR":
            return error


async def _the_rest(context: BridgeContext, first: Mapping[str, Any], generation: int) -> Finding:
    """Wait for the error that stands for those held back, and see that the session is still there."""
    due = len(_BAD) - 1 - _suppressed(first)
    later = await _errors_for(context, _SLACK_SECONDS + _LATER_SECONDS, enough=1) if due > 0 else []
    told = sum(1 + _suppressed(error) for error in later)
    if told < due:
        shown = headline(f"{len(_BAD)} errors were due, {len(_BAD) - due + told} are accounted for")
        return ERRORS.problem(bridge.ERRORS_FORGOTTEN, shown)
    if context.answers_pings:
        await send_ping(context)
    if context.audit.generation != generation:
        return ERRORS.problem(bridge.ERROR_FATAL, headline("the session was opened anew"))
    return ERRORS.passed(f"one at once, for the other {due} one {WINDOW_SECONDS:g} s later")


async def _errors_for(context: BridgeContext, seconds: float, enough: int = 100) -> list[Mapping[str, Any]]:
    """Collect the errors that come within this time, or until there are enough."""
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
    """Say which fields are not what they must be; empty where all are."""
    wrong = ((name, wanted) for name, (fits, wanted) in _FIELDS.items() if not fits(error.get(name)))
    return "; ".join(f"{name} {_said(error, name)}, not {wanted}" for name, wanted in wrong)


def _said(error: Mapping[str, Any], name: str) -> str:
    return f"is {error[name]!r:.40}" if name in error else "is missing"


def _suppressed(error: Mapping[str, Any]) -> int:
    number = error.get("suppressed")
    return number if isinstance(number, int) and not isinstance(number, bool) else 0


def errors_timed_out(context: BridgeContext) -> Finding:
    """No error, or no pong behind it."""
    late = headline(f"no answer within {context.target.timeout:g} s")
    return ERRORS.problem(bridge.ERROR_SWALLOWED, late)
