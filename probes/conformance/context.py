"""What a case works with: clients of its own, the upstream, and waiting."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio
from trio_websocket import ConnectionRejected, wrap_client_stream

from bridge.protocol.audio.tracer import TracerCount, TracerReceiver, TracerSource
from probes.conformance.bounds import READY_SECONDS, SOON
from probes.conformance.peers.client import MAX_MESSAGE_BYTES, BridgeClient
from probes.conformance.peers.raw import RawSocket
from probes.conformance.verdict import CaseEnded, NonStrict, check, fail, not_applicable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from probes.conformance.peers.upstream import ScriptedUpstream, SeenSession
    from probes.conformance.peers.waiting import Waiter
    from probes.conformance.peers.wire_log import WireLog
    from probes.conformance.profile import Profile
    from probes.conformance.tested.bridges import BridgeAddress
    from probes.conformance.tested.process import BridgeProcess

_CONNECT_SECONDS: Final = 10.0
_NOT_FOUND: Final = 404
_UPGRADE_REQUIRED: Final = 426


@dataclass(frozen=True, slots=True)
class Refused:
    """How the bridge refused an upgrade."""

    status: int | None
    """The HTTP status; None if the answer was not HTTP."""
    body: str = ""
    why: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        return f"HTTP {self.status} {self.body[:120]}".rstrip() if self.status is not None else self.why


def _refusal(error: BaseException) -> Refused:
    """Return what a failed handshake says; the newest exceptions are the innermost of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ConnectionRejected):
        return Refused(error.status_code, (error.body or b"").decode(errors="replace"))
    return Refused(None, why=f"the handshake failed: {error!r}")


