"""A small independent bridge with an echoing service inside: correct without a defect, else wrong in one way.

It shares nothing with the reference bridge but the transport: what the probe finds is in the messages alone.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx
import trio
import trio.testing

from bridge.config.resolve import Flags, read_config
from bridge.transport.http import HttpRequest, HttpResponse, json_response, text_response
from bridge.transport.http_server import WebSocketUpgrade, serve_connection
from bridge.transport.link import LinkClosed
from bridge.upstream.dial.dial import OpenedStream
from probes.runner.redaction import Secrets
from probes.targets.bridge import BridgeTarget, make_bridge_target
from tests.probes.conftest import NOWHERE

if TYPE_CHECKING:
    from bridge.config.resolve import Config
    from bridge.transport.websocket import WebSocketLink
    from reports.redaction import Secret

STAMP = "2026-11-21T01:02:03.045Z"
CHUNK = 4800
#: How long a session takes to open, so that early speech arrives before it is ready.
OPENING_SECONDS = 0.4
WINDOW_SECONDS = 2.0
PAGE = HttpResponse(200, (("content-type", "text/html"),), b"<!doctype html><p>hello")

#: The response to the upgrade, by defect.
ANSWERS = {
    "a-page": PAGE,
    "404": text_response(404, "not here"),
    "401": json_response(401, {"code": "UNAUTHORIZED", "detail": "A token is missing."}),
    "403": text_response(403, "no"),
    "wrong-page": json_response(403, {"code": "ORIGIN_NOT_ALLOWED", "detail": "This page may not connect."}),
    "full": json_response(503, {"code": "SERVER_BUSY", "detail": "The bridge is full."}),
    "500": text_response(500, "internal error"),
}
PAGES = {
    "not-ready": (200, 503),
    "sick": (500, 500),
    "no-pages": (404, 404),
}


@dataclass
class FaultyBridge:
    """Serves every connection with the same defect."""

    defect: str = ""
    says: dict[str, Any] | None = None
    """Sent instead of session_ready."""

    async def serve(self, stream: trio.abc.Stream) -> None:
        await serve_connection(stream, http=self.http, websocket=self.websocket)

    async def http(self, request: HttpRequest) -> HttpResponse:
        health, ready = PAGES.get(self.defect, (200, 200))
        status = health if request.path == "/healthz" else ready
        state = {"status": "upstream", "reason": "AUTHENTICATION_FAILED"} if status == 503 else {"status": "ok"}
        return json_response(status, state)

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        if self.defect in ANSWERS:
            await upgrade.reject(ANSWERS[self.defect])
            return
        link = await upgrade.accept()
        async with trio.open_nursery() as nursery:
            client = _Client(self, link, nursery)
            with suppress(LinkClosed):
                await client.run()
            nursery.cancel_scope.cancel()


@dataclass
class _Client:
    """One client."""

    bridge: FaultyBridge
    link: WebSocketLink
    nursery: trio.Nursery
    generation: int = 0
    ready: bool = False
    binary: bool = False
    held: list[bytes] = field(default_factory=list)
    received: bytes = b""
    chunks: int = 0
    suppressed: int = -1
    """Suppressed errors; -1 if the window is open."""

    def has(self, defect: str) -> bool:
        return self.bridge.defect == defect

    async def run(self) -> None:
        if self.has("silent"):
            await trio.sleep_forever()
        first = {"speaks-native": "session.created", "speaks-else": "welcome"}.get(self.bridge.defect, "connected")
        await self.tell(first, clientId="c-1", protocol=1)
        while True:
            frame = await self.link.receive()
            if isinstance(frame, bytes):
                await self.speech(frame)
            else:
                await self.message(frame)

    async def tell(self, kind: str, **fields: Any) -> None:
        stamp = {} if self.has("unstamped") else {"timestamp": STAMP}
        if self.has("half-filled"):
            fields.pop("bufferedMs", None)
        await self.link.send_text(json.dumps({"type": kind, **fields, **stamp}))

    async def native(self, kind: str, **fields: Any) -> None:
        if self.has("forwards-nothing") or (self.has("keeps-the-beginning") and kind.startswith("session.")):
            return
        if self.has("beta-names"):
            kind = kind.replace("output_audio", "audio")
        await self.link.send_text(json.dumps({"type": kind, "event_id": "e", **fields}))

    async def message(self, frame: str) -> None:
        try:
            body = json.loads(frame)
        except ValueError:
            body = {}
        kind = body.get("type") if isinstance(body, dict) else None
        if kind not in _HANDLERS:
            await self.wrong()
        else:
            await _HANDLERS[kind](self, body)

    # A session

    async def create(self, body: dict[str, Any]) -> None:
        if self.has("owns-everything") and len(body) > 1:
            await self.error("INVALID_MESSAGE", "create_session: turnDetection is set by the server: leave it out.")
            return
        if self.has("one-session-only") and self.generation:
            return
        self.binary = body.get("audioOut") == "binary" and not self.has("only-base64")
        self.generation += 1
        self.nursery.start_soon(self.open)

    async def open(self) -> None:
        await self.tell("session_initializing", generation=self.generation, attempt=1, maxAttempts=3)
        if self.has("ready-too-early"):
            await self.say_ready()
        await trio.sleep(OPENING_SECONDS)
        if self.has("never-ready"):
            return
        if self.bridge.says is not None:
            await self.tell(**self.bridge.says)
            return
        await self.native("session.created", session={"id": "sess_1", "type": "realtime"})
        await self.native("session.updated", session={"id": "sess_1", "type": "realtime"})
        if not self.has("ready-too-early"):
            await self.say_ready()
        self.ready = True
        for pcm in self.held:
            await self.speech(pcm)
        self.held.clear()

    async def say_ready(self) -> None:
        await self.tell(
            "session_ready",
            generation=self.generation,
            message="ready",
            sessionId="sess_1",
            model="gpt-realtime-2.1",
            dialect="ga",
            bufferedChunks=len(self.held),
            bufferedMs=sum(map(len, self.held)) / 48,
        )

    async def speech(self, pcm: bytes) -> None:
        if not self.ready:
            if self.has("drops-early-and-says-so") and len(self.held) == 3:
                self.held.clear()
                counts = {"chunks": 3, "ms": 60, "messages": 0}
                await self.tell("audio_dropped", generation=self.generation, **counts, reason="buffer_full")
            if not self.has("drops-early") and not self.has("drops-early-unseen"):
                self.held.append(pcm)
            return
        self.chunks += 1
        spoiled = self.spoiled(pcm)
        self.received += spoiled

    def spoiled(self, pcm: bytes) -> bytes:
        if self.chunks == 30:
            match self.bridge.defect:
                case "loses":
                    return b""
                case "repeats":
                    return pcm + pcm
                case "reorders":
                    last = self.received[-len(pcm) :]
                    self.received = self.received[: -len(pcm)]
                    return pcm + last
                case "damages":
                    return pcm[:200] + b"\1\1" + pcm[202:]
        return pcm

    async def audio(self, body: dict[str, Any]) -> None:
        await self.speech(b64decode(body["audio"]))

    async def commit(self, _body: dict[str, Any]) -> None:
        if self.has("hangs-up"):
            await self.link.close(1011, "oops")
            return
        if self.has("passes-a-loss-on"):
            await self.error("CONNECTION_LOST", "The upstream connection closed with 1006.")
            await self.link.close(1011)
            return
        if self.has("closes-with-its-upstream"):
            await self.link.close(1011, "Upstream connection closed")
            return
        if self.has("loses-its-upstream"):
            fields = {"attempt": 1, "maxAttempts": 5, "delayMs": 1000, "reason": "keepalive"}
            await self.tell("reconnecting", generation=self.generation, **fields)
            return
        if not self.has("takes-no-speech"):
            await self.native("input_audio_buffer.committed", item_id="item_1")
            await self.answer(self.received if not self.echoless else b"\0\1" * 48_000)

    @property
    def echoless(self) -> bool:
        return self.bridge.defect in {"echoes-nothing", "drops-early-unseen"}

    async def answer(self, pcm: bytes) -> None:
        await self.native("response.created", response={"id": "resp_1", "status": "in_progress"})
        if self.has("answers-nothing"):
            return
        for at in range(0, len(pcm), CHUNK):
            if self.has("answers-half") and at:
                return
            if self.binary:
                await self.link.send_binary(pcm[at : at + CHUNK])
            elif not self.has("answers-in-writing"):
                delta = b64encode(pcm[at : at + CHUNK]).decode()
                await self.native("response.output_audio.delta", delta=delta)
        if self.has("fails"):
            error = {"type": "server_error", "code": None}
            failed = {"id": "resp_1", "status": "failed", "status_details": {"error": error}}
            await self.native("response.done", response=failed)
        else:
            await self.native("response.done", response={"id": "resp_1", "status": "completed"})

    async def text(self, _body: dict[str, Any]) -> None:
        await self.answer(b"\0\1" * 4800)
        if self.has("never-closes"):
            await trio.sleep_forever()

    async def end(self, _body: dict[str, Any]) -> None:
        self.ready = False
        if not self.has("ends-without-a-word"):
            await self.tell("session_closed", generation=self.generation, reason="ended")
        if self.has("closes-with-1011") and self.generation > 1:
            await self.link.stream.receive_some()
            await self.link.stream.send_all(b"\x88\x02\x03\xf3")

    async def ping(self, body: dict[str, Any]) -> None:
        if self.has("pongs-anything"):
            await self.tell("pong")
        elif not self.has("no-pong"):
            await self.tell("pong", id=body["id"])

    async def nothing(self, _body: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()

    # Errors

    async def wrong(self) -> None:
        match self.bridge.defect:
            case "swallows-errors":
                return
            case "hangs-up-on-errors":
                await self.link.close(1002, "bad message")
            case "crashes-a-second-later":
                await trio.sleep(1)
                await self.link.abort()
            case "begins-anew-on-errors":
                self.generation += 1
                await self.nudge()
                await self.tell("session_initializing", generation=self.generation, attempt=1, maxAttempts=3)
            case "floods":
                await self.error("INVALID_MESSAGE", "bad")
            case "errs-without-a-code":
                await self.tell("error", message="bad", retryable=False, suppressed=0)
            case _:
                await self.nudge()

    async def nudge(self) -> None:
        """Send one error immediately, and one for the others when the window opens."""
        if self.suppressed >= 0:
            self.suppressed += 1
            return
        self.suppressed = 0
        await self.error("INVALID_MESSAGE", "bad")
        self.nursery.start_soon(self.open_window)

    async def open_window(self) -> None:
        await trio.sleep(WINDOW_SECONDS)
        others, self.suppressed = self.suppressed, -1
        if others and not self.has("forgets-errors"):
            await self.error("INVALID_MESSAGE", "bad", others - 1)

    async def error(self, code: str, message: str, suppressed: int = 0) -> None:
        await self.tell("error", code=code, message=message, retryable=False, suppressed=suppressed)


_HANDLERS = {
    "create_session": _Client.create,
    "audio": _Client.audio,
    "audio_commit": _Client.commit,
    "text": _Client.text,
    "end_session": _Client.end,
    "ping": _Client.ping,
    "interrupt": _Client.nothing,
}


class Pages(httpx.AsyncBaseTransport):
    """Carries plain HTTP to a handler, without a network."""

    def __init__(self, bridge: FaultyBridge) -> None:
        self._bridge = bridge

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        asked = HttpRequest(method=request.method, path=path, query={}, target=path)
        answer = await self._bridge.http(asked)
        return httpx.Response(answer.status, headers=list(answer.headers), stream=httpx.ByteStream(answer.body))


def config(**flags: Any) -> Config:
    """Settings of a probe that needs no key."""
    return read_config(Flags(**flags), {}, NOWHERE, with_key=False)


def memory_target(
    nursery: trio.Nursery,
    served: Any,
    url: str = "ws://localhost:1",
    *,
    token: Secret | None = None,
    timeout: float = 10.0,
) -> BridgeTarget:
    """A target whose connections are served in memory: by anything with `serve_stream`-like `serve` and `http`."""
    target = make_bridge_target(url, token, config(timeout=timeout), secrets=Secrets(), environment={})

    async def opener() -> OpenedStream:
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(served.serve, theirs)
        return OpenedStream(stream=ours, address="memory", tls=None, seconds={})

    return replace(target, open_stream=opener, transport=Pages(served))
