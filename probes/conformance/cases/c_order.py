"""Group C: order, and exactly once, in both directions. Speech is counted with tracer audio."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bridge.protocol.events.groups import AUDIO_DELTAS
from probes.conformance.case import Group
from probes.conformance.peers.upstream import OWN_CONFIGURATION
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient
    from probes.conformance.peers.upstream import SeenSession

GROUP = Group("C", "Order and exactly-once")
_UP, _DOWN = "Messages from the client", "Messages from the bridge"
_LONG: Final = " ".join(f"Sentence number {number} of a long answer." for number in range(12))


async def whole(context: CaseContext, *, chunk_ms: int, ms: int) -> None:
    """Speak in chunks of one size, and account for every millisecond."""
    client = await context.ready(turnDetection="none")
    await client.speak(ms, chunk_ms=chunk_ms)
    await context.heard(client)
    context.check_speech(client)


for number, (chunk_ms, ms) in enumerate(((20, 4000), (1, 600), (33, 2000), (500, 8000)), 1):
    GROUP.add(
        number,
        f"Passes on speech in chunks of {chunk_ms} ms whole, once and in order",
        partial(whole, chunk_ms=chunk_ms, ms=ms),
        section=_UP,
        does=f"Speaks {ms} ms in chunks of {chunk_ms} ms to a ready session.",
        expects="Every millisecond of speech reaches the upstream once, in the order in which it was spoken.",
        matters="Lost or doubled audio turns into words that the user never said.",
    )


@GROUP.case(
    5,
    "Keeps the speech of several clients apart",
    section="Session life",
    expects="Each upstream session receives the speech of one client, whole.",
    matters="Mixed-up speech is a data leak, and nonsense for both users.",
)
async def apart(context: CaseContext) -> None:
    """Lets three clients speak in turns of 20 ms."""
    clients = [await context.ready(turnDetection="none") for _ in range(3)]
    for _ in range(60):
        for client in clients:
            await client.speak(20)
    for client in clients:
        await context.heard(client)
    for session in context.upstream.sessions:
        callers = list(session.tracer.callers)
        check(
            len(callers) == 1,
            expected="one client's speech in each upstream session",
            seen=f"the speech of {len(callers)} clients in one session",
        )
    for client in clients:
        caller = client.source.caller
        (own,) = [session for session in context.upstream.sessions if caller in list(session.tracer.callers)][:1]
        context.check_speech(client, own)


@GROUP.case(
    6,
    "Keeps speech and text in one order",
    section="Session life 3",
    expects="What a client sends goes up in the order in which it came, whatever kind it is.",
    matters="A text that overtakes speech answers a question that was not asked yet.",
)
async def one_order(context: CaseContext) -> None:
    """Speaks and sends native events in turns, to a ready session."""
    client = await context.ready(turnDetection="none")
    for number in range(8):
        await client.speak(60)
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"text {number}"}]}
        await client.send_event("conversation.item.create", item=item)
    session = context.upstream.sessions[0]
    await context.upstream_received(session, "conversation.item.create", count=8)
    await context.heard(client)
    wanted = ["input_audio_buffer.append", "conversation.item.create"] * 8
    types = [kind for kind in session.types() if kind in wanted]
    check(types == wanted, expected="speech and items in turns, eight times", seen=", ".join(types)[:300])


def _sent(session: SeenSession) -> list[dict[str, Any]]:
    return [event.body for event in session.sent if event.type != "error" and not _is_own(event.body)]


def _is_own(event: Mapping[str, Any]) -> bool:
    """Whether it confirms what only the bridge has asked for: clients may see it, or not."""
    return event.get("event_id") == OWN_CONFIGURATION


async def same_events(client: BridgeClient, session: SeenSession) -> None:
    """End the case unless all that the upstream sent has reached the client untouched, in order."""

    def received() -> list[dict[str, Any]]:
        return [dict(said.body) for said in client.received if said.is_native and not _is_own(said.body)]

    await client.waiter.holds(lambda: len(received()) >= len(_sent(session)))
    got, sent = received(), _sent(session)
    lost = next((number for number, event in enumerate(sent) if number >= len(got) or got[number] != event), None)
    if lost is not None and lost < len(got) and got[lost].get("type") == sent[lost].get("type"):
        names = [key for key in {*got[lost], *sent[lost]} if got[lost].get(key) != sent[lost].get(key)]
        seen = f"`{sent[lost]['type']}` was changed in {', '.join(sorted(names))}"
    elif lost is not None:
        instead = got[lost].get("type") if lost < len(got) else "nothing"
        seen = f"event {lost + 1}: the upstream sent `{sent[lost].get('type')}`, the client received {instead}"
    else:
        seen = f"the client received {len(got) - len(sent)} events more than the upstream sent"
    check(
        lost is None and len(got) == len(sent),
        expected="the client receives every event of the upstream, untouched, once and in order",
        seen=seen,
    )


async def answer_untouched(context: CaseContext, *, faults: tuple[str, ...]) -> None:
    """Type, and compare the answer at both ends."""
    context.upstream.plan(faults)
    client = await context.ready()
    await client.send("text", text="Say something.")
    await client.expect("response.done", within=20.0)
    await same_events(client, context.upstream.sessions[0])


for number, (faults, what) in enumerate(
    (
        ((), "an answer"),
        ((f"say:text={_LONG}", "pace:times=40"), "a long answer that comes in a burst"),
        (("latency:ms=20,jitter=15",), "an answer that comes unevenly"),
        (("commentary",), "an answer of several items"),
        (("reply:how=function",), "a tool call"),
    ),
    7,
):
    GROUP.add(
        number,
        f"Forwards {what} untouched, in order",
        partial(answer_untouched, faults=faults),
        section=_DOWN,
        does="Types a turn and compares each event that the upstream sent with what the client received.",
        expects="Native events are forwarded untouched, once and in order.",
        matters="A missing delta is a gap that everybody hears; a changed event breaks clients of the API.",
    )


@GROUP.case(
    12,
    "Forwards events that it does not know",
    section=_DOWN,
    expects="Any native server event but `error` is forwarded untouched.",
    matters="The service adds events every month; a bridge that drops them ages.",
)
async def unknown_events(context: CaseContext) -> None:
    """Lets the upstream send events that do not exist yet, with deep, big and unusual values."""
    client = await context.ready()
    session = context.upstream.sessions[0]
    session.send({"type": "session.future_event", "event_id": "event_f1", "value": {"deep": [[[1, 2.5, None, True]]]}})
    session.send({"type": "response.future.delta", "event_id": "event_f2", "text": 'é漢字🎙\u2028\\u0000"</script>'})
    session.send({"type": "future.big", "event_id": "event_f3", "number": 9007199254740991, "text": "x" * 200_000})
    await client.expect("future.big", expected="events of types that the bridge does not know reach the client")
    await same_events(client, session)


@GROUP.case(
    13,
    "Sends answers as binary frames to a client that asks for it",
    section=_UP,
    expects="With `audioOut` `binary` the audio of answers arrives as binary frames, whole, and not as deltas.",
    matters="It saves a third of the bytes and the decoding on phones.",
)
async def binary_out(context: CaseContext) -> None:
    """Creates a session with `audioOut` `binary`, types, and compares the audio at both ends."""
    client = await context.ready(audioOut="binary")
    await client.send("text", text="Say something.")
    await client.expect("response.done")
    await client.ping_pong()
    binary = b"".join(said.raw for said in client.received if isinstance(said.raw, bytes))
    sent = context.upstream.sessions[0].audio_sent()
    deltas = [said.type for said in client.of_type(*AUDIO_DELTAS) if said.body.get("delta")]
    check(not deltas, expected="no audio in JSON deltas", seen=f"{len(deltas)} deltas with audio")
    check(
        binary == sent,
        expected=f"{len(sent)} bytes of audio in binary frames, as the upstream sent them",
        seen=f"{len(binary)} bytes" if len(binary) != len(sent) else "the same number of bytes, but others",
    )


@GROUP.case(
    14,
    "Sends each turn's speech once, over several turns",
    section=_UP,
    expects="A turn that was answered is not sent again with the next one.",
    matters="The service would hear the first question twice.",
    seconds=2.0,
)
async def several_turns(context: CaseContext) -> None:
    """Speaks three turns with turn detection, and waits for each answer."""
    client = await context.ready()
    for turn in range(1, 4):
        await client.speak(400, silence_ms=500)
        await context.waiter.until(
            lambda turn=turn: len(client.of_type("response.done")) >= turn,  # type: ignore[misc]
            expected=f"an answer to turn {turn}",
            seen=client.describe,
            within=10.0,
        )
    await context.heard(client)
    context.check_speech(client)
