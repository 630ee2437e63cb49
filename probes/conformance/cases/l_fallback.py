"""Group L: the REST fallback, for clients that cannot keep a WebSocket. Not applicable where the bridge has none."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from probes.conformance.bounds import READY_SECONDS
from probes.conformance.case import Group
from probes.conformance.verdict import check, fail, inconclusive, not_applicable

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from probes.conformance.context import CaseContext

GROUP = Group("L", "REST fallback")
_SECTION: Final = "Without WebSockets: the REST fallback"
_ABSENT: Final = frozenset({404, 405, 501})
_CREATED, _ACCEPTED, _NO_CONTENT, _OK, _UNAUTHORIZED, _CONFLICT, _GONE = 201, 202, 204, 200, 401, 409, 410
_BUSY: Final = 503
_POLL: Final = 5
_LONG_POLL: Final = 20
_OTHER_POLLS: Final = 4


@dataclass(slots=True)
class RestSession:
    """A session of the fallback, and what was received of it."""

    context: CaseContext
    urls: dict[str, str]
    token: str
    path: str
    seq: int = 0
    after: int = 0
    messages: list[dict[str, Any]] | None = None

    async def call(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request with the session's token."""
        return await self.context.connector.http(method, url, token=options.pop("token", self.token), **options)

    async def post(self, kind: str, content: bytes, content_type: str, *, seq: int | None = None) -> httpx.Response:
        """Post audio or messages; without `seq` with the next number."""
        number = self.seq if seq is None else seq
        answer = await self.call(
            "POST", f"{self.urls[kind]}?seq={number}", content=content, headers={"Content-Type": content_type}
        )
        if seq is None and answer.status_code == _ACCEPTED:
            self.seq += 1
        return answer

    async def poll(self, *, after: int | None = None, wait: int = _POLL) -> list[dict[str, Any]]:
        """Poll once and return the events, `{seq, message}` each."""
        start = self.after if after is None else after
        answer = await self.call("GET", f"{self.urls['eventsUrl']}?after={start}&wait={wait}")
        check(answer.status_code == _OK, expected="GET events answers 200", seen=_shown(answer))
        body = _object(answer)
        events = body.get("events")
        if not isinstance(events, list):
            fail("`events`, a list", f"{body!r}"[:200])
        if after is None and isinstance(body.get("next"), int):
            self.after = body["next"]
        return [event for event in events if isinstance(event, dict)]

    async def until(self, wanted: Callable[[dict[str, Any]], object], expected: str) -> dict[str, Any]:
        """Poll until a message comes that is wanted."""
        self.messages = self.messages or []
        started = self.context.now
        while self.context.now - started < READY_SECONDS:
            for event in await self.poll():
                message = event.get("message")
                if isinstance(message, dict):
                    self.messages.append(message)
            found = next((message for message in self.messages if wanted(message)), None)
            if found is not None:
                return found
        types = ", ".join(str(message.get("type")) for message in self.messages[-8:])
        fail(expected, f"the polls brought: {types or 'nothing'}")
        return None


def _shown(answer: httpx.Response) -> str:
    return f"HTTP {answer.status_code} {answer.text[:120]}".rstrip()


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        fail("an answer in JSON", _shown(answer))
    return body if isinstance(body, dict) else {}


async def create(context: CaseContext, **fields: Any) -> RestSession:
    """Create a session, or end the case: the bridge may have no fallback."""
    path = f"{(context.connector.address.path or context.profile.path).rstrip('/')}/sessions"
    until = context.now + READY_SECONDS
    while (answer := await context.connector.http("POST", path, json=fields)).status_code == _BUSY:
        if context.now >= until:
            break
        await context.sleep(0.5)
    if answer.status_code in _ABSENT:
        not_applicable(f"the bridge has no REST fallback: HTTP {answer.status_code}")
    check(answer.status_code == _CREATED, expected="POST sessions answers 201", seen=_shown(answer))
    body = _object(answer)
    names = ("sessionId", "token", "eventsUrl", "audioUrl", "messagesUrl")
    missing = [name for name in names if not isinstance(body.get(name), str)]
    check(not missing, expected=f"{', '.join(names)}", seen=f"without {', '.join(missing)}")
    urls = {name: urlsplit(body[name]).path for name in names if name.endswith("Url")}
    session = RestSession(context, urls, body["token"], f"{path}/{body['sessionId']}")
    context.at_end.append(partial(session.call, "DELETE", session.path))
    return session


