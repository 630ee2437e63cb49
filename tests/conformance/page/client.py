"""The conformance suite with the browser's client: what a case sends is said by a SherpaClient in Chromium, and what
that client received is what the case sees. Only the client is replaced; cases, upstream and verdicts are the suite's.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import trio

from bridge.protocol.audio.pcm import chunks
from bridge.protocol.audio.tracer import TracerSource
from probes.conformance.lane import Lane
from probes.conformance.peers.client import CHUNK_MS, BridgeClient, SocketEnd
from probes.conformance.peers.connector import SocketOpener
from probes.conformance.peers.refused import Refused
from probes.conformance.peers.wire_log import CLIENT, TO_CLIENT
from probes.conformance.run import ConformanceRun
from probes.conformance.verdict import not_applicable
from tests.conformance.page.browser_thread import SuitePage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_websocket import WebSocketConnection

    from probes.conformance.context import CaseContext
    from probes.conformance.peers.raw import RawSocket
    from probes.conformance.peers.wire_log import WireLog
    from probes.conformance.tested.bridges import BridgeAddress
    from tests.conformance.page.browser_thread import BrowserThread

_ABNORMAL: Final = 1006
_LEAVES_PAGE: Final = 1001
_OPEN_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 5.0
#: Pieces of speech that are handed to the page together.
_TOGETHER: Final = 50
_numbers = count(1)


class _Nothing(trio.abc.AsyncResource):
    """Stands where the suite's own clients have their TCP connection: the browser's can't be reached."""

    async def aclose(self) -> None:
        """Do nothing: `close` has ended the client."""
        await trio.lowlevel.checkpoint()


@dataclass(slots=True, kw_only=True)
class PageClient(BridgeClient):
    """One SherpaClient in the page."""

    page: SuitePage
    number: int
    opened: bool = False

    def hear(self, kind: str, detail: Any) -> None:
        """Take one report of the page."""
        match kind:
            case "message":
                self._take(detail)
            case "open":
                self.opened = True
                self.waiter.log.notify()
            case "asked":
                self.end = None
            case "end":
                code = None if detail["code"] == _ABNORMAL else detail["code"]
                self.end = SocketEnd(code, detail["reason"])
                self.waiter.log.add(TO_CLIENT, "ends the socket", f"{self.name}: {self.end}")

    async def send(self, message_type: str, **fields: Any) -> None:
        """Say a message of the client protocol by the client's own method for it."""
        self.waiter.log.add(CLIENT, message_type, self.name)
        if message_type == "create_session":
            await self.page.call("ask", self.number, fields)
        else:
            await self.page.call("say", self.number, message_type, fields)

    async def send_event(self, event_type: str, **fields: Any) -> None:
        """Send an event of the Realtime API."""
        self.waiter.log.add(CLIENT, event_type, self.name)
        await self.page.call("sendEvent", self.number, {"type": event_type, **fields})

    async def send_text(self, text: str) -> NoReturn:  # noqa: ARG002 - as the suite's client has it
        """Nothing but JSON objects leaves this client."""
        not_applicable("the browser's client sends no text of its own making")

    async def send_bytes(self, data: bytes) -> NoReturn:  # noqa: ARG002 - as the suite's client has it
        """Nothing but whole samples leaves this client."""
        not_applicable("the browser's client sends no bytes that are not speech")

    async def send_audio(self, pcm: bytes, *, as_message: bool = False) -> None:
        """Speak one piece."""
        await self._speak([pcm], as_message=as_message)

    async def speak(self, ms: int, *, silence_ms: int = 0, chunk_ms: int = CHUNK_MS, as_message: bool = False) -> None:
        """Speak, and be silent behind it. Pieces reach the page in bundles, and the client one by one."""
        pieces = list(chunks(self.source.speech(ms) + self.source.silence(silence_ms), chunk_ms))
        for first in range(0, len(pieces), _TOGETHER):
            await self._speak(pieces[first : first + _TOGETHER], as_message=as_message)

    async def _speak(self, pieces: Sequence[bytes], *, as_message: bool) -> None:
        if as_message:
            not_applicable("the browser's client sends speech in binary frames only")
        self.waiter.log.add(CLIENT, "speech", self.name)
        await self.page.call("speak", self.number, [b64encode(piece).decode() for piece in pieces])

    def stop_reading(self) -> NoReturn:
        """A browser reads whatever comes."""
        not_applicable("a browser's client can't stop reading")

    async def close(self, code: int = 1000) -> None:
        """Stop the client, or leave the page with it, and wait until its socket has ended."""
        self.closed_by_us = True
        self.waiter.log.add(CLIENT, "closes the socket", f"{self.name}: {code}")
        if code == _LEAVES_PAGE:
            await self.page.leave()
            self.end = SocketEnd(code)  # nobody is left who could tell how it was answered
        else:
            await self.page.call("close", self.number)
            await self.waiter.holds(lambda: self.end, within=_CLOSE_SECONDS)
        self.page.hearers.pop(self.number, None)

    async def drop(self, *, reset: bool = False) -> NoReturn:  # noqa: ARG002 - as the suite's client has it
        """A page has no hold of TCP."""
        not_applicable("a page can't break its own TCP connection")


