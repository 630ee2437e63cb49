"""Group H: turns, barge-in, played milliseconds, tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from probes.conformance.bounds import READY_SECONDS
from probes.conformance.case import Group
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient
    from probes.conformance.peers.upstream import SeenSession

GROUP = Group("H", "Turns, barge-in and tools")
_UP, _TURNS = "Messages from the client", "Session life 6: turns"
_TOOL: Final = {"type": "function", "name": "find_loan", "description": "Finds.", "parameters": {"type": "object"}}
_ANSWER: Final = 10.0
_STORY: Final = "say:text=Once upon a time there was a bridge that lost no word and nobody knew why."


@GROUP.case(
    1,
    "Sends typed text as a turn of the user, and asks for the answer",
    section=_UP,
    expects="`text` becomes `conversation.item.create` with role user, and one `response.create`.",
    matters="Chat beside voice is how many users begin.",
)
async def text(context: CaseContext) -> None:
    """Types a turn."""
    client = await context.ready()
    await client.send("text", text="Good morning, suite.")
    await client.expect("response.done", within=_ANSWER, expected="an answer to the typed text")
    session = context.upstream.sessions[0]
    items = [event.body.get("item", {}) for event in session.of_type("conversation.item.create")]
    check(
        len(items) == 1 and items[0].get("role") == "user" and "Good morning, suite." in str(items[0].get("content")),
        expected="one `conversation.item.create` with role user and the text",
        seen=f"{items!r}"[:200],
    )
    asked = len(session.of_type("response.create"))
    check(asked == 1, expected="one `response.create`", seen=f"{asked} of them")


@GROUP.case(
    2,
    "Commits speech for a client that ends its turns itself",
    section=_UP,
    expects="`audio_commit` becomes `input_audio_buffer.commit`, behind the speech, and an answer comes.",
    matters="Push-to-talk depends on it.",
)
async def commit(context: CaseContext) -> None:
    """Speaks and commits, without turn detection."""
    client = await context.ready(turnDetection="none")
    await client.speak(400)
    await client.send("audio_commit")
    await client.expect("response.done", within=_ANSWER, expected="an answer to the committed turn")
    context.check_speech(client)
    types = context.upstream.sessions[0].types()
    check(
        types.count("input_audio_buffer.commit") == 1 and types.count("response.create") == 1,
        expected="one commit and one `response.create`",
        seen=", ".join(types),
    )
    check(
        types.index("input_audio_buffer.append") < types.index("input_audio_buffer.commit"),
        expected="the commit behind the speech",
        seen=", ".join(types),
    )


@GROUP.case(
    3,
    "Leaves answers to the upstream's turn detection",
    section=_TURNS,
    expects="With `server_vad` the upstream answers by itself; the bridge asks for no second answer.",
    matters="Two answers to one question, or an error at each turn.",
)
async def detection(context: CaseContext) -> None:
    """Speaks a turn with turn detection."""
    client = await context.ready()
    await client.speak(500, silence_ms=600)
    await client.expect("response.done", within=_ANSWER, expected="an answer to the turn that the upstream detects")
    await client.ping_pong()
    session = context.upstream.sessions[0]
    extra = [event.type for event in session.of_type("response.create", "input_audio_buffer.commit")]
    check(not extra, expected="neither commit nor `response.create` from the bridge", seen=", ".join(extra))


async def _story(context: CaseContext) -> tuple[BridgeClient, SeenSession, str]:
    context.upstream.plan([_STORY, "pace:times=2"])
    client = await context.ready()
    await client.send("text", text="Tell me a story.")
    delta = await client.expect("response.output_audio.delta", within=_ANSWER)
    return client, context.upstream.sessions[0], str(delta.body.get("item_id"))


def _truncations(session: SeenSession) -> list[dict[str, Any]]:
    return [event.body for event in session.of_type("conversation.item.truncate")]


@GROUP.case(
    4,
    "Cancels the answer and truncates it to what was heard",
    section="Messages from the client: interrupt",
    expects="`interrupt` becomes `response.cancel`, and `conversation.item.truncate` at `playedMs` of the item.",
    matters="Otherwise the assistant believes that the user has heard what it never said.",
    seconds=2.0,
)
async def interrupts(context: CaseContext) -> None:
    """Interrupts an answer with itemId and playedMs 120."""
    client, session, item = await _story(context)
    await client.expect("response.output_audio.delta", after=client.last, within=_ANSWER)
    await client.send("interrupt", itemId=item, playedMs=120)
    await context.upstream_received(session, "response.cancel")
    await context.upstream_received(session, "conversation.item.truncate")
    truncated = _truncations(session)[0]
    check(
        truncated.get("item_id") == item and truncated.get("audio_end_ms") == 120,  # noqa: PLR2004 - what was sent
        expected=f"truncation of {item} at audio_end_ms 120",
        seen=f"of {truncated.get('item_id')} at {truncated.get('audio_end_ms')!r}",
    )
    await client.expect("response.done", within=_ANSWER)
    await client.ping_pong()
    check(not client.errors, expected="no error for a barge-in", seen=client.describe())


@GROUP.case(
    5,
    "Truncates at what `playback` reported",
    section="Messages from the client: playback",
    expects="An `interrupt` without `playedMs` truncates where the last `playback` was.",
    matters="Clients report playback all the time; at the barge-in there is no time to ask the player.",
    seconds=2.0,
)
async def truncates_at_playback(context: CaseContext) -> None:
    """Reports 80 ms played, then interrupts without playedMs."""
    client, session, item = await _story(context)
    await client.expect("response.output_audio.delta", after=client.last, within=_ANSWER)
    await client.send("playback", itemId=item, playedMs=80)
    await client.send("interrupt")
    await context.upstream_received(
        session, "conversation.item.truncate", expected="truncation at the 80 ms that `playback` reported"
    )
    truncated = _truncations(session)[0]
    check(
        truncated.get("audio_end_ms") == 80,  # noqa: PLR2004 - what was sent
        expected="truncation at the 80 ms that `playback` reported",
        seen=f"at {truncated.get('audio_end_ms')!r}",
    )


@GROUP.case(
    6,
    "Takes an interruption of nothing as harmless",
    section=_TURNS,
    expects="`interrupt` while nothing is spoken leads to no error and no lost session.",
    matters="Users talk in pauses, too.",
)
async def interrupts_nothing(context: CaseContext) -> None:
    """Interrupts without an answer, types, and interrupts again after the answer."""
    client = await context.ready()
    await client.send("interrupt")
    await client.send("text", text="Hello?")
    await client.expect("response.done", within=_ANSWER)
    await client.send("interrupt")
    await client.ping_pong()
    await context.sleep(0.2)
    await client.ping_pong()
    check(not client.errors, expected="no error", seen=client.describe())
    refused = [event for event in context.upstream.sessions[0].sent_of("error") if b"cancel" in event.data]
    if refused:
        context.non_strict("no `response.cancel` without an answer", f"{len(refused)} that the upstream refused")


@GROUP.case(
    7,
    "Asks for one answer at a time",
    section=_TURNS,
    expects="`response.create` waits for the `response.done` of the answer before.",
    matters="The service refuses it otherwise, and the second question stays without an answer.",
    seconds=3.0,
)
async def one_at_a_time(context: CaseContext) -> None:
    """Types two turns at once."""
    client = await context.ready()
    await client.send("text", text="First question.")
    await client.send("text", text="Second question.")
    await context.waiter.until(
        lambda: len(client.of_type("response.done")) > 1,
        expected="an answer to both turns",
        seen=client.describe,
        within=2 * _ANSWER,
    )
    session = context.upstream.sessions[0]
    refused = [event for event in session.sent_of("error") if b"already_has_active" in event.data]
    check(not refused, expected="no `response.create` while an answer is active", seen="the upstream refused one")
    asked, done = session.of_type("response.create"), session.sent_of("response.done")
    check(
        len(asked) == 2 and asked[1].at >= done[0].at,  # noqa: PLR2004 - two turns
        expected="the second `response.create` after the first `response.done`",
        seen=f"{len(asked)} of them, too early",
    )


@GROUP.case(
    8,
    "Passes tool calls down and their results up",
    section="Messages from the client: tool_result",
    expects="`tool_result` becomes a `function_call_output` item with call_id and output, and asks for the answer.",
    matters="Without it the assistant waits for a result for ever.",
    seconds=2.0,
)
async def tools(context: CaseContext) -> None:
    """Lets the upstream call a tool, and sends the result."""
    context.upstream.plan(["reply:how=function"])
    client = await context.ready(tools=[_TOOL])
    await client.send("text", text="Find my loan.")
    call = await client.expect("response.function_call_arguments.done", within=_ANSWER)
    done = await client.expect("response.done", after=call, within=_ANSWER)
    await client.send("tool_result", callId=call.body.get("call_id"), output='{"found": true}')
    session = context.upstream.sessions[0]
    await context.upstream_received(session, "conversation.item.create", count=2)
    item = session.of_type("conversation.item.create")[-1].body.get("item", {})
    check(
        item.get("type") == "function_call_output"
        and item.get("call_id") == call.body.get("call_id")
        and item.get("output") == '{"found": true}',
        expected="a `function_call_output` with the call's id and the output as it is",
        seen=f"{item!r}"[:200],
    )
    await context.upstream_received(session, "response.create", count=2, expected="`response.create` behind the result")
    await client.expect("response.created", "response.done", after=done, within=_ANSWER)


@GROUP.case(
    9,
    "Forwards native events of the client unchanged",
    section="Messages from the client: native events",
    expects="An event whose type contains a dot goes up as it is.",
    matters="Clients use what the bridge has no word for.",
)
async def native_up(context: CaseContext) -> None:
    """Sends native events with an event_id, nested values and unusual characters."""
    client = await context.ready()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": 'é漢字🎙 "</script>\u2028'}]}
    sent = {"event_id": "event_mine", "item": item}
    await client.send_event("conversation.item.create", **sent)
    session = context.upstream.sessions[0]
    await context.upstream_received(session, "conversation.item.create")
    got = session.of_type("conversation.item.create")[0].body
    wanted = {"type": "conversation.item.create", **sent}
    names = sorted(name for name in {*got, *wanted} if got.get(name) != wanted.get(name))
    check(
        got == wanted,
        expected="the event goes up as the client has sent it, with its event_id",
        seen=f"its {', '.join(names)} changed: { ({name: got.get(name) for name in names})!r}"[:250],
    )


@GROUP.case(
    10,
    "Ends a session and keeps the socket",
    section="Messages from the client: end_session",
    expects="`session_closed` with reason `ended`; the upstream socket closes; a new session can be created.",
    matters="Users hang up and call again without reloading the page.",
    seconds=2.0,
)
async def ends(context: CaseContext) -> None:
    """Ends a session, and creates another one on the same socket."""
    client = await context.ready()
    await client.send("end_session")
    closed = await client.expect("session_closed")
    check(closed.body.get("reason") == "ended", expected="reason `ended`", seen=f"{closed.body.get('reason')!r}")
    first = context.upstream.sessions[0]
    await context.waiter.until(lambda: not first.is_open, expected="the upstream socket closes", seen="it is open")
    client.check_open("the client's socket stays open")
    await client.send("create_session")
    await client.expect("session_ready", after=closed, within=READY_SECONDS)
    dials = len(context.upstream.dials)
    check(dials == 2, expected="two upstream sessions, one after the other", seen=f"{dials}")  # noqa: PLR2004 - two sessions


@GROUP.case(
    11,
    "Reports what an answer cost to a client that asks for it",
    section="Messages from the bridge: usage",
    expects="With `usage: true` in `create_session`, `usage` comes behind each `response.done`.",
    matters="Whoever pays wants to know it during the call, not at the end of the month.",
    seconds=2.0,
)
async def usage(context: CaseContext) -> None:
    """Creates a session with `usage: true`, and types two turns."""
    client = await context.ready(usage=True)
    await client.send("text", text="How much?")
    done = await client.expect("response.done", within=_ANSWER)
    said = await client.expect("usage", after=done, expected="`usage` behind `response.done`")
    stated = done.body.get("response", {}).get("usage") or {}
    check(
        said.number("inputTokens") == stated.get("input_tokens")
        and said.number("outputTokens") == stated.get("output_tokens"),
        expected=f"the tokens of the response: {stated.get('input_tokens')} in, {stated.get('output_tokens')} out",
        seen=f"{said.body.get('inputTokens')!r} in, {said.body.get('outputTokens')!r} out",
    )
    await client.send("text", text="And now?")
    second = await client.expect("usage", after=said, within=_ANSWER)
    total = second.body.get("total")
    both = said.number("inputTokens") + second.number("inputTokens")
    check(
        isinstance(total, dict) and total.get("inputTokens") == both,
        expected=f"`total` for the socket, with inputTokens {both:g} after two answers",
        seen=f"{total!r}",
    )


@GROUP.case(
    12,
    "Lets an interruption by voice pass",
    section=_TURNS,
    expects="Speech during an answer reaches the upstream at once, and its events reach the client.",
    matters="Barge-in by voice is the upstream's; a bridge that waits for the end of the answer breaks it.",
    seconds=2.0,
)
async def voice_interrupts(context: CaseContext) -> None:
    """Speaks while an answer is being spoken."""
    client, session, _ = await _story(context)
    last = client.last
    await client.speak(400)
    await client.expect("input_audio_buffer.speech_started", after=last, within=_ANSWER)
    await context.heard(client)
    await client.expect("response.done", after=last, within=_ANSWER)
    done = session.sent_of("response.done")[0].body.get("response", {})
    check(
        done.get("status") == "cancelled",
        expected="the upstream hears the user and cancels its answer",
        seen=f"the answer ended as {done.get('status')}",
    )
