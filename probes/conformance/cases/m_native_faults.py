"""Group M, continued: refusals, losses, bad events and ends."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS
from probes.conformance.cases.m_native import GROUP, ask
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

_SECTION: Final = "The native endpoint"
_ANSWER: Final = 10.0
_TOOL: Final = {"type": "function", "name": "find_loan", "description": "Finds.", "parameters": {"type": "object"}}
_ERROR_FIELDS: Final = ("type", "message")
_NO_DETECTION: Final = {"audio": {"input": {"turn_detection": None}}}


async def leaves(context: CaseContext, *, drop: bool) -> None:
    """Let a client leave in the middle of an answer."""
    context.upstream.plan(["pace:times=1"])
    client = await context.native_ready()
    await ask(client, "Tell me a story.")
    await client.expect("response.output_audio.delta", within=_ANSWER)
    await (client.drop() if drop else client.close())
    await context.waiter.until(
        lambda: not context.upstream.open_sessions,
        expected="the upstream socket is closed soon after the client has left",
        seen="it is open",
    )


for number, (drop, what) in enumerate(((False, "closes its socket"), (True, "loses its connection")), 9):
    GROUP.add(
        number,
        f"Closes the upstream session when its client {what}",
        partial(leaves, drop=drop),
        section="Session life 9: end",
        does=f"Connects and asks for an answer; the client {what} in the middle of it.",
        expects="The upstream session ends within a second.",
        matters="A forgotten session costs money for an hour.",
    )


@GROUP.case(
    11,
    "Asks the upstream for the client's model",
    section=_SECTION,
    expects="`?model=` of the client is the model of the upstream session.",
    matters="Another model has another price and another voice.",
)
async def passes_model(context: CaseContext) -> None:
    """Connects with another model."""
    client = await context.native("?model=gpt-realtime-mini")
    await client.expect("session.created", within=READY_SECONDS)
    model = context.upstream.dials[-1].query.get("model")
    check(model == "gpt-realtime-mini", expected="the upstream is asked for gpt-realtime-mini", seen=f"for {model!r}")


async def refused(context: CaseContext, *, codes: tuple[str, str], close: int) -> None:
    """Let the upstream refuse the session."""
    upstream_code, bridge_code = codes
    context.upstream.plan([f"refuse:code={upstream_code}"])
    client = await context.native()
    end = await client.ended(expected="the client is told that the session is refused", within=READY_SECONDS)
    told = [said for said in client.of_type("error") if any(code in str(said.body).lower() for code in codes)]
    check(
        told or (end.code == close and upstream_code in end.reason),
        expected=f"an `error` event with code {upstream_code} or {bridge_code}, or close {close} with it",
        seen=client.describe(),
    )
    if not told:
        context.non_strict("an `error` event before the end", client.describe())
    own = [said.body.get("error") for said in told if bridge_code in str(said.body).lower()]
    wrong = [error for error in own if not isinstance(error, dict) or error.get("type") != "bridge_error"]
    check(not wrong, expected=f"the bridge's own error {bridge_code} as `bridge_error`", seen=f"{wrong[:1]}")


_REFUSALS: Final = (
    (("invalid_api_key", "authentication_failed"), 3000),
    (("model_not_found", "model_not_available"), 4004),
    (("insufficient_quota", "quota_exhausted"), 1013),
)
for number, (codes, close) in enumerate(_REFUSALS, 12):
    GROUP.add(
        number,
        f"Passes on the refusal {codes[0]}",
        partial(refused, codes=codes, close=close),
        section=_SECTION,
        does=f"Connects; the upstream refuses with `error` {codes[0]} and close {close}.",
        expects=f"The client receives an `error` event with {codes[0]} or {codes[1]}, and the end of the connection.",
        matters="A connection that just ends says nothing about what to mend.",
        seconds=2.0,
    )


@GROUP.case(
    15,
    "Does not leave a client in silence when the session is lost",
    section=_SECTION,
    expects="A lost session shows as one more `session.updated`, or the connection ends; it never just goes silent.",
    matters="An SDK that is not told waits for ever.",
    seconds=4.0,
)
async def lost(context: CaseContext) -> None:
    """Drops the upstream connection in a configured session, and has a turn afterwards if the client is still there."""
    client = await context.native_ready(instructions="Be the suite.")
    last = client.last
    context.upstream.sessions[-1].drop()
    await context.waiter.until(
        lambda: client.end or client.of_type("session.updated", after=last),
        expected="one more `session.updated`, or the end of the connection",
        seen=lambda: client.describe(last),
        within=20.0,
    )
    if client.end is not None:
        context.non_strict("a fresh session behind the same connection", f"the connection ended: {client.end}")
        return
    await ask(client, "Are you still there?")
    await client.expect("response.done", after=last, within=_ANSWER)


@GROUP.case(
    16,
    "Loses no word of a sentence to a dropped connection",
    section=_SECTION,
    expects="If the bridge reconnects, the fresh session receives the whole sentence.",
    matters="Half of a sentence means something else.",
    seconds=4.0,
)
async def lost_in_sentence(context: CaseContext) -> None:
    """Drops the upstream connection in the middle of a sentence that is appended."""
    client = await context.native_ready(**_NO_DETECTION)
    await client.append(400)
    await context.heard(client)
    last = client.last
    context.upstream.sessions[-1].drop()
    await context.waiter.until(
        lambda: client.end or client.of_type("session.updated", after=last),
        expected="one more `session.updated`, or the end of the connection",
        seen=lambda: client.describe(last),
        within=20.0,
    )
    if client.end is not None:
        context.non_strict("a fresh session behind the same connection", f"the connection ended: {client.end}")
        return
    await client.append(200)
    await context.heard_in_newest(client)
    context.check_speech(client)


async def bad_event(context: CaseContext, *, frame: str | bytes) -> None:
    """Send a frame that is no event, then have a turn."""
    client = await context.native_ready()
    await (client.send_text(frame) if isinstance(frame, str) else client.send_bytes(frame))
    await context.waiter.until(lambda: client.errors or client.end, expected="an `error` event", seen=client.describe)
    if client.end is not None:
        context.non_strict("an `error` event, and the session goes on", f"the connection ended: {client.end}")
        return
    error = client.errors[0].body.get("error")
    check(
        isinstance(error, dict) and error.get("message") and _is_type(error.get("type")),
        expected="`error` in the shape of the API: `error` with a message, and a type such as `bridge_error`",
        seen=f"{dict(client.errors[0].body)!r}"[:200],
    )
    await ask(client, "Hello.")
    await client.expect("response.done", within=_ANSWER)


def _is_type(value: object) -> bool:
    """Whether it has the form of the API's error types: `invalid_request_error`."""
    return isinstance(value, str) and value == value.lower() and bool(value)


_BAD: Final[tuple[tuple[str, str | bytes], ...]] = (
    ("text that is no JSON", "hello"),
    ("an object without a type", "{}"),
    ("an unknown type", '{"type":"make.coffee"}'),
    ("a binary frame", b"\0" * 960),
)
for number, (what, frame) in enumerate(_BAD, 17):
    GROUP.add(
        number,
        f"Answers {what} with an error, and goes on",
        partial(bad_event, frame=frame),
        section=_SECTION,
        does=f"Sends {what}, then has a turn.",
        expects="An `error` event, and the session goes on, as with the API itself.",
        matters="One bad event must not end a call.",
    )
