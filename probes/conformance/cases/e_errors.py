"""Group E: which errors a client sees, how they look, and how many."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS
from probes.conformance.case import Group
from probes.conformance.verdict import check, inconclusive

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient

GROUP = Group("E", "Errors and the throttle")
_ERRORS, _THROTTLE = "Errors", "Errors: throttle"
_WINDOW: Final = 2.0
#: How much shorter a window may look at the client: the first error may have been under way longer than the second.
_JITTER: Final = 0.3
_STORM: Final = 20


@GROUP.case(
    1,
    "Tells the client about an error of the upstream",
    section="Errors: UPSTREAM_ERROR",
    expects="An `error` event becomes `error` UPSTREAM_ERROR, with the native object in `detail.upstream`.",
    matters="A swallowed error looks like an assistant that does not answer.",
)
async def upstream_error(context: CaseContext) -> None:
    """Lets the upstream send an `error` event in a ready session."""
    client = await context.ready()
    context.upstream.sessions[0].send_error("invalid_value", "The suite's own words.")
    error = await client.expect("error", expected="`error` UPSTREAM_ERROR for the `error` event of the upstream")
    check(error.code == "UPSTREAM_ERROR", expected="`error` UPSTREAM_ERROR", seen=error.shown_code)
    detail = error.body.get("detail")
    native = detail.get("upstream") if isinstance(detail, dict) else None
    check(
        "The suite's own words." in str(native) and "invalid_value" in str(native),
        expected="the native error object in `detail.upstream`",
        seen=f"detail {detail!r}"[:200],
    )


@GROUP.case(
    2,
    "Tells the client about a response that failed",
    section="Errors: UPSTREAM_ERROR",
    expects="`response.done` with status `failed` comes without an `error` event; the bridge sends `error` for it.",
    matters="The most frequent failure of the service would be silence.",
)
async def failed_response(context: CaseContext) -> None:
    """Types; the response fails in `response.done`, without an `error` event."""
    context.upstream.plan(["reply:how=fail"])
    client = await context.ready()
    await client.send("text", text="Will this fail?")
    error = await client.expect("error", expected="an `error` for the response with status `failed`")
    check(error.code in ("UPSTREAM_ERROR", "RATE_LIMITED"), expected="`error` UPSTREAM_ERROR", seen=error.shown_code)


@GROUP.case(
    3,
    "Sends errors with all their fields",
    section="Messages from the bridge: error",
    expects="`error` has code, message, retryable (true or false) and suppressed (a number).",
    matters="Clients decide by `retryable` whether to try again, and by `code` what to say.",
)
async def error_fields(context: CaseContext) -> None:
    """Provokes errors of two kinds."""
    client = await context.connect()
    await client.send_text("no JSON")
    error = await client.expect("error")
    body = error.body
    check(isinstance(body.get("code"), str) and body["code"], expected="`code`, a text", seen=f"{body.get('code')!r}")
    check(body.get("message"), expected="`message`, a sentence", seen=f"{body.get('message')!r}")
    retryable, suppressed = body.get("retryable"), body.get("suppressed")
    check(isinstance(retryable, bool), expected="`retryable`, true or false", seen=f"{retryable!r}")
    check(
        isinstance(suppressed, int) and not isinstance(suppressed, bool),
        expected="`suppressed`, a whole number",
        seen=f"{suppressed!r}",
    )


async def _storm(context: CaseContext) -> BridgeClient:
    client = await context.ready()
    session = context.upstream.sessions[0]
    for _ in range(_STORM):
        session.send_error("invalid_value")
    return client


@GROUP.case(
    4,
    "Lets at most one error through in two seconds",
    section=_THROTTLE,
    expects="A client gets at most one `error` in any window of 2 s, the first one at once.",
    matters="A storm of errors freezes user interfaces and fills logs.",
    seconds=4.0,
)
async def throttles(context: CaseContext) -> None:
    """Lets the upstream send 20 errors at once, and some more for the next two seconds."""
    client = await _storm(context)
    session = context.upstream.sessions[0]
    for _ in range(25):
        await context.sleep(0.1)
        session.send_error("invalid_value")
    await client.ping_pong()
    times = [said.at for said in client.errors]
    check(times, expected="the first error at once", seen="no error")
    gaps = [after - before for before, after in itertools.pairwise(times)]
    check(
        min(gaps, default=_WINDOW) >= _WINDOW - _JITTER,
        expected="2 s between two errors",
        seen=f"{len(times)} errors, two of them {min(gaps, default=0):.2f} s apart",
    )


@GROUP.case(
    5,
    "Counts the errors that it holds back",
    section=_THROTTLE,
    expects="When the window opens, one of those held back goes out; `suppressed` says how many others it stands for.",
    matters="An error that vanishes is one that nobody mends.",
    seconds=4.0,
)
async def counts_suppressed(context: CaseContext) -> None:
    """Lets the upstream send 20 errors at once."""
    client = await _storm(context)
    first = await client.expect("error", expected=f"the first of the upstream's {_STORM} errors")
    second = await client.expect(
        "error", after=first, within=_WINDOW + 3, expected="an `error` for those held back, when the window opens"
    )
    counts = [said.body.get("suppressed") for said in (first, second)]
    check(
        all(isinstance(count, int) for count in counts),
        expected="`suppressed`, a whole number, in each error",
        seen=f"{counts[0]!r} and {counts[1]!r}",
    )
    told = 2 + int(first.number("suppressed")) + int(second.number("suppressed"))
    check(
        told == _STORM,
        expected=f"errors and `suppressed` add up to the {_STORM} errors of the upstream",
        seen=f"they add up to {told} (suppressed: {first.number('suppressed'):g} and {second.number('suppressed'):g})",
    )


@GROUP.case(
    6,
    "Sends the most severe of the errors that it held back",
    section=_THROTTLE,
    expects="Not-retryable beats retryable, later beats earlier.",
    matters="The one that the client must act upon drowns among those that pass.",
    seconds=4.0,
)
async def most_severe(context: CaseContext) -> None:
    """Provokes NO_SESSION_EXISTS twice, INVALID_MESSAGE twice, and NO_SESSION_EXISTS again, all at once."""
    client = await context.connect()
    await client.send("text", text="first")
    first = await client.expect("error")
    await client.send("text", text="second")
    await client.send_text("no JSON")
    await client.send("no_such_type_17")
    await client.send("text", text="third")
    held = await client.expect(
        "error", after=first, within=_WINDOW + 3, expected="an `error` for those held back, when the window opens"
    )
    check(
        held.code == "INVALID_MESSAGE",
        expected="INVALID_MESSAGE, the one that is not retryable",
        seen=held.shown_code,
    )
    message = str(held.body.get("message"))
    check(
        "no_such_type_17" in message,
        expected="the later of two that are not retryable: that about the type `no_such_type_17`",
        seen=message[:120],
    )


@GROUP.case(
    7,
    "Always tells the error that ends a session",
    section=_THROTTLE,
    expects="An error that ends the session reaches the client, whatever went out before.",
    matters="Without it the client waits for a session that will not come.",
    seconds=4.0,
)
async def ending_error(context: CaseContext) -> None:
    """Provokes an error, and lets the session fail right behind it."""
    context.upstream.plan(["refuse:code=invalid_api_key"])
    client = await context.connect()
    await client.send_text("no JSON")
    await client.expect("error")
    await client.send("create_session")
    await client.expect(
        "error",
        where=lambda said: said.code == "AUTHENTICATION_FAILED",
        within=READY_SECONDS,
        expected="`error` AUTHENTICATION_FAILED, although another error went out a moment before",
    )


async def harmless(context: CaseContext, *, code: str) -> None:
    """Let the upstream send an error that is known to be harmless."""
    client = await context.ready()
    context.upstream.sessions[0].send_error(code)
    context.upstream.sessions[0].send({"type": "suite.behind", "event_id": "event_behind"})
    await client.expect("suite.behind")
    check(not client.errors, expected=f"{code} is not shown: it is harmless", seen=client.describe())


for number, code in enumerate(("response_cancel_not_active", "conversation_already_has_active_response"), 8):
    GROUP.add(
        number,
        f"Does not show {code}",
        partial(harmless, code=code),
        section="Session life 6: turns",
        does=f"Lets the upstream send `error` {code}.",
        expects="Upstream errors that are known to be harmless are logged and counted, not shown.",
        matters="They come with every barge-in; users would be told of a fault that is none.",
    )


@GROUP.case(
    10,
    "Keeps the session after an error",
    section=_ERRORS,
    expects="An error event of the upstream does not end the session, nor does a bad message of the client.",
    matters="One wrong field would end a call.",
)
async def session_survives(context: CaseContext) -> None:
    """Provokes an error from both sides, then types and waits for the answer."""
    client = await context.ready()
    context.upstream.sessions[0].send_error("invalid_value")
    await client.send_text("no JSON")
    await client.expect("error")
    await client.send("text", text="Are you still there?")
    await client.expect("response.done", within=10.0, expected="the session goes on after the errors, with an answer")
    sessions = len(context.upstream.sessions)
    check(sessions == 1, expected="the same upstream session", seen=f"{sessions} sessions")


async def unreadable(context: CaseContext, *, text: str) -> None:
    """Let the upstream send a frame that is no event, then an event."""
    client = await context.ready()
    session = context.upstream.sessions[0]
    session.send_text(text)
    session.send({"type": "suite.behind", "event_id": "event_behind"})
    await client.expect("suite.behind", expected="events behind an unreadable frame of the upstream reach the client")
    bad = [said for said in client.received if isinstance(said.raw, str) and said.raw == text]
    check(not bad, expected="what is no event is not forwarded", seen=f"the client received {text[:40]!r}")


for number, (what, text) in enumerate(
    (("an HTML page", "<html>502 Bad Gateway</html>"), ("a list", "[1, 2]"), ("a cut event", '{"type":"response.don')),
    11,
):
    GROUP.add(
        number,
        f"Survives {what} instead of an event",
        partial(unreadable, text=text),
        section="Messages from the bridge",
        does=f"Lets the upstream send {what} as a text frame, and an event behind it.",
        expects="It is not forwarded as an event, and the session goes on.",
        matters="A gateway that hiccups would end the call, or crash the client's parser.",
    )


@GROUP.case(
    14,
    "Answers its client in the middle of a storm of errors",
    section=_THROTTLE,
    expects="While the upstream sends 200 errors a second, the client is answered as ever.",
    matters="An error loop upstream must not look like a dead bridge.",
    seconds=3.0,
)
async def storm(context: CaseContext) -> None:
    """Lets the upstream send 200 errors a second for a second, and pings."""
    context.upstream.plan(["storm:per-second=200"])
    client = await context.ready()
    started = context.now
    for _ in range(10):
        await context.sleep(0.1)
        await client.ping_pong()
    errors, seconds = len(client.errors), context.now - started
    # One at each end of a window; on a busy machine this takes several.
    most = 2 + int(seconds / _WINDOW)
    check(errors <= most, expected="at most one error in 2 s", seen=f"{errors} errors in {seconds:.1f} s")


@GROUP.case(
    15,
    "Names a rate limit as such",
    section="Errors: RATE_LIMITED",
    expects="A response that fails for a rate limit becomes an `error` that is retryable.",
    matters="The client can wait and ask again; without that, users repeat themselves at once.",
)
async def rate_limited(context: CaseContext) -> None:
    """Types; the response fails with a rate limit."""
    context.upstream.plan(["reply:how=fail,code=inference_rate_limit_exceeded"])
    client = await context.ready()
    await client.send("text", text="Too much?")
    error = await client.expect("error", expected="an `error` for the response that failed for a rate limit")
    check(error.code in ("RATE_LIMITED", "UPSTREAM_ERROR"), expected="`error` RATE_LIMITED", seen=error.shown_code)
    if error.body.get("retryable") is not True:
        context.non_strict("a rate limit is retryable", f"retryable {error.body.get('retryable')!r}")


@GROUP.case(
    16,
    "Never shows its key",
    section="Errors",
    expects="No message holds the key of the bridge, whatever the upstream says.",
    matters="A key in an error message is in every browser, and in the logs of everybody who helps.",
    seconds=6.0,
)
async def no_key(context: CaseContext) -> None:
    """Refuses the key, with an upstream that repeats it, and reads all that the client receives."""
    context.upstream.plan(["refuse:code=invalid_api_key"], [])
    client = await context.connect()
    await client.send("create_session")
    await client.expect("error", within=READY_SECONDS)
    key = context.upstream.dials[0].headers.get("authorization", "").rpartition(" ")[2]
    if not key:
        inconclusive("the bridge sends its key in another way than `Authorization`, so the suite does not know it")
    await client.send("create_session")
    await client.expect("session_ready", within=READY_SECONDS)
    context.upstream.sessions[-1].send_error("some_error", f"Refused: Authorization: Bearer {key}")
    await client.expect("error", where=lambda said: said.code == "UPSTREAM_ERROR", within=_WINDOW + 3)
    shown = [said.type for said in client.received if key in str(said.body)]
    check(not shown, expected="no message with the key", seen=f"it is in {', '.join(sorted(set(shown)))}")
