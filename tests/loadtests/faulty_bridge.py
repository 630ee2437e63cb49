"""A small bridge with defects to be switched on: what load tests must turn red on. It shares no code with ours.

    python -m tests.loadtests.faulty_bridge --upstream http://127.0.0.1:PORT/v1 --port 0 [--defect NAME]

It speaks the client protocol as far as the scenarios need it. Without a defect it keeps the promises that they look at.
asyncio and `websockets`; one process.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import signal
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.loadtests.faulty_client import ClientWriter, Defect

KEY = "sk-scenario-good"
MS_BYTES = 48
HELD_MS = 30_000
HARMLESS = {"response_cancel_not_active", "conversation_already_has_active_response", "item_truncate_invalid_item_id"}
ANSWERING = {"response.output_audio.delta", "response.output_audio_transcript.delta", "response.output_text.delta"}
LEAK: list[Any] = []
CALLS: list[Call] = []


@dataclass(slots=True)
class Chunk:
    pcm: bytes
    end_ms: float = 0.0
    """Its end on the clock of the session that it was last sent to."""

    @property
    def ms(self) -> float:
        return len(self.pcm) / MS_BYTES


class SessionOver(Exception):  # noqa: N818 - an end, not always a fault
    """The upstream session ended."""


class Call:
    """One client and its upstream sessions, one after the other."""

    def __init__(self, ws: ServerConnection, upstream: str, defect: Defect) -> None:
        self.ws, self.upstream, self.defect = ws, upstream, defect
        self.client = ClientWriter(ws, defect)
        self.generation = 0
        self.held: deque[Chunk] = deque()
        self.unanswered: deque[Chunk] = deque()
        self.some = asyncio.Event()
        self.up: Any = None
        self.was_ready = False
        self.stopped_ms = 0.0
        self.expires = 0.0
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        CALLS.append(self)
        if self.defect is Defect.LEAKS_MEMORY:
            LEAK.append(os.urandom(16 * 2**20))
        self.client.tell("connected", clientId=str(uuid4()), protocol=1)
        writer = asyncio.create_task(self.client.write())
        try:
            async for frame in self.ws:
                await self._from_client(frame)
        except ConnectionClosed:
            pass
        finally:
            CALLS.remove(self)
            await self._end_session()
            writer.cancel()

    # ---- the client

    async def _from_client(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            self._speech(frame)
            return
        match self._type_of(frame):
            case "create_session":
                if self.task is None or self.task.done():
                    self.task = asyncio.create_task(self._live())
                    if self.defect is Defect.READY_EARLY:
                        self._ready(0)
            case "end_session":
                await self._end_session()
                self.client.tell("session_closed", reason="ended", generation=self.generation)
            case "interrupt":
                await self._send({"type": "response.cancel"})
                if self.defect is Defect.SHOWS_RACES:
                    await self._send({"type": "response.cancel"})
            case kind if self.defect is not Defect.IGNORES_NONSENSE:
                self.client.fail("INVALID_MESSAGE", f"there is no message {kind}")

    def _type_of(self, frame: str) -> object:
        """Return the type of a message; None if it is no object with a type."""
        try:
            said = json.loads(frame)
        except ValueError:
            if self.defect is Defect.DIES_OF_NONSENSE:
                os._exit(1)
            return None
        return said.get("type") if isinstance(said, dict) else None

    def _speech(self, pcm: bytes) -> None:
        if self.up is None and (
            (self.defect is Defect.DROPS_EARLY and not self.was_ready)
            or (self.defect is Defect.LOSES_WHILE_LOST and self.was_ready)
        ):
            return
        chance = random.random()
        if self.defect is Defect.LOSES_CHUNKS and chance < 0.02:
            return
        if self.defect is Defect.DEAF_ONCE_BACK and self.generation > 1:
            return
        if self.defect is Defect.CROSSTALK and chance < 0.05 and CALLS:
            random.choice(CALLS).held.append(Chunk(pcm))
            return
        self.held.append(Chunk(pcm))
        if self.defect is Defect.DOUBLES_CHUNKS and chance < 0.02:
            self.held.append(Chunk(pcm))
        if self.defect is Defect.SWAPS_CHUNKS and len(self.held) == 1 and chance < 0.05:
            return  # it waits for the next one, which goes first
        if self.defect is Defect.SWAPS_CHUNKS and len(self.held) == 2:
            self.held.reverse()
        while sum(chunk.ms for chunk in self.held) > HELD_MS:
            gone = self.held.popleft()
            self.client.tell("audio_dropped", chunks=1, ms=gone.ms, messages=0, reason="buffer_full")
        self.some.set()

    # ---- the service

    async def _live(self) -> None:
        """Open sessions, one after the other, until the last attempt has failed."""
        attempt = 0
        while True:
            attempt += 1
            self.generation += 1
            try:
                async with asyncio.timeout(60):
                    await self._open(attempt)
            except (OSError, TimeoutError, WebSocketException, SessionOver):
                at_once = self.defect in (Defect.HIDES_THE_END, Defect.SWALLOWS_THE_END)
                most = 1 if at_once else 5 if self.was_ready else 3
                if attempt >= most and self.defect is not Defect.NO_BACKOFF:
                    self._give_up()
                    return
            else:
                if not await self._serve():
                    return
                attempt = 0
            if self.defect is not Defect.NO_BACKOFF:
                await asyncio.sleep(random.uniform(0, min(8.0, 0.5 * 2**attempt)))

    async def _open(self, attempt: int) -> None:
        word = "reconnecting" if self.was_ready else "session_initializing"
        self.client.tell(word, generation=self.generation, attempt=attempt, maxAttempts=5, delayMs=0, reason="")
        url = self.upstream.replace("http", "ws", 1) + "/realtime?model=gpt-realtime-2.1"
        headers = {"Authorization": f"Bearer {KEY}"}
        if self.defect is Defect.DIALS_TWICE:
            await (await connect(url, additional_headers=headers, max_size=None, proxy=None)).close()
        up = await connect(url, additional_headers=headers, max_size=None, proxy=None)
        try:
            await self._configure(up)
        except BaseException:
            up.transport.abort()
            raise
        resent = sum(chunk.ms for chunk in self.unanswered)
        if self.defect is Defect.LOSES_WHILE_LOST:
            self.unanswered.clear()
        self.held.extendleft(reversed(self.unanswered))
        self.unanswered.clear()
        self.up = up
        self._ready(0 if self.defect is Defect.REPEATS_IN_SILENCE else resent)

    async def _configure(self, up: Any) -> None:
        created = await self._await_event(up, "session.created")
        audio = {"input": {"turn_detection": {"type": "server_vad"}}}
        await up.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "audio": audio}}))
        await self._await_event(up, "session.updated")
        self.expires = created["session"].get("expires_at") or time.time() + 3600

    async def _await_event(self, up: Any, kind: str) -> dict[str, Any]:
        async for text in up:
            event: dict[str, Any] = json.loads(text)
            if event["type"] == kind:
                return event
            if event["type"] == "error":
                break
        raise SessionOver

    def _ready(self, resent_ms: float) -> None:
        if self.defect is Defect.READY_EARLY and self.was_ready and self.up is not None and resent_ms == 0:
            return
        word = "reconnected" if self.was_ready else "session_ready"
        self.client.tell(word, generation=self.generation, resentMs=resent_ms, heldMs=0, bufferedMs=0)
        if self.defect is Defect.LATE_EVENTS and self.was_ready:
            self.client.tell("session_expiring", generation=self.generation - 1)
            self.client.tell("reconnecting", generation=self.generation - 1)
        self.was_ready = True
        self.some.set()

    async def _serve(self) -> bool:
        """Serve one session to its end. Returns whether another follows."""
        left = self.expires - time.time()
        sender = asyncio.create_task(self._speak(self.up))
        try:
            async with asyncio.timeout(None if self.defect is Defect.NO_ROLLOVER else left * 0.8):
                async for text in self.up:
                    self._from_upstream(json.loads(text), text)
        except TimeoutError:
            await self.up.close()
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
        self.up = None
        if self.defect is Defect.NO_ROLLOVER and time.time() > self.expires - 1:
            self.client.fail("SESSION_EXPIRED", "the session is over")
            self.client.tell("session_closed", reason="expired", generation=self.generation)
            return False
        return self.defect is not Defect.NEVER_BACK

    async def _speak(self, up: Any) -> None:
        sent_ms = 0.0
        with suppress(ConnectionClosed):
            while True:
                while self.held:
                    chunk = self.held.popleft()
                    sent_ms += chunk.ms
                    chunk.end_ms = sent_ms
                    self.unanswered.append(chunk)
                    audio = base64.b64encode(chunk.pcm).decode()
                    await up.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
                self.some.clear()
                await self.some.wait()

    def _from_upstream(self, event: dict[str, Any], text: str) -> None:
        kind = event["type"]
        if self.defect is Defect.MUTE_ONCE_BACK and self.generation > 1:
            return
        if kind == "response.done" and self.defect is Defect.ENDS_UNASKED:
            self.client.tell("session_closed", reason="ended", generation=self.generation)
        if kind == "error":
            code = event["error"].get("code")
            if self.defect is Defect.SWALLOWS_UPSTREAM:
                return
            if self.defect is Defect.SHOWS_RACES or code not in HARMLESS:
                self.client.fail("UPSTREAM_ERROR", "the service says no", detail={"upstream": event["error"]})
            return
        if kind == "input_audio_buffer.speech_stopped":
            self.stopped_ms = event["audio_end_ms"]
        elif kind in ANSWERING:
            while self.unanswered and self.unanswered[0].end_ms <= self.stopped_ms:
                self.unanswered.popleft()
        self.client.put(text)

    async def _send(self, event: dict[str, Any]) -> None:
        if self.up is not None:
            with suppress(ConnectionClosed):
                await self.up.send(json.dumps(event))

    # ---- the end

    def _give_up(self) -> None:
        ms = sum(chunk.ms for chunk in (*self.held, *self.unanswered))
        if ms and self.defect is not Defect.DROPS_IN_SILENCE:
            chunks = len(self.held) + len(self.unanswered)
            self.client.tell("audio_dropped", chunks=chunks, ms=ms, messages=0, reason="session_failed")
        self.held.clear()
        self.unanswered.clear()
        if self.defect is Defect.HIDES_THE_END:
            self.ws.transport.abort()
            return
        code = "CONNECTION_LOST" if self.was_ready else "SESSION_INITIALIZATION_FAILED"
        self.client.fail(code, "no session", ends=True, generation=self.generation)

    async def _end_session(self) -> None:
        up, self.up = self.up, None
        if self.defect is Defect.LEAKS_SESSIONS:
            LEAK.append((self.task, up))
            return
        if self.task is not None:
            self.task.cancel()
            self.task = None
        if up is not None:
            await up.close()

    async def drain(self) -> None:
        self.client.tell("session_closed", reason="draining", generation=self.generation)
        await asyncio.sleep(0.2)
        with suppress(ConnectionClosed):
            await self.ws.close(1001)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--defect", type=Defect, default=Defect.NONE)
    given = parser.parse_args()
    calls: set[Call] = set()
    over = asyncio.Event()

    async def handle(ws: ServerConnection) -> None:
        call = Call(ws, given.upstream, given.defect)
        calls.add(call)
        try:
            await call.run()
        finally:
            calls.discard(call)

    def leave() -> None:
        if given.defect is Defect.NO_DRAIN:
            os._exit(0)
        over.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
    async with serve(handle, "127.0.0.1", given.port, max_size=2**22, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"ws://127.0.0.1:{port} ", flush=True)  # noqa: T201 - whoever started it waits for this
        await over.wait()
        server.close(close_connections=False)
        await asyncio.gather(*(call.drain() for call in list(calls)))


if __name__ == "__main__":
    asyncio.run(main())
