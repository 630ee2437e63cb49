"""Group J: the end of life, and what is left behind."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS, SOON
from probes.conformance.case import Group, Need
from probes.conformance.verdict import check, fail, not_applicable

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient
    from probes.conformance.tested.process import BridgeProcess

GROUP = Group("J", "End of life and leaks")
_END = "Session life 9: end"
#: The contract says a second; a busy machine may take a little longer.
_LEAVES_WITHIN: Final = 3.0
_STRICT: Final = 1.5
_DRAIN: Final = 60.0
_CYCLES: Final = 25
_SERVICE_UNAVAILABLE: Final = 503


async def _leave(client: BridgeClient, how: str) -> None:
    match how:
        case "close":
            await client.close()
        case "close 1001":
            await client.close(1001)
        case "drop":
            await client.drop()
        case _:
            await client.drop(reset=True)


async def _until_closed(context: CaseContext, *, after: str = "the client has left") -> None:
    left = context.now
    if await context.waiter.holds(lambda: not context.upstream.open_sessions, within=_STRICT):
        return
    await context.waiter.until(
        lambda: not context.upstream.open_sessions,
        expected=f"the upstream socket is closed within a second after {after}",
        seen=lambda: f"{len(context.upstream.open_sessions)} upstream sockets still open after {_LEAVES_WITHIN:g} s",
        within=_LEAVES_WITHIN - _STRICT,
    )
    context.non_strict("closed within a second", f"closed after {context.now - left:.1f} s")


async def leaves(context: CaseContext, *, how: str) -> None:
    """Let a client with a session leave."""
    client = await context.ready()
    await client.speak(100)
    await context.heard(client)
    await _leave(client, how)
    await _until_closed(context)


for number, (how, what) in enumerate(
    (
        ("close", "closes its socket"),
        ("close 1001", "leaves the page (close 1001)"),
        ("drop", "loses its connection"),
        ("reset", "is reset"),
    ),
    1,
):
    GROUP.add(
        number,
        f"Closes the upstream session when its client {what}",
        partial(leaves, how=how),
        section=_END,
        does=f"Creates a session and speaks; the client {what}.",
        expects="The upstream session ends within a second.",
        matters="A forgotten session costs money for an hour, and counts against the limit of sessions.",
    )


@GROUP.case(
    5,
    "Opens no session for a client that has left while it was starting",
    section=_END,
    expects="A client that leaves during the initialization leaves no upstream socket.",
    matters="Impatient users reload: each reload would leave a session.",
    seconds=3.0,
)
async def leaves_early(context: CaseContext) -> None:
    """Leaves while the upstream takes 1 s to create the session."""
    context.upstream.plan(["create:seconds=1"])
    client = await context.connect()
    await client.send("create_session")
    await context.session(1)
    await client.close()
    await context.sleep(1.2)
    await _until_closed(context)


@GROUP.case(
    6,
    "Closes the upstream session in the middle of an answer",
    section=_END,
    expects="A client that leaves during an answer leaves no upstream socket.",
    matters="The answer is produced, and paid, to its end for nobody.",
)
async def leaves_during_answer(context: CaseContext) -> None:
    """Drops the connection while a long answer comes."""
    context.upstream.plan(["pace:times=1"])
    client = await context.ready()
    await client.send("text", text="Tell me a story.")
    await client.expect("response.output_audio.delta", within=10.0)
    await client.drop()
    await _until_closed(context)


@GROUP.case(
    7,
    "Closes the upstream session on `end_session`",
    section="Messages from the client: end_session",
    expects="The upstream socket closes within a second, with a close frame.",
    matters="The user has hung up.",
)
async def ends_session(context: CaseContext) -> None:
    """Ends the session, and looks at the upstream socket."""
    client = await context.ready()
    await client.send("end_session")
    await client.expect("session_closed")
    await _until_closed(context, after="the client has ended its session")
    record = context.upstream.sessions[0].connection.record
    if record.close_code is None:
        context.non_strict("a close frame to the upstream", "TCP ended without one")


@GROUP.case(
    8,
    "Leaves nothing behind after many short calls",
    section=_END,
    expects=f"After {_CYCLES} calls, ended in different ways, no upstream socket is open.",
    matters="A leak of one in a hundred ends a bridge within a day.",
    seconds=3.0,
)
async def many_calls(context: CaseContext) -> None:
    """Makes 25 short calls, each ended in another way."""
    ways = ("close", "drop", "reset", "close 1001")
    for number in range(_CYCLES):
        client = await context.ready()
        await client.speak(40)
        await _leave(client, ways[number % len(ways)])
    await _until_closed(context)
    opened = len(context.upstream.sessions)
    check(opened == _CYCLES, expected=f"{_CYCLES} upstream sessions for {_CYCLES} calls", seen=f"{opened}")


@GROUP.case(
    9,
    "Leaves nothing behind after failed attempts",
    section=_END,
    expects="Sockets of attempts that failed are closed.",
    matters="An outage would use up the bridge's file descriptors.",
    seconds=2.0,
)
async def failed_attempts(context: CaseContext) -> None:
    """Lets the configuration be refused, then the key, and looks at the open sockets."""
    context.upstream.plan(["confirm:how=refuse"], ["refuse:code=invalid_api_key"])
    client = await context.connect()
    for _ in range(2):
        last = client.last
        await client.send("create_session")
        await client.expect("error", after=last, within=READY_SECONDS)
    await _until_closed(context, after="its attempt has failed")


def _process(context: CaseContext) -> BridgeProcess:
    if context.process is None:
        not_applicable("it ends the bridge: the suite must start it (--start)")
    return context.process


@GROUP.case(
    10,
    "Ends soon after SIGTERM when it has no clients",
    section=_END,
    expects="Without clients nothing keeps the bridge from ending.",
    matters="Deploys wait for it; after the grace time the orchestrator kills it.",
    needs=frozenset({Need.OWN_PROCESS}),
    seconds=4.0,
)
async def terminates(context: CaseContext) -> None:
    """Sends SIGTERM to a bridge that had one client."""
    process = _process(context)
    client = await context.ready()
    await client.close()
    await _until_closed(context)
    process.signal(signal.SIGTERM)
    await context.waiter.until_polled(
        lambda: not process.is_running, expected="the bridge ends within 10 s", seen="it still runs", within=10.0
    )


@GROUP.case(
    11,
    "Drains on SIGTERM: tells running clients, and goes",
    section=_END,
    expects="A running session gets up to the grace time, then `session_closed` `draining` and close 1001.",
    matters="Without a word clients take a deploy for a crash, and all come back at once.",
    needs=frozenset({Need.OWN_PROCESS}),
    seconds=15.0,
)
async def drains(context: CaseContext) -> None:
    """Sends SIGTERM while a session is live, and waits for its end."""
    process = _process(context)
    client = await context.ready()
    process.signal(signal.SIGTERM)
    await context.waiter.until_polled(
        lambda: client.end,
        expected="the bridge ends the socket within the grace time",
        seen="it is open",
        within=_DRAIN,
    )
    closed = client.of_type("session_closed")
    check(
        closed and closed[-1].body.get("reason") == "draining",
        expected="`session_closed` with reason `draining` before the end",
        seen=client.describe(),
    )
    code = client.end.code if client.end else None
    check(code == 1001, expected="close 1001", seen=str(client.end))  # noqa: PLR2004 - going away
    await context.waiter.until_polled(
        lambda: not process.is_running, expected="the bridge ends", seen="it still runs", within=_DRAIN
    )


@GROUP.case(
    12,
    "Takes no new sessions while it drains",
    section=_END,
    expects="While it drains, `/readyz` answers 503, and a new client gets no session.",
    matters="A balancer goes on sending clients to a bridge that is about to end.",
    needs=frozenset({Need.OWN_PROCESS}),
    seconds=15.0,
)
async def refuses_while_draining(context: CaseContext) -> None:
    """Sends SIGTERM while an answer is being spoken, asks for `/readyz`, and connects."""
    context.upstream.plan(["pace:times=1"])
    process = _process(context)
    client = await context.ready()
    await client.send("text", text="Tell me a story.")
    await client.expect("response.output_audio.delta", within=10.0)
    process.signal(signal.SIGTERM)
    await context.sleep(0.5)
    if client.end is not None:
        fail("a running session gets up to the grace time", f"it was ended at once: {client.end}")
    dials = len(context.upstream.dials)
    if await context.connector.accepts_connections():
        answer = await context.connector.http("GET", "/readyz")
        check(
            answer.status_code != 200,  # noqa: PLR2004 - OK
            expected="`/readyz` answers 503",
            seen=f"HTTP {answer.status_code}",
        )
        if answer.status_code != _SERVICE_UNAVAILABLE:
            context.non_strict("`/readyz` answers 503", f"HTTP {answer.status_code}")
        other = await context.connector.upgrade()
        if hasattr(other, "send"):
            await other.send("create_session")
            await context.waiter.holds(lambda: len(context.upstream.dials) > dials, within=2.0)
    check(len(context.upstream.dials) == dials, expected="no new upstream session", seen="one was opened")


@GROUP.case(
    13,
    "Leaves nothing behind when it is killed",
    section=_END,
    expects="When its process is killed, no other process of it keeps upstream sockets open.",
    matters="A kill is how a hanging bridge is ended; what survives it costs money, and holds the port.",
    needs=frozenset({Need.OWN_PROCESS}),
    seconds=3.0,
)
async def killed(context: CaseContext) -> None:
    """Kills the bridge while a session is live."""
    process = _process(context)
    await context.ready()
    process.signal(signal.SIGKILL)
    await context.waiter.until_polled(
        lambda: not context.upstream.open_sessions,
        expected="no process of the bridge keeps the upstream socket open",
        seen="a process that the bridge left behind keeps it open",
        within=SOON,
    )
    # Its sockets end before the process does: how they end is not for the next check to judge.
    await process.wait()


async def answers_close(context: CaseContext, *, code: int, with_session: bool) -> None:
    """Close a socket, and look at the answer of the bridge."""
    client = await (context.ready() if with_session else context.connect())
    await client.close(code)
    await context.waiter.until(
        lambda: client.end, expected="the bridge answers a close frame with one, and ends TCP", seen="no answer"
    )
    answered = client.end.code if client.end else None
    check(answered is not None, expected=f"a close frame in answer to that with {code}", seen=str(client.end))


for number, (code, with_session) in enumerate(((1000, False), (1000, True), (1001, True)), 14):
    GROUP.add(
        number,
        f"Answers a close with {code}{' in a session' if with_session else ''}",
        partial(answers_close, code=code, with_session=with_session),
        section="RFC 6455, 5.5.1",
        does=f"Closes a socket {'with' if with_session else 'without'} a session with {code}.",
        expects="A close frame is answered by one; then TCP ends.",
        matters="Otherwise clients wait for the answer, and take a hang-up for a broken network.",
    )