@dataclass(slots=True, kw_only=True)
class PageOpener(SocketOpener):
    """Opens the sockets of a case through the page."""

    page: SuitePage

    async def upgrade(
        self,
        path: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),
        authorized: bool = True,
    ) -> BridgeClient | Refused:
        """Make a SherpaClient and let it connect."""
        if headers or subprotocols or not authorized or (path and path != self.profile.path):
            not_applicable("the browser's client opens the client endpoint only, with its own headers")
        await self.page.show(f"http://{self.address.authority}")
        client = PageClient(
            socket=cast("WebSocketConnection", None),
            stream=cast("trio.abc.Stream", _Nothing()),
            profile=self.profile,
            waiter=self.waiter,
            name=f"client {len(self.clients) + 1}",
            source=TracerSource(self.first_caller + len(self.clients)),
            page=self.page,
            number=next(_numbers),
        )
        self.page.hearers[client.number] = client.hear
        url = f"ws://{self.address.authority}{self.address.path or self.profile.path}"
        await self.page.call("open", client.number, url, self.token)
        await self.waiter.holds(lambda: client.opened or client.end, within=_OPEN_SECONDS)
        if not client.opened:
            await client.close()
            return Refused(None, why="the browser could not open a WebSocket, and doesn't say why")
        self.clients.append(client)
        return client

    async def raw(self, path: str | None = None) -> RawSocket | Refused:  # noqa: ARG002 - as the suite's opener has it
        """A page writes no frames itself."""
        not_applicable("a browser writes its frames itself")


@dataclass(slots=True, kw_only=True)
class PageLane(Lane):
    """A lane whose cases speak through a page."""

    page: SuitePage

    def context(self, nursery: trio.Nursery, address: BridgeAddress, log: WireLog) -> CaseContext:
        """Make what a case works with, with the page's clients."""
        context = super(PageLane, self).context(nursery, address, log)
        plain = context.connector
        context.connector = PageOpener(
            nursery=nursery,
            address=address,
            profile=plain.profile,
            waiter=plain.waiter,
            process=plain.process,
            token=plain.token,
            first_caller=plain.first_caller,
            page=self.page,
        )
        return context


@dataclass(slots=True, kw_only=True)
class PageRun(ConformanceRun):
    """A run of the suite whose lanes have a page each."""

    browser: BrowserThread

    def _lane(self, nursery: trio.Nursery) -> Lane:
        plain = super(PageRun, self)._lane(nursery)
        return PageLane(
            nursery=nursery,
            lateness=plain.lateness,
            profile=plain.profile,
            token=plain.token,
            listen=plain.listen,
            bridge=plain.bridge,
            page=SuitePage(self.browser),
        )