async def _ready(context: CaseContext, **fields: Any) -> RestSession:
    session = await create(context, **fields)
    await session.until(lambda message: message.get("type") == "session_ready", "`session_ready` in the events")
    return session


@GROUP.case(
    1,
    "Creates a session over HTTP",
    section=_SECTION,
    expects="201 with sessionId, token and URLs, and `Location`; the events bring `connected` and `session_ready`.",
    matters="Company networks block WebSockets; it is the only way left.",
    seconds=3.0,
)
async def creates(context: CaseContext) -> None:
    """Creates a session and polls until it is ready."""
    session = await _ready(context)
    types = [message.get("type") for message in session.messages or []]
    check(types[:1] == ["connected"], expected="`connected` first", seen=", ".join(map(str, types)))


@GROUP.case(
    2,
    "Takes speech over HTTP, once and in order",
    section=_SECTION,
    expects="Each POST of audio is answered 202 with `next`; the speech reaches the upstream whole.",
    matters="Users on the fallback are users, too.",
    seconds=3.0,
)
async def takes_speech(context: CaseContext) -> None:
    """Posts 400 ms of speech in four pieces, as bytes and as JSON."""
    session = await _ready(context, turnDetection="none")
    source = context.source()
    for number in range(4):
        pcm = source.speech(100)
        if number % 2:
            body = json.dumps({"audio": base64.b64encode(pcm).decode()}).encode()
            answer = await session.post("audioUrl", body, "application/json")
        else:
            answer = await session.post("audioUrl", pcm, "audio/pcm")
        check(answer.status_code == _ACCEPTED, expected="POST audio answers 202", seen=_shown(answer))
        told = _object(answer).get("next")
        check(told == number + 1, expected=f"`next` {number + 1}", seen=f"{told!r}")
    await context.heard_from(source)
    context.check_source(source)


@GROUP.case(
    3,
    "Takes a repeated POST once",
    section=_SECTION,
    expects="A `seq` that was taken already is answered and not taken again.",
    matters="Clients repeat what had no answer; the words must not be doubled.",
    seconds=3.0,
)
async def takes_once(context: CaseContext) -> None:
    """Posts the same piece of speech three times with one seq."""
    session = await _ready(context, turnDetection="none")
    source = context.source()
    pcm = source.speech(100)
    for _ in range(3):
        answer = await session.post("audioUrl", pcm, "audio/pcm", seq=0)
        check(answer.status_code in (_ACCEPTED, _OK), expected="202 for a repeated seq", seen=_shown(answer))
    session.seq = 1
    await session.post("audioUrl", source.speech(100), "audio/pcm")
    await context.heard_from(source)
    context.check_source(source)


@GROUP.case(
    4,
    "Refuses a POST that is too far ahead",
    section=_SECTION,
    expects="409 with `expected`.",
    matters="A gap in the sequence is lost speech; the client has to know.",
    seconds=3.0,
)
async def refuses_gap(context: CaseContext) -> None:
    """Posts seq 5 first."""
    session = await _ready(context, turnDetection="none")
    answer = await session.post("audioUrl", context.source().speech(20), "audio/pcm", seq=5)
    check(answer.status_code == _CONFLICT, expected="HTTP 409 for seq 5 where 0 is next", seen=_shown(answer))
    check(_object(answer).get("expected") == 0, expected="`expected` 0", seen=_shown(answer))


@GROUP.case(
    5,
    "Gives the same events for the same `after`",
    section=_SECTION,
    expects="Until they are acknowledged by a later `after`, events are given again.",
    matters="An answer that got lost on the way must not be lost for good.",
    seconds=3.0,
)
async def gives_again(context: CaseContext) -> None:
    """Polls twice from the beginning."""
    session = await create(context)
    await context.session(1)
    await context.sleep(0.5)
    first, second = await session.poll(after=0, wait=1), await session.poll(after=0, wait=1)
    check(first, expected="events", seen="none")
    numbers = [[event.get("seq") for event in events] for events in (first, second)]
    check(
        second[: len(first)] == first,
        expected="the same events again, as `after` has not grown",
        seen=f"events {numbers[0]}, then {numbers[1]}"[:200],
    )
    (_, given) = numbers
    check(
        len(set(given)) == len(given) and None not in given,
        expected="each event with a seq of its own",
        seen=f"{given}"[:100],
    )


