"""Group A: the handshake, admission, and the first messages."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from probes.conformance.bounds import READY_SECONDS
from probes.conformance.case import Group
from probes.conformance.peers.refused import Refused
from probes.conformance.verdict import check

if TYPE_CHECKING:
    from probes.conformance.context import CaseContext

GROUP = Group("A", "Handshake and admission")
_DOWN, _UP, _DOORS = "Messages from the bridge", "Messages from the client", "Endpoints"
_TIMESTAMP: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
_OK: Final = 200
_FORBIDDEN: Final = 403


@GROUP.case(
    1,
    "Greets each socket with `connected`",
    section=_DOWN,
    expects="`connected` is the first message of a socket, sent once, with a `clientId` and `protocol` 1.",
    matters="Clients wait for it before they speak, and quote the clientId when they report a problem.",
)
async def greets(context: CaseContext) -> None:
    """Opens a WebSocket and sends a ping."""
    client = await context.connect()
    await client.expect("connected", expected="the first message of the bridge is `connected`")
    await client.ping_pong()
    greetings = client.of_type("connected")
    first = client.received[0]
    check(first.type == "connected", expected="the first message is `connected`", seen=f"`{first.type}`")
    check(len(greetings) == 1, expected="one `connected`", seen=f"{len(greetings)} of them")
    check(
        first.body.get("clientId") and first.body.get("protocol") == 1,
        expected="`connected` with a `clientId` and `protocol` 1",
        seen=f"clientId {first.body.get('clientId')!r}, protocol {first.body.get('protocol')!r}",
    )


@GROUP.case(
    2,
    "Answers `ping` itself, with the same id",
    section=_UP,
    expects="`pong` carries the id of its `ping`, of a number too, and nothing goes upstream.",
    matters="Clients measure the bridge with it; the Realtime API has no ping event, so a forwarded one is an error.",
)
async def answers_ping(context: CaseContext) -> None:
    """Pings with a text and with a number as id, without a session and in one."""
    client = await context.ready()
    await client.ping_pong("one")
    last = client.last
    await client.send("ping", id=7)
    pong = await client.expect("pong", after=last)
    check(pong.body.get("id") == 7, expected="`pong` with id 7", seen=f"id {pong.body.get('id')!r}")  # noqa: PLR2004 - the id that was sent
    types = context.upstream.sessions[0].types()
    check(
        not [kind for kind in types if "ping" in kind],
        expected="`ping` does not go upstream",
        seen=f"the upstream received {', '.join(types)}",
    )


@GROUP.case(
    3,
    "Reports the attempt to open a session",
    section=_DOWN,
    expects="`session_initializing` comes before `session_ready`, with `attempt` 1 and the number of attempts.",
    matters="Clients show that something happens, and how long it may take.",
)
async def reports_attempt(context: CaseContext) -> None:
    """Creates a session."""
    client = await context.ready()
    ready = client.of_type("session_ready")[0]
    attempts = [said for said in client.of_type("session_initializing") if said.index < ready.index]
    check(attempts, expected="`session_initializing` before `session_ready`", seen=client.describe())
    first = attempts[0]
    check(
        first.number("attempt") == 1 and first.number("maxAttempts") >= 1,
        expected="`session_initializing` with attempt 1 and maxAttempts of at least 1",
        seen=f"attempt {first.body.get('attempt')!r}, maxAttempts {first.body.get('maxAttempts')!r}",
    )


@GROUP.case(
    4,
    "Says which session is ready",
    section=_DOWN,
    expects="`session_ready` has message, sessionId (the upstream's), model, dialect, bufferedChunks and bufferedMs.",
    matters="With the upstream's session id, a problem can be found in the logs of the service.",
)
async def describes_ready(context: CaseContext) -> None:
    """Creates a session and compares `session_ready` with what the upstream said."""
    client = await context.ready()
    ready = client.of_type("session_ready")[0]
    names = ("message", "sessionId", "model", "dialect", "bufferedChunks", "bufferedMs")
    missing = [name for name in names if ready.body.get(name) in (None, "")]
    check(not missing, expected=f"`session_ready` with {', '.join(names)}", seen=f"without {', '.join(missing)}")
    upstream_id = context.upstream.sessions[0].id
    check(
        ready.body["sessionId"] == upstream_id,
        expected=f"sessionId is the upstream's: {upstream_id}",
        seen=str(ready.body["sessionId"]),
    )


@GROUP.case(
    5,
    "Stamps every message with the time",
    section="Messages from the bridge: timestamp",
    expects="Every message of the bridge has `timestamp`, ISO 8601 in UTC with milliseconds.",
    matters="Without a common clock nobody can put the logs of client and bridge together.",
)
async def stamps(context: CaseContext) -> None:
    """Creates a session, provokes an error, and looks at the timestamps of the bridge's own messages."""
    client = await context.ready()
    await client.send_text("no JSON")
    await client.expect("error")
    for said in client.received:
        stamp = said.body.get("timestamp")
        check(
            said.is_native or (isinstance(stamp, str) and _TIMESTAMP.match(stamp)),
            expected="every message of the bridge has a timestamp like 2026-12-01T12:00:00.000Z",
            seen=f"`{said.type}` has {stamp!r}",
        )


