"""What a case works with: clients of its own, the upstream, and waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import trio

from bridge.protocol.audio.tracer import TracerCount, TracerReceiver, TracerSource
from probes.conformance.bounds import READY_SECONDS, SOON
from probes.conformance.peers.refused import Refused
from probes.conformance.verdict import CaseEnded, NonStrict, check, fail, not_applicable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from probes.conformance.peers.client import BridgeClient
    from probes.conformance.peers.connector import SocketOpener
    from probes.conformance.peers.raw import RawSocket
    from probes.conformance.peers.upstream import ScriptedUpstream, SeenSession
    from probes.conformance.peers.waiting import Waiter
    from probes.conformance.peers.wire_log import WireLog
    from probes.conformance.profile import Profile
    from probes.conformance.tested.process import BridgeProcess

Opened = TypeVar("Opened")
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
#: No bridge has it.
_UNKNOWN_PATH: Final = "/no-such-path"
_UPGRADE_REQUIRED: Final = 426
_UNAVAILABLE: Final = 503
_BUSY_SECONDS: Final = 20.0
_BUSY_POLL_SECONDS: Final = 0.5
_GREETING_SECONDS: Final = 2.0
#: Sources without a WebSocket are numbered from here on.
_OTHER_CALLERS: Final = 500


@dataclass(slots=True, kw_only=True)
class CaseContext:
    """What a case works with."""

    connector: SocketOpener
    upstream: ScriptedUpstream
    log: WireLog
    set_upstream_listening: Callable[[bool], Any]
    """Async: stop listening, so that connections are refused, or listen again."""
    notes: list[NonStrict] = field(default_factory=list)
    at_end: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """What to do when the case has ended, so that nothing of it reaches the next one."""

    @property
    def waiter(self) -> Waiter:
        """Waits for changes of the wire log."""
        return self.connector.waiter

    @property
    def profile(self) -> Profile:
        """The dialect of the bridge's clients."""
        return self.connector.profile

    @property
    def process(self) -> BridgeProcess | None:
        """The bridge's process, if the suite started it."""
        return self.connector.process

    @property
    def clients(self) -> list[BridgeClient]:
        """The clients of the case."""
        return self.connector.clients

    @property
    def now(self) -> float:
        """The time, in seconds, as in everything that is kept."""
        return trio.current_time()

    async def sleep(self, seconds: float) -> None:
        """Let time pass, where time is what the case is about."""
        await trio.sleep(seconds)

    # Clients

    async def connect(self) -> BridgeClient:
        """Open a WebSocket to the client endpoint and wait for `connected`, if the dialect has it."""
        client = await self.upgrade_when_free()
        if isinstance(client, Refused):
            return await self._without_client_endpoint(client)
        if self.profile.greets:
            # That `connected` comes is for one case to judge; the others take any bridge as it is.
            await self.waiter.holds(lambda: client.received or client.end, within=_GREETING_SECONDS)
        return client

    async def upgrade_when_free(self, path: str | None = None, **options: Any) -> BridgeClient | Refused:
        """Open a WebSocket, and try again while the bridge says that it is busy, as clients are asked to."""
        return await self._when_free(partial(self.connector.upgrade, path, **options))

    async def _when_free(self, attempt: Callable[[], Awaitable[Opened | Refused]]) -> Opened | Refused:
        """Repeat an attempt that is refused with 503: on a busy machine a bridge may protect the sessions that run."""
        until = self.now + _BUSY_SECONDS
        while True:
            opened = await attempt()
            if not isinstance(opened, Refused) or opened.status != _UNAVAILABLE or self.now >= until:
                return opened
            await trio.sleep(_BUSY_POLL_SECONDS)

    async def raw(self) -> RawSocket:
        """Open a WebSocket to the client endpoint whose frames the case writes itself."""
        socket = await self._when_free(self.connector.raw)
        return await self._without_client_endpoint(socket) if isinstance(socket, Refused) else socket

    async def _without_client_endpoint(self, refused: Refused) -> NoReturn:
        if refused.status in (_NOT_FOUND, _UPGRADE_REQUIRED):
            not_applicable(f"the bridge has no client endpoint: {refused}")
        if refused.status == _FORBIDDEN and await self._refuses_unknown_paths():
            not_applicable(f"the bridge has no client endpoint: {refused}, as for every unknown path")
        fail("the bridge accepts a WebSocket at its client endpoint", str(refused))

    async def _refuses_unknown_paths(self) -> bool:
        """Whether the server has 403 for what it doesn't have: ASGI servers answer so before an application accepts."""
        unknown = await self.connector.upgrade(_UNKNOWN_PATH)
        return isinstance(unknown, Refused) and unknown.status == _FORBIDDEN

    async def ready(self, *, within: float = READY_SECONDS, **options: Any) -> BridgeClient:
        """Connect, create a session with these options and wait for `session_ready`."""
        client = await self.connect()
        await client.send("create_session", **options)
        await client.expect("session_ready", within=within)
        return client

    async def native(self, query: str | None = None, **options: Any) -> BridgeClient:
        """Open a WebSocket to the native endpoint. The case isn't applicable if there is none."""
        query = f"?model={self.profile.model}" if query is None else query
        client = await self.upgrade_when_free(f"{self.profile.native_path}{query}", **options)
        if isinstance(client, Refused):
            if client.status in (_NOT_FOUND, _UPGRADE_REQUIRED):
                not_applicable(f"the bridge has no native endpoint: {client}")
            fail("the bridge accepts a WebSocket at its native endpoint", str(client))
        return client

    async def native_ready(self, **session: Any) -> BridgeClient:
        """Open the native endpoint, and configure the session as SDKs do."""
        client = await self.native()
        await client.expect("session.created", within=READY_SECONDS)
        if session:
            await client.send_event("session.update", session={"type": "realtime", **session})
            await client.expect("session.updated")
        return client

    # The upstream

    async def session(self, number: int = 1, *, within: float = SOON) -> SeenSession:
        """Wait for the bridge's n-th upstream session of this case."""
        await self.waiter.until(
            lambda: len(self.upstream.sessions) >= number and self.upstream.sessions[number - 1].running,
            expected=f"the bridge opens upstream session {number} within {within:g} s",
            seen=lambda: f"{len(self.upstream.sessions)} sessions in {len(self.upstream.dials)} dials",
            within=within,
        )
        return self.upstream.sessions[number - 1]

    async def upstream_received(
        self, session: SeenSession, *types: str, count: int = 1, within: float = SOON, expected: str = ""
    ) -> None:
        """Wait until the upstream received so many events of these types in a session."""
        await self.waiter.until(
            lambda: len(session.of_type(*types)) >= count,
            expected=expected or f"the upstream receives {' or '.join(f'`{kind}`' for kind in types)}",
            seen=lambda: f"the upstream received: {', '.join(session.types()[-8:]) or 'nothing'}",
            within=within,
        )

    async def heard(self, client: BridgeClient, *, within: float = SOON, what: str = "all the speech") -> None:
        """Wait until all that a client spoke has arrived, in any of its upstream sessions."""
        await self.heard_from(client.source, within=within, what=what)

    async def heard_from(self, source: TracerSource, *, within: float = SOON, what: str = "all the speech") -> None:
        """Wait until all that a source has made has arrived, in any session."""

        def arrived() -> int:
            return self.merged().counts({source.caller: 0})[source.caller].received_ms

        await self.waiter.until(
            lambda: arrived() >= source.sent_ms,
            expected=f"the upstream receives {what}: {source.sent_ms} ms",
            seen=lambda: f"{arrived()} ms arrived; {self._gap(source)}",
            within=within,
        )

    async def heard_in_newest(self, client: BridgeClient, *, within: float = SOON) -> None:
        """Wait until the newest session has received all that a client spoke: what was lost with another one too."""

        def count() -> TracerCount:
            return self.count_in(self.upstream.sessions[-1], client.source.caller, client.source.sent_ms)

        def seen() -> str:
            gaps = ", ".join(f"{first} to {end} ms" for first, end in count().missing[:3])
            return f"it received {count().received_ms} ms; missing: {gaps}"

        await self.waiter.until(
            lambda: count().received_ms >= client.source.sent_ms,
            expected=f"the fresh session receives all speech that was not answered: {client.source.sent_ms} ms",
            seen=seen,
            within=within,
        )

    def source(self) -> TracerSource:
        """Make a source of speech for a client that has no WebSocket."""
        return TracerSource(self.connector.first_caller + len(self.clients) + _OTHER_CALLERS)

    def _gap(self, source: TracerSource) -> str:
        count = self.merged().counts({source.caller: source.sent_ms})[source.caller]
        gaps = ", ".join(f"{first} to {end} ms" for first, end in count.missing[:3])
        return f"missing: {gaps}" if gaps else "nothing is missing in all"

    def merged(self) -> TracerReceiver:
        """Return the account of tracer audio over all sessions. What came in two sessions counts as repeated."""
        merged = TracerReceiver()
        for session in self.upstream.sessions:
            merged.merge(session.tracer)
        return merged

    def count_in(self, session: SeenSession, caller: int, expected_ms: int = 0) -> TracerCount:
        """Return what arrived of a caller's audio in one session."""
        return session.tracer.counts({caller: expected_ms})[caller]

    def check_speech(self, client: BridgeClient, session: SeenSession | None = None) -> None:
        """End the case unless a client's speech arrived whole, once and in order, in one session."""
        self.check_source(client.source, session)

    def check_source(self, source: TracerSource, session: SeenSession | None = None) -> None:
        """End the case unless a source's speech arrived whole, once and in order, in one session: the newest."""
        count = self.count_in(session or self.upstream.sessions[-1], source.caller, source.sent_ms)
        amounts = (
            (count.lost_ms, f"lost (first at {count.first_missing_ms} ms)"),
            (count.repeated_ms, "sent twice"),
            (count.reordered_ms, "out of order"),
            (count.damaged_ms, "damaged"),
        )
        wrong = [f"{amount:g} ms {word}" for amount, word in amounts if amount]
        check(
            not wrong,
            expected=f"all {source.sent_ms} ms of speech reach the upstream once and in order",
            seen=", ".join(wrong),
        )

    # Verdicts and the end

    def non_strict(self, expected: str, seen: str) -> None:
        """Note something that the contract allows, but that is worse than what it asks for."""
        self.notes.append(NonStrict(expected, seen))

    def raise_notes(self) -> None:
        """End the case with its first note, if there is one."""
        if self.notes:
            raise CaseEnded(self.notes[0])