@GROUP.case(
    6,
    "Takes messages over HTTP, one or several",
    section=_SECTION,
    expects="A message, or several as NDJSON, is taken as on a WebSocket.",
    matters="Clients on the fallback do the same things.",
    seconds=3.0,
)
async def takes_messages(context: CaseContext) -> None:
    """Posts a ping and a text as NDJSON, and waits for `pong` and the answer."""
    session = await _ready(context)
    lines = b'{"type":"ping","id":"rest"}\n{"type":"text","text":"Hello over HTTP."}\n'
    answer = await session.post("messagesUrl", lines, "application/x-ndjson")
    check(answer.status_code == _ACCEPTED, expected="POST messages answers 202", seen=_shown(answer))
    await session.until(lambda message: message.get("type") == "pong", "`pong` in the events")
    await session.until(lambda message: message.get("type") == "response.done", "the answer in the events")


@GROUP.case(
    7,
    "Ends a session on DELETE, and says that it is gone",
    section=_SECTION,
    expects="204, and 204 again; the upstream session ends; other calls are 410 SESSION_GONE.",
    matters="Clients stop at 410; they would poll for ever at anything else.",
    seconds=3.0,
)
async def deletes(context: CaseContext) -> None:
    """Deletes a session twice, and polls it."""
    session = await _ready(context)
    for _ in range(2):
        answer = await session.call("DELETE", session.path)
        check(answer.status_code == _NO_CONTENT, expected="DELETE answers 204", seen=_shown(answer))
    answer = await session.call("GET", f"{session.urls['eventsUrl']}?after=0&wait=0")
    check(answer.status_code == _GONE, expected="HTTP 410 for a poll of a deleted session", seen=_shown(answer))
    check(_object(answer).get("code") == "SESSION_GONE", expected="code SESSION_GONE", seen=_shown(answer))
    await context.waiter.until(
        lambda: not context.upstream.open_sessions, expected="the upstream session ends", seen="it is open"
    )


@GROUP.case(
    8,
    "Asks for the session's token",
    section=_SECTION,
    expects="Without the token, or with another one, calls are refused with 401 and `application/problem+json`.",
    matters="Whoever guesses a session id would listen in.",
    seconds=3.0,
)
async def asks_for_token(context: CaseContext) -> None:
    """Polls without a token and with a wrong one."""
    session = await create(context)
    for token in ("", "not-the-token"):
        answer = await session.call("GET", f"{session.urls['eventsUrl']}?after=0&wait=0", token=token)
        what = "another token" if token else "no token"
        check(answer.status_code == _UNAUTHORIZED, expected=f"HTTP 401 for a poll with {what}", seen=_shown(answer))
    kind = answer.headers.get("content-type", "")
    if "application/problem+json" not in kind:
        context.non_strict("`application/problem+json`", kind)


@GROUP.case(
    9,
    "Ends a poll when another one comes",
    section=_SECTION,
    expects="A second poll ends the first with 200 and no events.",
    matters="A client that was reloaded would wait for its own old poll.",
    seconds=4.0,
)
async def one_poll(context: CaseContext) -> None:
    """Polls twice at once."""
    session = await _ready(context)
    await context.sleep(0.3)
    await session.poll(wait=0)
    started = context.now
    first: list[list[dict[str, Any]]] = []

    async def poll() -> None:
        first.append(await session.poll(after=session.after, wait=_LONG_POLL))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        for _ in range(_OTHER_POLLS):
            # On a busy machine the first poll may set out late: another one comes surely behind it.
            await context.sleep(0.3)
            await session.poll(after=session.after, wait=1)
            if first:
                break
        nursery.cancel_scope.cancel()
    if context.now - started >= _LONG_POLL:
        inconclusive("this machine was so late that the first poll may have ended by itself")
    check(first, expected="the first poll ends when another one comes", seen=f"it waits on after {_OTHER_POLLS} others")
    check(not first[0], expected="no events for the first poll", seen=f"{len(first[0])} of them")


@GROUP.case(
    10,
    "Refuses a session that never was",
    section=_SECTION,
    expects="410 SESSION_GONE for an unknown session.",
    matters="After a deploy clients come with old sessions: they have to start a new one.",
    seconds=2.0,
)
async def unknown(context: CaseContext) -> None:
    """Polls a session with an id that was never given."""
    session = await create(context)
    head, _, _ = session.path.rpartition("/")
    answer = await session.call("GET", f"{head}/node-0.unknown0000000000/events?after=0&wait=0")
    known = answer.status_code in (_GONE, _UNAUTHORIZED)
    check(known, expected="HTTP 410 for a session that never was", seen=_shown(answer))
    if answer.status_code != _GONE:
        context.non_strict("HTTP 410 SESSION_GONE", _shown(answer))