@dataclass(slots=True, kw_only=True)
class CaseContext:
    """What a case works with. `nursery` is the case's own: what it starts there ends with it."""

    nursery: trio.Nursery
    address: BridgeAddress
    upstream: ScriptedUpstream
    profile: Profile
    waiter: Waiter
    log: WireLog
    process: BridgeProcess | None
    """The bridge's process, if the suite started it."""
    token: str = ""
    """The client token that the bridge asks for; empty if none."""
    set_upstream_listening: Callable[[bool], Any]
    """Async: stop listening, so that connections are refused, or listen again."""
    clients: list[BridgeClient] = field(default_factory=list)
    first_caller: int = 1
    notes: list[NonStrict] = field(default_factory=list)

    # Clients

    async def upgrade(
        self,
        path: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),
        authorized: bool = True,
    ) -> BridgeClient | Refused:
        """Open a WebSocket to the bridge. It ends the case if the bridge can't be reached."""
        resource = path or self.address.path or self.profile.path
        sent = [*headers, *([("Authorization", f"Bearer {self.token}")] if self.token and authorized else [])]
        stream = await self.open_stream()
        client: BridgeClient | None = None
        try:
            with trio.move_on_after(_CONNECT_SECONDS):
                serve = partial(self._serve, stream, resource, sent, subprotocols)
                client = await self.nursery.start(serve)
        except Exception as error:  # noqa: BLE001 - trio-websocket lets many kinds escape; all mean that it failed
            await trio.aclose_forcefully(stream)
            return _refusal(error)
        if client is None:
            await trio.aclose_forcefully(stream)
            return Refused(None, why=f"no answer to the upgrade within {_CONNECT_SECONDS:g} s")
        return client

    async def _serve(
        self,
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
        resource: str,
        headers: Sequence[tuple[str, str]],
        subprotocols: Sequence[str],
        *,
        task_status: trio.TaskStatus[BridgeClient],
    ) -> None:
        """Shake hands and keep a client running. Once it runs, nothing that the bridge sends ends the case."""
        client: BridgeClient | None = None
        try:
            async with trio.open_nursery() as nursery:
                socket = await wrap_client_stream(
                    nursery,
                    stream,
                    self.address.authority,
                    resource,
                    subprotocols=subprotocols or None,
                    extra_headers=[(name.encode(), value.encode()) for name, value in headers],
                    max_message_size=MAX_MESSAGE_BYTES,
                )
                client = BridgeClient(
                    socket=socket,
                    stream=stream,
                    profile=self.profile,
                    waiter=self.waiter,
                    name=f"client {len(self.clients) + 1}",
                    source=TracerSource(self.first_caller + len(self.clients)),
                )
                self.clients.append(client)
                task_status.started(client)
                await client.run()
        except Exception as error:
            if client is None:
                raise
            client.fail_with(error)

    async def open_stream(self) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        """Open TCP, and TLS where the URL says so, to the bridge."""
        try:
            with trio.fail_after(_CONNECT_SECONDS):
                if not self.address.secure:
                    return await trio.open_tcp_stream(self.address.host, self.address.port)
                context = ssl.create_default_context()
                return await trio.open_ssl_over_tcp_stream(
                    self.address.host, self.address.port, ssl_context=context, https_compatible=True
                )
        except trio.TooSlowError:
            fail("the bridge accepts connections", f"{self.address.authority}: no answer in {_CONNECT_SECONDS:g} s")
        except OSError as error:
            fail("the bridge accepts connections", f"{self.address.authority}: {error}{self._how_it_ended()}")

    def _how_it_ended(self) -> str:
        if self.process is None or self.process.is_running:
            return ""
        return f"; the bridge ended {self.process.how_it_ended()}{self.process.last_lines()}"

    async def connect(self) -> BridgeClient:
        """Open a WebSocket to the client endpoint and wait for `connected`, if the dialect has it."""
        client = await self.upgrade()
        if isinstance(client, Refused):
            if client.status in (_NOT_FOUND, _UPGRADE_REQUIRED):
                not_applicable(f"the bridge has no client endpoint: {client}")
            fail("the bridge accepts a WebSocket at its client endpoint", str(client))
        await client.expect("connected", expected="the first message of the bridge is `connected`")
        return client

    async def ready(self, *, within: float = READY_SECONDS, **options: Any) -> BridgeClient:
        """Connect, create a session with these options and wait for `session_ready`."""
        client = await self.connect()
        await client.send("create_session", **options)
        await client.expect("session_ready", within=within)
        return client

    async def native(self, query: str | None = None, **options: Any) -> BridgeClient:
        """Open a WebSocket to the native endpoint. The case isn't applicable if there is none."""
        query = f"?model={self.profile.model}" if query is None else query
        client = await self.upgrade(f"{self.profile.native_path}{query}", **options)
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

    async def raw(self, path: str | None = None) -> RawSocket:
        """Open a WebSocket whose frames the case writes itself."""
        resource = path or self.address.path or self.profile.path
        socket = RawSocket(await self.open_stream(), self.waiter, self.address.authority, resource)
        await socket.open([(b"Authorization", f"Bearer {self.token}".encode())] if self.token else [])
        return socket

    # The upstream

    async def session(self, number: int = 1, *, within: float = SOON) -> SeenSession:
        """Wait for the bridge's n-th upstream session of this case."""
        await self.waiter.until(
            lambda: len(self.upstream.sessions) >= number,
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
        caller, expected_ms = client.source.caller, client.source.sent_ms

        def arrived() -> int:
            return sum(self.count_in(session, caller).received_ms for session in self.upstream.sessions)

        await self.waiter.until(
            lambda: arrived() >= expected_ms,
            expected=f"the upstream receives {what}: {expected_ms} ms",
            seen=lambda: f"{arrived()} ms arrived; {self._gap(client)}",
            within=within,
        )

    def _gap(self, client: BridgeClient) -> str:
        merged = self.merged()
        count = merged.counts({client.source.caller: client.source.sent_ms})[client.source.caller]
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
        """End the case unless the speech arrived whole, once and in order, in one session."""
        session = session or self.upstream.sessions[-1]
        count = self.count_in(session, client.source.caller, client.source.sent_ms)
        wrong = [
            f"{amount:g} ms {word}"
            for amount, word in (
                (count.lost_ms, f"lost (first at {count.first_missing_ms} ms)"),
                (count.repeated_ms, "sent twice"),
                (count.reordered_ms, "out of order"),
                (count.damaged_ms, "damaged"),
            )
            if amount
        ]
        check(
            not wrong,
            expected=f"all {client.source.sent_ms} ms of speech reach the upstream once and in order",
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