@GROUP.case(
    6,
    "Counts upstream sessions in `generation`",
    section=_DOWN,
    expects="Every message about a session has `generation`; each attempt is a new one, and it only grows.",
    matters="It is how clients tell late messages of a lost session from those of the session that replaced it.",
    seconds=2.0,
)
async def counts_generations(context: CaseContext) -> None:
    """Creates a session, ends it, and creates another one."""
    client = await context.ready()
    await client.send("end_session")
    closed = await client.expect("session_closed")
    await client.send("create_session")
    await client.expect("session_ready", after=closed, within=READY_SECONDS)
    about = client.of_type("session_initializing", "session_ready", "session_closed")
    generations = [said.number("generation") for said in about]
    check(
        min(generations) >= 0,
        expected="every message about a session has a `generation`",
        seen=f"`{about[generations.index(min(generations))].type}` has none",
    )
    check(
        generations == sorted(generations) and generations[-1] > generations[0],
        expected="`generation` grows with each upstream session",
        seen=", ".join(f"{said.type} {said.body.get('generation')}" for said in about),
    )


@GROUP.case(
    7,
    "Refuses a second session on a live one",
    section=_UP,
    expects="`create_session` while a session is live is answered by `error` SESSION_ALREADY_EXISTS; it goes on.",
    matters="A second upstream session for one user costs twice, and answers twice.",
)
async def refuses_second(context: CaseContext) -> None:
    """Sends `create_session` twice, the second time when the session is ready; then speaks."""
    client = await context.ready(turnDetection="none")
    await client.send("create_session")
    error = await client.expect("error", expected="`error` SESSION_ALREADY_EXISTS for the second `create_session`")
    check(error.code == "SESSION_ALREADY_EXISTS", expected="`error` SESSION_ALREADY_EXISTS", seen=error.shown_code)
    check(error.body.get("retryable") is False, expected="it is not retryable", seen=str(error.body.get("retryable")))
    await client.speak(100)
    await context.heard(client)
    sessions = len(context.upstream.sessions)
    check(sessions == 1, expected="one upstream session", seen=f"{sessions} of them")


@GROUP.case(
    8,
    "Ignores `create_session` while one is starting",
    section=_UP,
    expects="It is ignored: no error, and one upstream session.",
    matters="Impatient clients and React effects send it twice.",
)
async def ignores_repeated(context: CaseContext) -> None:
    """Sends `create_session` three times at once while the upstream takes 300 ms."""
    context.upstream.plan(["create:seconds=0.3"])
    client = await context.connect()
    for _ in range(3):
        await client.send("create_session")
    await client.expect("session_ready", within=READY_SECONDS)
    await client.ping_pong()
    dials = len(context.upstream.dials)
    check(dials == 1, expected="one upstream connection", seen=f"{dials} of them")
    check(not client.errors, expected="no error", seen=client.describe())


