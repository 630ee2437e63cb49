"""The suite's client of the bridge, on trio-websocket. It shares no codec with any bridge of ours.

trio-websocket bounds neither connects nor closes, so cancel scopes do. What arrives is kept, in order; a case looks
into `received` or waits for a message with `expect`.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection
from wsproto.connection import ConnectionState

from bridge.protocol.audio.pcm import chunks
from probes.conformance.bounds import SOON
from probes.conformance.peers.expected_list import ExpectedList
from probes.conformance.peers.wire_log import CLIENT, TO_CLIENT
from probes.conformance.verdict import check, fail, inconclusive, not_applicable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.protocol.audio.tracer import TracerSource
    from probes.conformance.peers.waiting import Waiter
    from probes.conformance.profile import Profile

#: Messages of one client: a bridge that floods its clients does not fill the suite's memory.
MAX_MESSAGES: Final = 50_000
MAX_MESSAGE_BYTES: Final = 24 * 2**20
CHUNK_MS: Final = 20
#: How long a send may take: a bridge that reads nothing at all for so long is stuck.
_SEND_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 5.0
_SHOWN_TYPES: Final = 8
BINARY: Final = "(binary)"
UNREADABLE: Final = "(not a JSON object with a type)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSaid:
    """One message of the bridge."""

    index: int
    at: float
    type: str
    body: Mapping[str, Any]
    """The JSON object, in the words of the client protocol; empty for a binary frame."""
    raw: str | bytes

    @property
    def is_native(self) -> bool:
        """Whether it is an event of the Realtime API."""
        return "." in self.type

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.body.get("code", ""))

    @property
    def shown_code(self) -> str:
        """The code of an error for `seen`, or why there is none."""
        if isinstance(self.body.get("error"), dict):
            return "an `error` event of the API, as it is"
        return f"`error` {self.code}" if self.code else "`error` without a code"

    def number(self, name: str) -> float:
        """A field as a number; -1 if it is none."""
        value = self.body.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0


@dataclass(frozen=True, slots=True)
class SocketEnd:
    """How a socket of the client ended."""

    code: int | None
    """The code of the bridge's close frame; None if TCP ended without one."""
    reason: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        if self.code is None:
            return self.reason or "TCP ended without a close frame"
        return f"close {self.code} {self.reason!r}"


