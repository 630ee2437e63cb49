"""The sessions of the REST fallback that this process owns: begun, found by id and token, and ended.

An id names its owner, `<node>-<worker>.<random>`, so that any worker knows whom to ask. Whether a client may begin one
is admission's question; what a request means, that of `routes.py`.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from bridge.server.fallback.client import UNPOLLED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from bridge.server.fallback.client import FallbackClient

#: Bytes of randomness in an id, and in a token: an id is no secret, a token is the only credential of its session.
_ID_BYTES: Final = 12
_TOKEN_BYTES: Final = 32


def process_name(node: str, worker: int) -> str:
    """Return the name of a process: which worker, of which of several bridges behind one balancer."""
    return f"{node}-{worker}"


@dataclass(frozen=True, slots=True)
class FallbackSession:
    """One session, and the token that its requests must bring."""

    id: str
    token: str
    client: FallbackClient

    def accepts(self, token: str) -> bool:
        """Whether this is its token, in constant time."""
        return hmac.compare_digest(token.encode(), self.token.encode())


class FallbackSessions:
    """The sessions of one process. `run` runs them."""

    def __init__(self, owner: str, serve: Callable[[FallbackClient], Awaitable[None]]) -> None:
        """`owner` names this process. `serve` runs a session to its end and raises nothing that a client can cause."""
        self.owner = owner
        self._serve = serve
        self._sessions: dict[str, FallbackSession] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run sessions until cancelled, which ends them all."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    async def begin(self, client: FallbackClient, options: Mapping[str, Any]) -> FallbackSession:
        """Begin a session with these options. Cancelling may leave one, which ends because nobody polls it."""
        if self._nursery is None:
            raise RuntimeError("`run` the sessions first")
        session = FallbackSession(
            f"{self.owner}.{secrets.token_urlsafe(_ID_BYTES)}", secrets.token_urlsafe(_TOKEN_BYTES), client
        )
        self._sessions[session.id] = session
        await self._nursery.start(self._run, session)
        client.start(options)
        return session

    def find(self, session_id: str) -> FallbackSession | None:
        """Return a session of this process; None for one that is over, was never here, or belongs to another."""
        return self._sessions.get(session_id)

    def end(self, session: FallbackSession) -> None:
        """End a session whose client is done with it: nothing more can be fetched."""
        self._sessions.pop(session.id, None)
        session.client.leave()

    async def _run(self, session: FallbackSession, task_status: trio.TaskStatus[None]) -> None:
        client = session.client
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve_client, client)
                await client.running.wait()
                task_status.started()
            with trio.move_on_after(UNPOLLED_SECONDS):  # what waits can be fetched that long
                await client.fetched.wait()
        finally:
            self._sessions.pop(session.id, None)

    async def _serve_client(self, client: FallbackClient) -> None:
        try:
            await self._serve(client)
        finally:
            client.running.set()  # even if it never ran
