"""The requests of the REST fallback: which there are, who may make them, and what each is answered.

`bodies.py` reads what a request brings, `sessions.py` has the sessions, and `streams.py` answers with server-sent
events. A request for a session of another process is given to `hand_over`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

import trio

from bridge.client_protocol.endpoints import FALLBACK_PATH
from bridge.server.admission.policy import Rejection
from bridge.server.fallback import bodies
from bridge.server.fallback.bodies import BadRequest
from bridge.server.fallback.event_log import UnknownEventError
from bridge.server.fallback.posts import PostOrder
from bridge.server.fallback.streams import stream_events
from bridge.server.http.responses import problem_response
from bridge.transport.http import HttpAnswer, HttpRequest, HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.server.clients.native_messages import LockedFields
    from bridge.server.fallback.client import FallbackClient
    from bridge.server.fallback.sessions import FallbackSession, FallbackSessions
    from bridge.transport.link import Headers

    _Action = Callable[["FallbackRoutes", HttpRequest, str], Awaitable[HttpAnswer]]
    _Take = Callable[[FallbackClient, HttpRequest], Awaitable[None]]

HandOver = Callable[[str, HttpRequest], Awaitable[HttpAnswer | None]]
"""Gives a request to the process of this name, and returns its answer; None if there is no such process here."""

#: How many messages of one POST are handled before others get their turn.
_MESSAGES_PER_SLICE: Final = 32
_NO_STORE: Final = (("cache-control", "no-store"),)
#: What pages of other origins may send and read (the Fetch standard calls it CORS), and how long they may remember it.
_PREFLIGHT: Final = (
    ("access-control-allow-headers", "authorization, content-type, last-event-id"),
    ("access-control-max-age", "600"),
)
_GONE: Final = Rejection(410, "SESSION_GONE", "This session is over or was never here. Begin a new one.")
_UNAUTHORIZED: Final = Rejection(401, "UNAUTHORIZED", "Send the session's token as Authorization: Bearer.")
#: Of requests whose bodies the server did not take.
_BODY_CODES: Final = {408: "REQUEST_TIMEOUT", 413: "MESSAGE_TOO_LARGE"}
_TOO_FAST: Final = Rejection(429, "RATE_EXCEEDED", "The client sent too fast for 5 s without a pause.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackRoutes:
    """Answers every request below FALLBACK_PATH."""

    sessions: FallbackSessions
    admit: Callable[[HttpRequest], FallbackClient | Rejection]
    """Decides who may begin a session, and counts it."""
    check_origin: Callable[[HttpRequest], Rejection | None]
    locked: Callable[[], LockedFields]
    hand_over: HandOver

    async def respond(self, request: HttpRequest) -> HttpAnswer | None:
        """Return the answer to a request; None if its path is not the fallback's."""
        if not request.path.startswith(FALLBACK_PATH):
            return None
        rejection = self.check_origin(request)
        if rejection is not None:
            return problem_response(rejection)
        answer = await self._respond(request)
        return replace(answer, headers=(*answer.headers, *_cross_origin(request)))

    def reject_body(self, request: HttpRequest, status: int, text: str) -> HttpResponse:
        """Return the answer to a request whose body the server did not take: nobody looked at its token."""
        if (rejection := self.check_origin(request)) is not None:
            return problem_response(rejection)
        answer = problem_response(Rejection(status, _BODY_CODES[status], f"{text[0].upper()}{text[1:]}."))
        return replace(answer, headers=(*answer.headers, *_cross_origin(request)))

    async def _respond(self, request: HttpRequest) -> HttpAnswer:
        session_id, _, tail = request.path.removeprefix(FALLBACK_PATH).removeprefix("/").partition("/")
        actions = self._routes.get((bool(session_id), tail))
        if actions is None or request.path.endswith("/"):
            return problem_response(Rejection(404, "NOT_FOUND", "The REST fallback has no such path."))
        if request.method == "OPTIONS":
            return HttpResponse(204, (*_PREFLIGHT, ("access-control-allow-methods", ", ".join(actions))))
        action = actions.get(request.method)
        if action is None:
            allowed = ", ".join((*actions, "OPTIONS"))
            rejection = Rejection(405, "METHOD_NOT_ALLOWED", f"This path accepts only {allowed}.")
            return problem_response(rejection, headers=(("allow", allowed),))
        try:
            return await action(self, request, session_id)
        except BadRequest as bad:
            return problem_response(Rejection(bad.status, bad.code, str(bad)))

    # What each request does

    async def _create(self, request: HttpRequest, _: str) -> HttpAnswer:
        options = bodies.session_options(request, self.locked())  # before a ticket is used up
        client = self.admit(request)
        if isinstance(client, Rejection):
            return problem_response(client)
        session = await self.sessions.begin(client, options)
        path = f"{FALLBACK_PATH}/{session.id}"
        body = {
            "sessionId": session.id,
            "token": session.token,
            "eventsUrl": f"{path}/events",
            "audioUrl": f"{path}/audio",
            "messagesUrl": f"{path}/messages",
        }
        return json_response(201, body, (("location", path), *_NO_STORE))

    async def _audio(self, request: HttpRequest, session_id: str) -> HttpAnswer:
        return await self._post(request, session_id, _take_audio)

    async def _messages(self, request: HttpRequest, session_id: str) -> HttpAnswer:
        return await self._post(request, session_id, _take_messages)

    async def _post(self, request: HttpRequest, session_id: str, take: _Take) -> HttpAnswer:
        session = self._find(request, session_id)
        if not isinstance(session, Rejection):
            return await self._take(request, session.client, take)
        return await self._elsewhere(session, request, session_id)

    async def _take(self, request: HttpRequest, client: FallbackClient, take: _Take) -> HttpAnswer:
        if client.ended and not client.refused:
            return problem_response(_GONE)
        posts = client.posts
        match posts.order(bodies.number(request, "seq")):
            case PostOrder.TOO_FAR_AHEAD:
                message = f"A POST is missing: the next one is seq={posts.expected}."
                return problem_response(Rejection(409, "INVALID_MESSAGE", message), extra={"expected": posts.expected})
            case PostOrder.NEXT:
                await take(client, request)
            case PostOrder.REPEATED:
                pass
        if client.refused:
            return problem_response(_TOO_FAST)
        await client.wait_for_turn()
        return json_response(202, {"next": posts.expected}, _NO_STORE)

    async def _events(self, request: HttpRequest, session_id: str) -> HttpAnswer:
        session = self._find(request, session_id)
        if isinstance(session, Rejection):
            return await self._elsewhere(session, request, session_id)
        try:
            if "text/event-stream" in (request.header("accept") or ""):
                return stream_events(session.client, bodies.resume_after(request))
            return await _poll(request, session.client)
        except UnknownEventError as unknown:
            raise BadRequest(str(unknown)) from None

    async def _delete(self, request: HttpRequest, session_id: str) -> HttpAnswer:
        session = self._find(request, session_id)
        if not isinstance(session, Rejection):
            self.sessions.end(session)
        elif session is not _GONE:
            return problem_response(session)
        elif (answer := await self.hand_over(_owner(session_id), request)) is not None:
            return answer
        return HttpResponse(204)

    def _find(self, request: HttpRequest, session_id: str) -> FallbackSession | Rejection:
        if not request.bearer:
            return _UNAUTHORIZED  # even where there is no such session
        session = self.sessions.find(session_id)
        if session is None:
            return _GONE
        return session if session.accepts(request.bearer) else _UNAUTHORIZED

    async def _elsewhere(self, rejection: Rejection, request: HttpRequest, session_id: str) -> HttpAnswer:
        """Answer a request for a session that is not here: by the process that has it, if there is one."""
        answer = await self.hand_over(_owner(session_id), request) if rejection is _GONE else None
        return problem_response(rejection) if answer is None else answer

    #: By whether the path names a session, and what follows the name.
    _routes: ClassVar[Mapping[tuple[bool, str], Mapping[str, _Action]]] = {
        (False, ""): {"POST": _create},
        (True, ""): {"DELETE": _delete},
        (True, "audio"): {"POST": _audio},
        (True, "messages"): {"POST": _messages},
        (True, "events"): {"GET": _events},
    }