@dataclass(slots=True, kw_only=True)
class BridgeClient:
    """One WebSocket to the bridge."""

    socket: WebSocketConnection
    stream: trio.abc.Stream
    profile: Profile
    waiter: Waiter
    name: str
    source: TracerSource
    received: list[BridgeSaid] = field(default_factory=list)
    end: SocketEnd | None = None
    closed_by_us: bool = False
    _may_read: trio.Event = field(default_factory=trio.Event)

    # What arrives

    async def run(self) -> None:
        """Read until the socket ends. Start it in the case's nursery."""
        self._may_read.set()
        try:
            while len(self.received) < MAX_MESSAGES:
                await self._may_read.wait()
                self._take(await self.socket.get_message())
        except ConnectionClosed as error:
            if self.closed_by_us:
                return  # `close` says how the bridge took it: the library's own reason is only what was sent
            reason = error.reason
            code = None if reason is None or reason.code == _ABNORMAL else reason.code
            self.end = SocketEnd(code, (reason.reason or "") if reason else "")
            self.waiter.log.add(TO_CLIENT, "ends the socket", f"{self.name}: {self.end}")

    def fail_with(self, error: BaseException) -> None:
        """Note that the socket ended because the bridge broke the WebSocket protocol."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self.end = SocketEnd(None, f"the bridge broke the WebSocket protocol: {error}")
        self.waiter.log.add(TO_CLIENT, "ends the socket", f"{self.name}: {self.end.reason}")

    def stop_reading(self) -> None:
        """Read no further message: a slow client."""
        self._may_read = trio.Event()

    def read_on(self) -> None:
        """Read again."""
        self._may_read.set()

    def _take(self, frame: str | bytes) -> None:
        body: dict[str, Any] = {}
        kind = BINARY
        if isinstance(frame, str):
            try:
                value = msgspec.json.decode(frame)
            except (msgspec.DecodeError, RecursionError, UnicodeError):
                value = None
            body = self.profile.incoming(value) if isinstance(value, dict) else {}
            kind = body["type"] if isinstance(body.get("type"), str) else UNREADABLE
        at = trio.current_time()
        self.received.append(BridgeSaid(index=len(self.received), at=at, type=kind, body=body, raw=frame))
        self.waiter.log.add(
            TO_CLIENT, kind, f"{self.name} {body.get('code', '')}".strip() if kind == "error" else self.name
        )

    def of_type(self, *types: str, after: BridgeSaid | None = None) -> ExpectedList[BridgeSaid]:
        """Return the messages of these types, in order, those after a message only if one is given."""
        found = (said for said in self.received[after.index + 1 if after else 0 :] if said.type in types)
        return ExpectedList(found, f"{' or '.join(types)} at the client")

    @property
    def last(self) -> BridgeSaid | None:
        """The newest message."""
        return self.received[-1] if self.received else None

    @property
    def errors(self) -> ExpectedList[BridgeSaid]:
        """The `error` messages, in order."""
        return self.of_type("error")

    async def expect(
        self,
        *types: str,
        after: BridgeSaid | None = None,
        within: float = SOON,
        where: Callable[[BridgeSaid], object] = lambda _: True,
        expected: str = "",
    ) -> BridgeSaid:
        """Wait for the first message of one of these types, or end the case. The end of the socket ends the wait."""

        def found() -> BridgeSaid | None:
            return next((said for said in self.of_type(*types, after=after) if where(said)), None)

        said = expected or f"the client receives {' or '.join(f'`{kind}`' for kind in types)} within {within:g} s"
        await self.waiter.until(
            lambda: found() or self.end, expected=said, seen=lambda: self.describe(after), within=within
        )
        message = found()
        if message is None:
            fail(said, self.describe(after))
        return message

    async def ended(self, *, expected: str, within: float = SOON) -> SocketEnd:
        """Wait until the bridge ends the socket, or end the case."""
        await self.waiter.until(lambda: self.end, expected=expected, seen=self.describe, within=within)
        if self.end is None:
            inconclusive("the suite lost the end of a socket")
        return self.end

    def describe(self, after: BridgeSaid | None = None) -> str:
        """Say what came, with streams folded and only the newest types: for `seen`."""
        types: list[tuple[str, int]] = []
        for said in self.received[after.index + 1 if after else 0 :]:
            word = f"error {said.code}".rstrip() if said.type == "error" else said.type
            if types and types[-1][0] == word:
                types[-1] = (word, types[-1][1] + 1)
            else:
                types.append((word, 1))
        shown = [f"{word} x{count}" if count > 1 else word for word, count in types[-_SHOWN_TYPES:]]
        more = "... " if len(types) > _SHOWN_TYPES else ""
        end = f"; then {self.end}" if self.end else ""
        return f"{more}{', '.join(shown) or 'nothing'}{end}"

    # What goes out

    async def send(self, message_type: str, **fields: Any) -> None:
        """Send a message of the client protocol, in the words of the profile."""
        body = self.profile.outgoing(message_type, fields)
        if body is None:
            not_applicable(f"the profile {self.profile.name!r} has no word for `{message_type}`")
        await self._send(msgspec.json.encode(body).decode(), message_type)

    async def send_event(self, event_type: str, **fields: Any) -> None:
        """Send an event of the Realtime API."""
        await self._send(msgspec.json.encode({"type": event_type, **fields}).decode(), event_type)

    async def send_text(self, text: str) -> None:
        """Send a text frame, whatever is in it."""
        await self._send(text, text[:40])

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary frame."""
        await self._send(data, BINARY)

    async def send_audio(self, pcm: bytes, *, as_message: bool = False) -> None:
        """Send one chunk of speech as the profile says it."""
        if as_message or self.profile.audio == "message":
            await self.send("audio", audio=_base64(pcm))
        else:
            await self._send(pcm, BINARY)

    async def speak(self, ms: int, *, silence_ms: int = 0, chunk_ms: int = CHUNK_MS, as_message: bool = False) -> None:
        """Speak tracer audio, and be silent behind it so that turn detection ends the turn."""
        for chunk in chunks(self.source.speech(ms) + self.source.silence(silence_ms), chunk_ms):
            await self.send_audio(chunk, as_message=as_message)

    async def append(self, ms: int, *, silence_ms: int = 0) -> None:
        """Speak at the native endpoint."""
        for chunk in chunks(self.source.speech(ms) + self.source.silence(silence_ms), CHUNK_MS):
            await self.send_event("input_audio_buffer.append", audio=_base64(chunk))

    async def _send(self, frame: str | bytes, what: str) -> None:
        self.waiter.log.add(CLIENT, what, self.name)
        with trio.move_on_after(_SEND_SECONDS):
            with suppress(ConnectionClosed):
                await self.socket.send_message(frame)
            return
        fail(f"the bridge reads what a client sends, within {_SEND_SECONDS:g} s", "it read nothing; the send is stuck")

    async def ping_pong(self, ping_id: str = "suite", *, expected: str = "") -> BridgeSaid:
        """Send `ping` and wait for its `pong`: all that was sent before was read by then."""
        last = self.last
        await self.send("ping", id=ping_id)
        said = expected or f"the client receives `pong` with the id of its `ping`, {ping_id!r}"
        pong = await self.expect("pong", after=last, expected=said)
        check(pong.body.get("id") == ping_id, expected=said, seen=f"`pong` with id {pong.body.get('id')!r}")
        return pong

    # The end

    async def close(self, code: int = 1000) -> None:
        """Close, and wait for the bridge's answer within a bound."""
        self.closed_by_us = True
        self.read_on()
        self.waiter.log.add(CLIENT, "closes the socket", f"{self.name}: {code}")
        async with self.waiter.bounded(_CLOSE_SECONDS):
            with suppress(ConnectionClosed):
                await self.socket.aclose(code)
        if self.end is None:
            # trio-websocket reports a close of ours as done, whether or not the peer has answered it.
            answered = self.socket._wsproto.state is ConnectionState.CLOSED  # noqa: SLF001 - nothing else tells
            self.end = SocketEnd(code if answered else None, "" if answered else "the close frame was not answered")
            self.waiter.log.add(TO_CLIENT, "ends the socket", f"{self.name}: {self.end}")

    async def drop(self, *, reset: bool = False) -> None:
        """End TCP without a close frame, with `reset` by RST."""
        self.closed_by_us = True
        self.waiter.log.add(CLIENT, "resets TCP" if reset else "drops TCP", self.name)
        if reset and isinstance(self.stream, trio.SocketStream):
            self.stream.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        await self.stream.aclose()

    def check_open(self, expected: str) -> None:
        """End the case if the bridge has ended the socket."""
        check(self.end is None, expected=expected, seen=str(self.end))


_ABNORMAL: Final = 1006


def _base64(pcm: bytes) -> str:
    return str(msgspec.to_builtins(pcm))
