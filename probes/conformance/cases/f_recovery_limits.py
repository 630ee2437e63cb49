"""Group F, continued: losses that repeat, that cannot be mended, and sessions that fall silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS
from probes.conformance.cases.f_recovery import GROUP, REPLACED, lose
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

_LOST = "Session life 4: lost"
_RECONNECT: Final = 20.0
_STALL: Final = 40.0
_GIVES_UP: Final = 60.0
_ATTEMPTS: Final = 5


@GROUP.case(
    17,
    "Recovers again and again",
    section=_LOST,
    expects="Each loss is repaired, and no word is lost or answered twice.",
    matters="A train ride has a loss every minute.",
    seconds=5.0,
)
async def again(context: CaseContext) -> None:
    """Loses the session three times in the middle of one sentence."""
    client = await context.ready(turnDetection="none")
    for _ in range(3):
        await client.speak(200)
        await lose(context, client, "drop")
    await client.speak(200)
    await context.heard_in_newest(client)
    context.check_speech(client)


@GROUP.case(
    18,
    "Gives up after some attempts, and says so",
    section="Errors: CONNECTION_LOST",
    expects="After 5 attempts for one loss: `error` CONNECTION_LOST, retryable; the socket stays open.",
    matters="A client that is never told shows a spinner for ever.",
    seconds=20.0,
)
async def gives_up(context: CaseContext) -> None:
    """Loses the session, and lets every attempt meet HTTP 503."""
    context.upstream.plan([], ["http:status=503"])
    client = await context.ready()
    context.upstream.sessions[0].drop()
    error = await client.expect(
        "error", within=_GIVES_UP, expected=f"`error` CONNECTION_LOST after {_ATTEMPTS} attempts to reconnect"
    )
    check(error.code == "CONNECTION_LOST", expected="`error` CONNECTION_LOST", seen=error.shown_code)
    check(error.body.get("retryable") is True, expected="it is retryable", seen=str(error.body.get("retryable")))
    attempts = len(context.upstream.dials) - 1
    check(attempts > 1, expected=f"{_ATTEMPTS} attempts", seen=f"{attempts}")
    if attempts != _ATTEMPTS:
        context.non_strict(f"{_ATTEMPTS} attempts for one loss", f"{attempts}")
    context.upstream.plan([])
    await client.send("create_session")
    await client.expect("session_ready", after=error, within=READY_SECONDS)


@GROUP.case(
    19,
    "Does not repeat what cannot get better",
    section="Session life 2: attempts",
    expects="If the key is refused at the first attempt to reconnect, there is no second one.",
    matters="A revoked key is not healed by five attempts.",
    seconds=4.0,
)
async def fatal_while_lost(context: CaseContext) -> None:
    """Loses the session, and refuses the key from then on."""
    context.upstream.plan([], ["refuse:code=invalid_api_key"])
    client = await context.ready()
    context.upstream.sessions[0].drop()
    error = await client.expect(
        "error", within=_RECONNECT, expected="`error` AUTHENTICATION_FAILED for the attempt to reconnect"
    )
    check(error.code == "AUTHENTICATION_FAILED", expected="`error` AUTHENTICATION_FAILED", seen=error.shown_code)
    attempts = len(context.upstream.dials) - 1
    check(attempts == 1, expected="one attempt", seen=f"{attempts} attempts")


@GROUP.case(
    20,
    "Replaces a session that owes an answer and stays silent",
    section=_LOST,
    expects="An answer is owed and no event came for the stall time (15 s by default): a fresh session answers.",
    matters="The socket looks alive, and the assistant is mute: the most reported fault of the service.",
    seconds=18.0,
)
async def silent(context: CaseContext) -> None:
    """Types; the first session never answers, without a sign of an end."""
    context.upstream.plan(["half-open:at=create"], [])
    client = await context.ready()
    await client.send("text", text="Hello?")
    back = await client.expect("reconnected", within=_STALL, expected="a fresh session within the stall time")
    await client.expect("response.done", after=back, within=10.0, expected="the answer, from the fresh session")


@GROUP.case(
    21,
    "Stops attempts when its client leaves",
    section="Session life 9: end",
    expects="A client that leaves while its session is lost leaves no attempt behind.",
    matters="Sessions without a client cost money.",
    seconds=4.0,
)
async def leaves_while_lost(context: CaseContext) -> None:
    """Loses the session, and leaves while the bridge waits."""
    context.upstream.plan([], ["http:status=503,retry-after=1"], [])
    client = await context.ready()
    context.upstream.sessions[0].drop()
    await context.waiter.until(
        lambda: len(context.upstream.dials) > 1, expected="an attempt to reconnect", seen="none", within=_RECONNECT
    )
    await client.close()
    more = await context.waiter.holds(lambda: len(context.upstream.dials) > 2, within=2.5)  # noqa: PLR2004 - one more
    check(not more, expected="no attempt after the client has left", seen="another attempt")


@GROUP.case(
    22,
    "Gives up a session on `restart_session`, and keeps its context",
    section="Messages from the client",
    expects="The upstream session is replaced by a fresh one, with the earlier turns; the old socket is closed.",
    matters="It is what the button `try again` does for a user whose assistant went silent.",
    seconds=3.0,
)
async def restart(context: CaseContext) -> None:
    """Types, restarts the session, and types again."""
    client = await context.ready()
    await client.send("text", text="My number is 4711.")
    done = await client.expect("response.done", within=10.0)
    await client.send("restart_session")
    ready = await client.expect("reconnected", "session_ready", after=done, within=_RECONNECT)
    old, fresh = context.upstream.sessions[0], context.upstream.sessions[-1]
    check(fresh is not old, expected="a fresh upstream session", seen="the old one")
    await context.waiter.until(lambda: not old.is_open, expected="the old socket is closed", seen="it is still open")
    await client.send("text", text="And now?")
    await client.expect("response.done", after=ready, within=10.0)
    received = b"".join(event.data for event in fresh.received)
    check(b"4711" in received, expected="the earlier turn in the fresh session", seen="it is not there")


@GROUP.case(
    23,
    "Forwards no late event of an earlier session",
    section="Messages from the bridge: generation",
    expects="Once a session was given up, none of its events reaches the client.",
    matters="Two answers at once, the old and the new one, speak over each other.",
    seconds=3.0,
)
async def no_late_events(context: CaseContext) -> None:
    """Restarts the session in the middle of an answer whose events are 300 ms late."""
    context.upstream.plan(["latency:ms=300", "pace:times=2"], [])
    client = await context.ready()
    await client.send("text", text="Tell me a story.")
    await client.expect("response.output_audio.delta", "response.created", within=10.0)
    last = client.last
    await client.send("restart_session")
    ready = await client.expect("reconnected", "session_ready", after=last, within=_RECONNECT)
    await context.sleep(0.8)
    await client.ping_pong()
    old = {event.body.get("event_id") for event in context.upstream.sessions[0].sent}
    late = [said.type for said in client.received[ready.index :] if said.body.get("event_id") in old]
    check(not late, expected="no event of the earlier session", seen=f"{len(late)} of them: {', '.join(late[:3])}")


@GROUP.case(
    24,
    "Is not lost by a frame that breaks the protocol",
    section=_LOST,
    expects="A text frame that is not UTF-8 ends that session, and a fresh one replaces it.",
    matters="One broken frame of a proxy would end the call.",
    seconds=3.0,
)
async def broken_frame(context: CaseContext) -> None:
    """Lets the upstream send a text frame that is not UTF-8, in the middle of a sentence."""
    client = await context.ready(turnDetection="none")
    await client.speak(200)
    await context.heard(client)
    context.upstream.sessions[0].send_raw(b"\x81\x04\xc3\x28\xff\xfe")
    await client.expect("reconnected", within=_RECONNECT, expected=REPLACED)
    await context.heard_in_newest(client)


@GROUP.case(
    25,
    "Tells a fresh session what was heard, not what was sent",
    section="Messages from the client: playback",
    expects="The fresh session has no more of an answer than `playback` reported as heard.",
    matters="The assistant goes on as if the user had heard what was still in the queue of the player.",
    seconds=4.0,
)
async def unheard(context: CaseContext) -> None:
    """Receives a whole answer, reports 300 ms of it as heard, and loses the session."""
    context.upstream.plan(["say:text=Heard words come first and then there are many more until the very LASTWORD."], [])
    client = await context.ready()
    await client.send("text", text="Tell me.")
    delta = await client.expect("response.output_audio.delta", within=10.0)
    await client.expect("response.done", within=10.0)
    await client.send("playback", itemId=delta.body.get("item_id"), playedMs=300)
    await client.ping_pong()
    await lose(context, client, "drop")
    await context.sleep(0.3)
    restored = b"".join(event.data for event in context.upstream.sessions[-1].received)
    check(
        b"LASTWORD" not in restored,
        expected="the answer up to the 300 ms that were heard",
        seen="the fresh session is told the end of the answer, which nobody has heard",
    )


@GROUP.case(
    26,
    "Replaces a session that answers pings and owes an answer",
    section=_LOST,
    expects="Pings do not count: an answer is owed and no event came for the stall time (15 s by default).",
    matters="A service that hangs behind a healthy socket is mute for ever.",
    seconds=18.0,
)
async def mute(context: CaseContext) -> None:
    """Types; the first session never answers, but its socket is alive."""
    context.upstream.plan(["reply:how=silence"], [])
    client = await context.ready()
    await client.send("text", text="Hello?")
    back = await client.expect("reconnected", within=_STALL, expected="a fresh session within the stall time")
    await client.expect("response.done", after=back, within=10.0, expected="the answer, from the fresh session")


@GROUP.case(
    27,
    "Does not claim to have restored what there was not",
    section="Messages from the bridge: reconnected",
    expects="`restored` says honestly what came back: without turns and tools, neither.",
    matters="A client that trusts it tells its user that the assistant remembers.",
    seconds=3.0,
)
async def nothing_to_restore(context: CaseContext) -> None:
    """Loses a session in which nothing was said, and that has no tools."""
    client = await context.ready()
    restored = (await lose(context, client, "drop")).body.get("restored")
    check(isinstance(restored, dict), expected="`restored` as an object", seen=f"{restored!r}")
    claimed = {name: value for name, value in (restored or {}).items() if name != "config" and value}
    check(not claimed, expected="no turns, no tools and no pending tools", seen=f"{claimed}")
