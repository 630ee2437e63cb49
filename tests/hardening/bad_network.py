"""A client of the REST fallback in a bad network: responses get lost, requests are repeated and overtake each other.

Each request has a connection of its own, made by hand: hundreds of these clients run in one process.
"""

from __future__ import annotations

import json
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h11
import trio

from bridge.client_protocol.endpoints import FALLBACK_PATH
from tests.server.fallback.harness import JSON, PCM, Answer, next_event, request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from random import Random

    from bridge.protocol.audio.tracer import TracerSource
    from bridge.transport.link import Headers

_POSTS = 10
_POST_MS = 100
#: How often each bad thing happens to a POST.
_BADLY = 0.3
#: For one answer, on a machine that does much else.
_PATIENCE_SECONDS = 1_200
#: Answers that are others later.
_PASSING = (408, 503)


@dataclass
class BadNetworkClient:
    """One session. Some responses never arrive, and some requests arrive twice, late, or too early."""

    address: str
    source: TracerSource
    random: Random
    streams: bool
    token: str = ""
    path: str = ""
    after: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)

    async def run(self) -> None:
        created = await self._ask("POST", FALLBACK_PATH, b'{"turnDetection":"none"}', JSON)
        assert created.status == 201, created.body
        self.token, self.path = created.json()["token"], created.headers["location"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive)
            await self._speak()
        assert (await self._ask("DELETE", self.path)).status == 204
        gone = await self._ask("GET", f"{self.path}/events?after={self.after}&wait=0")
        assert gone.problem == (410, "SESSION_GONE")

    async def _ask(self, method: str, target: str, body: bytes = b"", headers: Headers = ()) -> Answer:
        """Make a request, and again if its connection dies or the bridge is busy, as clients do."""
        while True:
            with suppress(h11.RemoteProtocolError, trio.BrokenResourceError):
                answer = await self._ask_once(method, target, body, headers)
                if answer.status not in _PASSING:
                    return answer
            await trio.sleep(self.random.random())

    async def _ask_once(self, method: str, target: str, body: bytes, headers: Headers) -> Answer:
        server, _, port = self.address.partition(":")
        bearer = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        async with await trio.open_tcp_stream(server, int(port)) as stream:
            http, head = await request(stream, method, target, body, (*headers, *bearer))
            pieces = []
            while isinstance(event := await next_event(http, stream), h11.Data):
                pieces.append(bytes(event.data))
        named = {name.decode(): value.decode() for name, value in head.headers}
        return Answer(head.status_code, named, b"".join(pieces))

    async def _speak(self) -> None:
        spoken = [self.source.speech(_POST_MS) for _ in range(_POSTS)]
        for seq, pcm in enumerate(spoken):
            if seq + 1 < _POSTS and self._bad():  # the next one overtakes it
                early = await self._ask("POST", f"{self.path}/audio?seq={seq + 1}", spoken[seq + 1], PCM)
                assert (early.problem, early.json()["expected"]) == ((409, "INVALID_MESSAGE"), seq)
            await self._post("audio", seq, pcm, PCM, seq + 1)
            if self._bad():  # the response was lost: once more, and twice at the same time
                async with trio.open_nursery() as nursery:
                    for _ in range(2):
                        nursery.start_soon(self._post, "audio", seq, pcm, PCM, seq + 1)
            if seq > 1 and self._bad():  # an old one arrives late
                await self._post("audio", seq - 2, spoken[seq - 2], PCM, seq + 1)
        await self._post("messages", _POSTS, b'{"type":"audio_commit"}', JSON, _POSTS + 1)

    def _bad(self) -> bool:
        return self.random.random() < _BADLY

    async def _post(self, what: str, seq: int, body: bytes, headers: Headers, next_one: int) -> None:
        answer = await self._ask("POST", f"{self.path}/{what}?seq={seq}", body, headers)
        assert (answer.status, answer.json()) == (202, {"next": next_one}), answer

    async def _receive(self) -> None:
        with trio.fail_after(_PATIENCE_SECONDS):
            while not await self._receive_some():
                pass

    async def _receive_some(self) -> bool:
        """Receive until a response is lost from somewhere on, or the answer is whole: then True."""
        with suppress(h11.RemoteProtocolError, trio.BrokenResourceError):
            async with aclosing(self._stream() if self.streams else self._poll()) as events:
                async for seq, message in events:
                    if self.random.random() < 0.02:
                        return False
                    assert seq == self.after + 1
                    self.after = seq
                    self.received.append(message)
                    if message["type"] == "response.done":
                        return True
        return False

    async def _poll(self) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
        answer = await self._ask("GET", f"{self.path}/events?after={self.after}&wait=20")
        assert answer.status == 200, answer.body
        for one in answer.json()["events"]:
            yield one["seq"], one["message"]

    async def _stream(self) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
        server, _, port = self.address.partition(":")
        bearer = ("authorization", f"Bearer {self.token}")
        headers = (("accept", "text/event-stream"), ("last-event-id", str(self.after)), bearer)
        async with await trio.open_tcp_stream(server, int(port)) as stream:
            peer, response = await request(stream, "GET", f"{self.path}/events", headers=headers)
            if response.status_code in _PASSING:
                return
            assert response.status_code == 200, response
            rest = b""
            while isinstance(event := await next_event(peer, stream), h11.Data):
                *whole, rest = (rest + bytes(event.data)).split(b"\n\n")
                for one in whole:
                    if one.startswith(b"id: "):
                        number, _, data = one.partition(b"\ndata: ")
                        yield int(number[4:]), json.loads(data)