async def _take_audio(client: FallbackClient, request: HttpRequest) -> None:
    pcm = bodies.audio(request)
    client.posts.taken()
    client.take_audio(pcm)


async def _take_messages(client: FallbackClient, request: HttpRequest) -> None:
    found = bodies.messages(request)
    client.posts.taken()  # before others get their turn: a repeated POST may come meanwhile
    for count, frame in enumerate(found, 1):
        client.take_message(frame)
        if count % _MESSAGES_PER_SLICE == 0:
            await trio.lowlevel.checkpoint()


async def _poll(request: HttpRequest, client: FallbackClient) -> HttpAnswer:
    after = bodies.number(request, "after", 0)
    wait = bodies.wait_seconds(request)
    first, events = await client.poll(after, wait)
    if client.ended and not events:
        return problem_response(_GONE)
    listed = b",".join(b'{"seq":%d,"message":%b}' % (seq, event) for seq, event in enumerate(events, first))
    body = b'{"events":[%b],"next":%d}' % (listed, first + len(events) - 1)
    return HttpResponse(200, (("content-type", "application/json"), *_NO_STORE), body)


async def no_other_process(_: str, __: HttpRequest) -> HttpAnswer | None:
    """Return that a bridge with one process has no other: a `HandOver`."""
    return None


def _cross_origin(request: HttpRequest) -> Headers:
    """Return the headers that let a page of another origin, which may connect, read the answer."""
    origin = request.header("origin")
    if origin is None:
        return ()
    return (
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", "location, retry-after"),
        ("vary", "origin"),
    )


def _owner(session_id: str) -> str:
    """Return the name of the process in a session's id."""
    return session_id.rpartition(".")[0]
