"""Group F: a lost upstream session, and what comes back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from probes.conformance.case import Group
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient, BridgeSaid
    from probes.conformance.peers.upstream import SeenSession

REPLACED: Final = "`reconnected`: a fresh session replaces the lost one"
GROUP = Group("F", "Reconnection and restoration")
_LOST = "Session life 4: lost"
#: First waits are short, but full of jitter.
_RECONNECT: Final = 20.0
#: Two turns, counted with their answers or without.
_MOST_TURNS: Final = 4
_TOOL: Final = {"type": "function", "name": "find_loan", "description": "Finds.", "parameters": {"type": "object"}}


async def lose(context: CaseContext, client: BridgeClient, how: str) -> BridgeSaid:
    """End the newest upstream session, and wait for its replacement."""
    session, last = context.upstream.sessions[-1], client.last
    match how.partition(" "):
        case ("drop", _, _):
            session.drop()
        case ("reset", _, _):
            session.reset()
        case (_, _, code):
            session.close(int(code))
    return await client.expect("reconnected", after=last, within=_RECONNECT, expected=REPLACED)


def _json(session: SeenSession) -> str:
    return b"\n".join(event.data for event in session.received).decode()


async def mid_sentence(context: CaseContext, *, how: str) -> None:
    """Lose the session in the middle of a sentence, and go on speaking."""
    client = await context.ready(turnDetection="none")
    await client.speak(600)
    await context.heard(client)
    await lose(context, client, how)
    await client.speak(400)
    await context.heard_in_newest(client)
    context.check_speech(client)


for number, (how, what) in enumerate(
    (
        ("drop", "a dropped connection"),
        ("reset", "a reset connection"),
        ("close 1000", "a close with 1000 that the bridge did not ask for"),
        ("close 1001", "a close with 1001"),
        ("close 1011", "a close with 1011"),
        ("close 1012", "a close with 1012"),
    ),
    1,
):
    GROUP.add(
        number,
        f"Loses no word of a sentence to {what}",
        partial(mid_sentence, how=how),
        section=_LOST,
        does=f"Speaks; {what} ends the upstream session in the middle; speaks on.",
        expects="A fresh session receives all speech that was not answered, once and in order.",
        matters="Networks drop connections all day; users don't know that they must repeat themselves.",
        seconds=2.0,
    )


@GROUP.case(
    7,
    "Says that the session was lost, and that it is back",
    section="Messages from the bridge",
    expects="`reconnecting` with attempt, maxAttempts, delayMs and reason; `reconnected` with sessionId and more.",
    matters="User interfaces show it, and support sees it.",
    seconds=2.0,
)
async def says_so(context: CaseContext) -> None:
    """Loses a session and reads both messages."""
    client = await context.ready()
    back = await lose(context, client, "drop")
    lost = client.of_type("reconnecting")
    check(lost and lost[0].index < back.index, expected="`reconnecting` before `reconnected`", seen=client.describe())
    missing = [name for name in ("attempt", "maxAttempts", "delayMs", "reason") if lost[0].body.get(name) in (None, "")]
    check(not missing, expected="`reconnecting` with all its fields", seen=f"without {', '.join(missing)}")
    names = ("message", "sessionId", "heldMs", "resentMs", "restored", "lost")
    missing = [name for name in names if back.body.get(name) is None]
    check(not missing, expected=f"`reconnected` with {', '.join(names)}", seen=f"without {', '.join(missing)}")
    fresh = context.upstream.sessions[-1].id
    check(back.body["sessionId"] == fresh, expected=f"the new sessionId {fresh}", seen=str(back.body["sessionId"]))
    before, after = lost[0].number("generation"), back.number("generation")
    first = client.of_type("session_ready")[0].number("generation")
    check(after > first, expected="a later `generation`", seen=f"{first:g}, then {before:g}, then {after:g}")


@GROUP.case(
    8,
    "Says truly how much speech it sends again",
    section=_LOST,
    expects="`resentMs` is the speech of the lost session that is sent again, `heldMs` what came meanwhile.",
    matters="It is how operators see what losses cost.",
    seconds=2.0,
)
async def says_how_much(context: CaseContext) -> None:
    """Speaks 500 ms that are not answered, loses the session, and compares `resentMs`."""
    client = await context.ready(turnDetection="none")
    await client.speak(500)
    await context.heard(client)
    back = await lose(context, client, "drop")
    resent = back.number("resentMs")
    check(resent == 500, expected="resentMs 500", seen=f"resentMs {resent:g}")  # noqa: PLR2004 - what was spoken


@GROUP.case(
    9,
    "Holds speech that comes while the session is lost",
    section=_LOST,
    expects="What is spoken while there is no session goes up in the fresh one, behind what is sent again.",
    matters="Users go on talking: they don't see the network.",
    seconds=3.0,
)
async def holds_while_lost(context: CaseContext) -> None:
    """Loses the session, and speaks while the next attempts fail."""
    context.upstream.plan([], ["http:status=503"], [])
    client = await context.ready(turnDetection="none")
    await client.speak(200)
    await context.heard(client)
    last = client.last
    context.upstream.sessions[0].drop()
    await client.expect("reconnecting", after=last)
    await client.speak(400)
    await client.expect("reconnected", after=last, within=_RECONNECT, expected=REPLACED)
    await context.heard_in_newest(client)
    context.check_speech(client)


@GROUP.case(
    10,
    "Restores the configuration",
    section=_LOST,
    expects="The fresh session has the same instructions, voice, tools and turn detection.",
    matters="An assistant without its instructions talks about anything.",
    seconds=2.0,
)
async def restores_configuration(context: CaseContext) -> None:
    """Creates a session with options, loses it, and compares the configurations."""
    client = await context.ready(instructions="Be the suite.", voice="cedar", tools=[_TOOL], turnDetection="none")
    await lose(context, client, "drop")
    before, after = (
        [event.body.get("session") for event in session.of_type("session.update")]
        for session in context.upstream.sessions[:2]
    )
    check(after, expected="`session.update` in the fresh session", seen="none")
    first, second = _merged(before), _merged(after)
    different = [name for name in first if first[name] != second.get(name)]
    check(not different, expected="the same configuration as before", seen=f"other values of {', '.join(different)}")


def _merged(parts: list[Any]) -> dict[str, Any]:
    return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}


@GROUP.case(
    11,
    "Restores what was said before",
    section=_LOST,
    expects="The text of earlier turns, of both sides, is in the fresh session, in order.",
    matters="An assistant that forgets the call in the middle of it asks for the account number again.",
    seconds=3.0,
)
async def restores_turns(context: CaseContext) -> None:
    """Types two turns, loses the session, and looks for them in the fresh one."""
    context.upstream.plan(["say:text=The answer of the suite."])
    client = await context.ready()
    for text in ("My number is 4711.", "And my name is Ada."):
        last = client.last
        await client.send("text", text=text)
        await client.expect("response.done", after=last, within=10.0)
    back = await lose(context, client, "drop")
    session = context.upstream.sessions[-1]
    await context.waiter.holds(lambda: "Ada" in _json(session), within=3.0)
    items = _json(session)
    said = ("My number is 4711.", "The answer of the suite.", "my name is Ada")
    missing = [text for text in said if text not in items]
    check(not missing, expected="the earlier turns in the fresh session", seen=f"missing: {'; '.join(missing)}")
    check(items.index("4711") < items.index("Ada"), expected="the turns in their order", seen="another order")
    restored = back.body.get("restored")
    turns = restored.get("turns") if isinstance(restored, dict) else None
    check(
        isinstance(turns, int) and 1 <= turns <= _MOST_TURNS,
        expected="`reconnected` says truly how many turns came back, in `restored.turns`: 2, or 4 with the answers",
        seen=f"restored {restored!r}",
    )


@GROUP.case(
    12,
    "Sends nothing twice that was answered",
    section=_LOST,
    expects="Speech that was answered is not sent again.",
    matters="The assistant would answer the same question twice.",
    seconds=3.0,
)
async def nothing_twice(context: CaseContext) -> None:
    """Speaks a turn, waits for its answer, and loses the session."""
    client = await context.ready()
    await client.speak(400, silence_ms=500)
    await client.expect("response.done", within=10.0)
    await client.ping_pong()
    back = await lose(context, client, "drop")
    await context.sleep(0.3)
    again = context.count_in(context.upstream.sessions[-1], client.source.caller).received_ms
    # The silence behind the turn was not answered, so it may come again.
    check(again <= 500, expected="no answered speech in the fresh session", seen=f"{again} ms of it")  # noqa: PLR2004 - the silence
    resent = back.number("resentMs")
    check(resent <= 500, expected="resentMs without answered speech", seen=f"{resent:g}")  # noqa: PLR2004 - the silence


@GROUP.case(
    13,
    "Sends the commit of a lost turn again",
    section=_LOST,
    expects="Committed speech whose response has not begun is sent again with its commit, and is answered.",
    matters="Push-to-talk users have released the button: nobody commits a second time.",
    seconds=3.0,
)
async def commits_again(context: CaseContext) -> None:
    """Speaks and commits; the upstream drops the connection at the commit."""
    context.upstream.plan(["drop:at=commit"], [])
    client = await context.ready(turnDetection="none")
    await client.speak(400)
    await client.send("audio_commit")
    back = await client.expect("reconnected", within=_RECONNECT, expected=REPLACED)
    session = context.upstream.sessions[-1]
    await context.upstream_received(session, "input_audio_buffer.commit")
    context.check_speech(client)
    await client.expect("response.done", after=back, within=10.0, expected="an answer to the turn that was lost")


@GROUP.case(
    14,
    "Asks again for an answer that was owed",
    section=_LOST,
    expects="An answer of which nothing had reached the client is asked for again in the fresh session.",
    matters="The user waits for an answer that nobody will give.",
    seconds=3.0,
)
async def asks_again(context: CaseContext) -> None:
    """Types; the upstream drops the connection at `response.create`."""
    context.upstream.plan(["drop:at=create"], [])
    client = await context.ready()
    await client.send("text", text="What is my balance?")
    back = await client.expect("reconnected", within=_RECONNECT, expected=REPLACED)
    await client.expect("response.done", after=back, within=10.0, expected="the answer, from the fresh session")
    items = _json(context.upstream.sessions[-1])
    check("What is my balance?" in items, expected="the question in the fresh session", seen="it is not there")
    asked = len(context.upstream.sessions[-1].of_type("response.create"))
    check(asked == 1, expected="one `response.create`", seen=f"{asked} of them")


@GROUP.case(
    15,
    "Names an answer that was cut in `lost`",
    section=_LOST,
    expects="`lost` names a half-spoken answer.",
    matters="The client can say that it was interrupted, or ask again.",
    seconds=3.0,
)
async def names_cut(context: CaseContext) -> None:
    """Drops the connection in the middle of a spoken answer."""
    context.upstream.plan(["drop:at=audio,nth=3", "pace:times=4"], [])
    client = await context.ready()
    await client.send("text", text="Tell me a story.")
    back = await client.expect("reconnected", within=_RECONNECT, expected=REPLACED)
    lost = back.body.get("lost")
    check(isinstance(lost, list) and lost, expected="`lost` names the answer that was cut", seen=f"lost {lost!r}")


@GROUP.case(
    16,
    "Keeps a tool call that waits for its result",
    section=_LOST,
    expects="The call is in the fresh session, and the result of the client goes there.",
    matters="The result of a booking that was made must not get lost.",
    seconds=3.0,
)
async def pending_tool(context: CaseContext) -> None:
    """Lets the upstream call a tool, loses the session, and sends the result afterwards."""
    context.upstream.plan(["reply:how=function"], [])
    client = await context.ready(tools=[_TOOL])
    await client.send("text", text="Find my loan.")
    call = await client.expect("response.function_call_arguments.done", within=10.0)
    await client.expect("response.done", after=call)
    await lose(context, client, "drop")
    call_id = str(call.body.get("call_id"))
    await client.send("tool_result", callId=call_id, output='{"found": true}')
    session = context.upstream.sessions[-1]
    await context.waiter.until(
        lambda: "function_call_output" in _json(session),
        expected="the result goes to the fresh session",
        seen=lambda: f"the fresh session received {', '.join(session.types())}",
    )
    items = _json(session)
    check(
        items.count(call_id) > 1,
        expected="the call is restored in the fresh session before its result",
        seen="the result alone: the service refuses it",
    )
