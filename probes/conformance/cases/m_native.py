"""Group M: the native endpoint. Any proxy that is compatible with the Realtime API can be tested with M alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.ordering.checker import OrderChecker
from probes.conformance.bounds import READY_SECONDS
from probes.conformance.case import Group
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext
    from probes.conformance.peers.client import BridgeClient

GROUP = Group("M", "Native endpoint")
_SECTION: Final = "The native endpoint"
_ANSWER: Final = 10.0
_TOOL: Final = {"type": "function", "name": "find_loan", "description": "Finds.", "parameters": {"type": "object"}}
_ERROR_FIELDS: Final = ("type", "message")
_NO_DETECTION: Final = {"audio": {"input": {"turn_detection": None}}}


def _user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def ask(client: BridgeClient, text: str) -> None:
    """Send a typed turn and ask for the answer, as SDKs do."""
    await client.send_event("conversation.item.create", item=_user(text))
    await client.send_event("response.create")


@GROUP.case(
    1,
    "Begins with `session.created`",
    section=_SECTION,
    expects="The first event of a connection is `session.created`, with the session's id and model.",
    matters="SDKs wait for it before they send anything.",
)
async def begins(context: CaseContext) -> None:
    """Connects as an SDK does."""
    client = await context.native()
    created = await client.expect("session.created", within=READY_SECONDS)
    check(created.index == 0, expected="`session.created` first", seen=client.describe())
    session = created.body.get("session")
    check(isinstance(session, dict) and session.get("id"), expected="`session` with an id", seen=f"{session!r}"[:200])


@GROUP.case(
    2,
    "Confirms a configuration",
    section=_SECTION,
    expects="`session.update` is answered by `session.updated` with the new values.",
    matters="SDKs wait for it.",
)
async def configures(context: CaseContext) -> None:
    """Sends `session.update` with instructions, and reads the confirmation."""
    client = await context.native()
    await client.expect("session.created", within=READY_SECONDS)
    session = {"type": "realtime", "instructions": "Be the suite."}
    await client.send_event("session.update", session=session)
    updated = await client.expect("session.updated", where=lambda said: "Be the suite." in str(said.body))
    check(updated, expected="`session.updated` with the instructions", seen="")
    received = b"".join(event.data for event in context.upstream.sessions[-1].of_type("session.update"))
    check(b"Be the suite." in received, expected="the instructions go upstream", seen="they do not")


@GROUP.case(
    3,
    "Passes an answer down in the order of the API",
    section=_SECTION,
    expects="The events of a typed turn come whole and in the order that the API documents.",
    matters="SDKs build their state from that order.",
)
async def order(context: CaseContext) -> None:
    """Has a typed turn and checks the order of every event."""
    client = await context.native_ready()
    await ask(client, "Hello.")
    await client.expect("response.done", within=_ANSWER)
    checker = OrderChecker(Dialect.GA)
    foreign = [said.type for said in client.received if not said.is_native and said.type != "error"]
    check(not foreign, expected="events of the API only", seen=f"messages of the bridge: {', '.join(foreign[:3])}")
    broken = [violation for said in client.received for violation in checker.feed(dict(said.body))]
    check(not broken, expected="the documented order", seen=str(broken[0]) if broken else "")


@GROUP.case(
    4,
    "Passes speech on whole, once and in order",
    section=_SECTION,
    expects="Every appended millisecond reaches the upstream once, in order.",
    matters="Lost or doubled audio turns into words that the user never said.",
)
async def speech(context: CaseContext) -> None:
    """Appends two seconds of speech in chunks of 20 ms."""
    client = await context.native_ready(**_NO_DETECTION)
    await client.append(2000)
    await context.heard(client)
    context.check_speech(client)


@GROUP.case(
    5,
    "Keeps what comes right after the upgrade",
    section=_SECTION,
    expects="What an SDK sends before `session.created` has come is not lost.",
    matters="Most SDKs send their configuration and the first audio at once.",
)
async def early(context: CaseContext) -> None:
    """Appends 200 ms of speech before it has read anything, while the upstream takes 400 ms."""
    context.upstream.plan(["create:seconds=0.4"])
    client = await context.native()
    await client.append(200)
    await client.expect("session.created", within=READY_SECONDS)
    await context.heard(client, what="the speech that was sent right after the upgrade")
    context.check_speech(client)


@GROUP.case(
    6,
    "Forwards every event untouched",
    section=_SECTION,
    expects="The client receives every event of the upstream unchanged, also those that the bridge does not know.",
    matters="A proxy that drops fields breaks clients that it does not know.",
)
async def untouched(context: CaseContext) -> None:
    """Lets the upstream send future events, and has a turn."""
    client = await context.native_ready()
    session = context.upstream.sessions[-1]
    value = {"deep": [[1, 2.5, None, True]], "text": "é漢🎙"}
    future = {"type": "session.future_event", "event_id": "event_f1", "value": value}
    session.send(future)
    said = await client.expect(
        "session.future_event", expected="an event of a type that the bridge does not know reaches the client"
    )
    check(dict(said.body) == future, expected=f"{future!r}", seen=f"{dict(said.body)!r}"[:300])
    await ask(client, "Hello.")
    await client.expect("response.done", within=_ANSWER)
    sent = [event.body for event in session.sent if event.type.startswith("response.")]
    got = [dict(one.body) for one in client.received if one.type.startswith("response.")]
    check(
        got == sent,
        expected=f"the {len(sent)} events of the answer, unchanged",
        seen=f"{len(got)} events" if len(got) != len(sent) else "changed events",
    )


@GROUP.case(
    7,
    "Passes on the upstream's errors as they are",
    section=_SECTION,
    expects="An `error` event of the upstream reaches the client with its type, code, message and event_id.",
    matters="SDKs show and classify errors by these fields.",
)
async def errors(context: CaseContext) -> None:
    """Sends an event that the upstream refuses, with an event_id."""
    client = await context.native_ready()
    await client.send_event("conversation.item.delete", event_id="event_wrong", item_id="item_that_never_was")
    said = await client.expect("error")
    error = said.body.get("error")
    check(
        isinstance(error, dict) and all(error.get(name) for name in _ERROR_FIELDS),
        expected="`error` with type and message",
        seen=f"{error!r}"[:200],
    )
    event_id = error.get("event_id") if isinstance(error, dict) else None
    check(event_id == "event_wrong", expected="the event_id of the client's event", seen=f"{event_id!r}")


@GROUP.case(
    8,
    "Gives each client an upstream session of its own",
    section=_SECTION,
    expects="Two clients have two upstream sessions.",
    matters="With a shared session users hear the answers to others.",
)
async def own_sessions(context: CaseContext) -> None:
    """Connects two clients; one of them has a turn."""
    first, second = await context.native_ready(), await context.native_ready()
    opened = len(context.upstream.open_sessions)
    check(
        opened == 2,  # noqa: PLR2004 - two clients
        expected="two upstream sessions for two clients",
        seen=f"{opened}: the bridge uses one upstream socket for several clients",
    )
    await ask(first, "Only for the first.")
    await first.expect("response.done", within=_ANSWER)
    foreign = second.of_type("response.created", "response.done")
    check(not foreign, expected="nothing of it at the second client", seen=second.describe())


@GROUP.case(
    21,
    "Lets an answer be cancelled",
    section=_SECTION,
    expects="`response.cancel` reaches the upstream at once; `response.done` says `cancelled`.",
    matters="Barge-in depends on it.",
    seconds=2.0,
)
async def cancels(context: CaseContext) -> None:
    """Cancels an answer in its middle."""
    context.upstream.plan(["pace:times=2"])
    client = await context.native_ready()
    await ask(client, "Tell me a story.")
    await client.expect("response.output_audio.delta", within=_ANSWER)
    await client.send_event("response.cancel")
    done = await client.expect("response.done", within=_ANSWER)
    status = done.body.get("response", {}).get("status")
    check(status == "cancelled", expected="status `cancelled`", seen=f"{status!r}")


@GROUP.case(
    22,
    "Passes tools, calls and results",
    section=_SECTION,
    expects="Tools of `session.update` go up, the call comes down, and the result goes up as it is.",
    matters="Assistants that act depend on it.",
    seconds=2.0,
)
async def tools(context: CaseContext) -> None:
    """Configures a tool, lets the upstream call it, and sends the result."""
    context.upstream.plan(["reply:how=function"])
    client = await context.native_ready(tools=[_TOOL])
    await ask(client, "Find my loan.")
    call = await client.expect("response.function_call_arguments.done", within=_ANSWER)
    await client.expect("response.done", after=call, within=_ANSWER)
    item = {"type": "function_call_output", "call_id": call.body.get("call_id"), "output": '{"found": true}'}
    await client.send_event("conversation.item.create", item=item)
    session = context.upstream.sessions[-1]
    await context.upstream_received(session, "conversation.item.create", count=2)
    got = session.of_type("conversation.item.create")[-1].body.get("item", {})
    different = [name for name in item if got.get(name) != item[name]]
    check(not different, expected="the result as it was sent", seen=f"other values of {', '.join(different)}")


@GROUP.case(
    23,
    "Takes the client's key as a subprotocol",
    section=_SECTION,
    expects="Browsers offer `realtime` and `openai-insecure-api-key.KEY`; the bridge selects `realtime`.",
    matters="Browsers cannot send headers with a WebSocket.",
)
async def subprotocol(context: CaseContext) -> None:
    """Connects as a browser does."""
    key = context.connector.token or "sk-of-the-client-0000000000"
    client = await context.native(subprotocols=("realtime", f"openai-insecure-api-key.{key}"), authorized=False)
    await client.expect("session.created", within=READY_SECONDS)
    selected = client.socket.subprotocol
    check(selected == "realtime", expected="subprotocol `realtime`", seen=f"{selected!r}")


@GROUP.case(
    24,
    "Keeps its own key from the client, and the client's from the upstream",
    section=_SECTION,
    expects="The upstream is asked with the bridge's key, whatever the client offers.",
    matters="Clients of a bridge have tokens of the bridge, not keys of the API.",
)
async def own_key(context: CaseContext) -> None:
    """Connects with a key of the client, and looks at the key that the upstream was shown."""
    own = context.connector.token or "sk-of-the-client-0000000000"
    headers = [] if context.connector.token else [("Authorization", f"Bearer {own}")]
    client = await context.native(headers=headers)
    await client.expect("session.created", within=READY_SECONDS)
    shown = context.upstream.dials[-1].headers.get("authorization", "")
    check(own not in shown, expected="the bridge's own key upstream", seen="the client's key")
    check(shown.lower().startswith("bearer "), expected="an `Authorization: Bearer` header upstream", seen="none")
    key = shown.partition(" ")[2]
    leaked = [said.type for said in client.received if key and key in str(said.raw)]
    check(not leaked, expected="no event with the bridge's key", seen=", ".join(leaked))