@GROUP.case(
    17,
    "Gives each client an upstream session of its own",
    section="Session life",
    expects="Two clients have two upstream sessions, and different clientIds.",
    matters="With a shared session users hear the answers to others.",
)
async def own_sessions(context: CaseContext) -> None:
    """Creates sessions for two clients at once; each of them types."""
    first, second = await context.ready(), await context.ready()
    sessions = context.upstream.sessions
    check(
        len(sessions) == 2,  # noqa: PLR2004 - two clients
        expected="two upstream sessions for two clients",
        seen=f"{len(sessions)}: the bridge uses one upstream socket for several clients",
    )
    ids = [said.body.get("clientId") for client in (first, second) for said in client.of_type("connected")]
    check(len(set(ids)) == len(ids), expected="two different clientIds", seen=f"{ids[0]!r} twice" if ids else "none")
    before = second.last
    await first.send("text", text="Only for the first.")
    await first.expect("response.done")
    await second.ping_pong()
    foreign = [said.type for said in second.of_type("response.created", "response.done", after=before)]
    check(not foreign, expected="the second client receives nothing of the first one's answer", seen=", ".join(foreign))


@GROUP.case(
    18,
    "Shows its API key to nobody",
    section="Errors",
    expects="The upstream is asked with a bearer key, and no message to a client has a part of it.",
    matters="A key in a browser is a key for everybody.",
)
async def hides_key(context: CaseContext) -> None:
    """Lets the upstream refuse the key, and searches what the client received for it."""
    context.upstream.plan(["refuse:code=invalid_api_key"])
    client = await context.connect()
    await client.send("create_session")
    await client.expect("error", within=READY_SECONDS)
    scheme, _, key = context.upstream.dials[0].headers.get("authorization", "").partition(" ")
    check(scheme.lower() == "bearer" and key, expected="an `Authorization: Bearer` header upstream", seen=f"{scheme!r}")
    shown = [said.type for said in client.received if key in str(said.raw)]
    check(not shown, expected="no message to the client has the API key", seen=f"`{', '.join(shown)}` has it")


async def healthy(context: CaseContext, *, path: str) -> None:
    """Ask for a health endpoint."""
    answer = await context.connector.http("GET", path)
    check(answer.status_code == _OK, expected=f"GET {path} answers 200", seen=f"HTTP {answer.status_code}")


for number, (path, word) in enumerate((("/healthz", "alive"), ("/readyz", "ready")), 19):
    GROUP.add(
        number,
        f"Says over HTTP that it is {word}",
        partial(healthy, path=path),
        section=_DOORS,
        does=f"Sends GET {path}.",
        expects=f"A healthy bridge answers GET {path} with 200.",
        matters="Orchestrators restart a bridge, or send it no clients, by this answer.",
    )


@GROUP.case(
    21,
    "Refuses a request without an upgrade",
    section=_DOORS,
    expects="A plain GET at the WebSocket's path is answered with a 4xx at once.",
    matters="Behind a proxy that strips the upgrade, a hang or a 200 hides the cause.",
)
async def refuses_plain(context: CaseContext) -> None:
    """Sends a GET without upgrade headers to the client endpoint."""
    path = context.connector.address.path or context.profile.path
    answer = await context.connector.http("GET", path)
    check(400 <= answer.status_code < 500, expected="HTTP 4xx, best 426", seen=f"HTTP {answer.status_code}")  # noqa: PLR2004 - 4xx


@GROUP.case(
    22,
    "Refuses web pages that nobody allowed",
    section="Errors: ORIGIN_NOT_ALLOWED",
    expects="A WebSocket from the page of an unknown origin is refused with HTTP 403 before the upgrade.",
    matters="Any web page that a user visits could speak to the bridge in the user's name.",
)
async def refuses_origin(context: CaseContext) -> None:
    """Connects with the `Origin` of a page of somebody else."""
    client = await context.connector.upgrade(headers=[("Origin", "https://elsewhere.example")])
    status = client.status if isinstance(client, Refused) else None
    check(
        isinstance(client, Refused),
        expected="HTTP 403 for the origin https://elsewhere.example",
        seen="the socket was opened",
    )
    if status != _FORBIDDEN:
        context.non_strict("HTTP 403", f"{client}")


@GROUP.case(
    23,
    "Opens no WebSocket at other paths",
    section=_DOORS,
    expects="An upgrade at a path that is no endpoint is refused.",
    matters="A typing error in a URL should show at once, and not as a socket that says nothing.",
)
async def refuses_path(context: CaseContext) -> None:
    """Connects at a path that does not exist."""
    client = await context.connector.upgrade("/no/such/endpoint")
    check(isinstance(client, Refused), expected="HTTP 404", seen="the socket was opened")
