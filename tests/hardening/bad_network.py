"""A client of the REST fallback in a bad network: responses get lost, POSTs and polls are repeated, streams are cut."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h11
import httpx
import trio

from bridge.client_protocol.endpoints import FALLBACK_PATH
from tests.server.fallback.harness import next_event, request

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from random import Random

    from bridge.protocol.audio.tracer import TracerSource

_POSTS = 10
_POST_MS = 100


@dataclass
class BadNetworkClient:
    """One session. Each request has a connection of its own, and some responses never arrive."""

    address: str
    source: TracerSource
    random: Random
    streams: bool
    token: str = ""
    path: str = ""
    after: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)

    async def run(self) -> None:
        async with httpx.AsyncClient(
            base_url=f"http://{self.address}",
            trust_env=False,
            timeout=60,
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as http:
            created = await http.post(FALLBACK_PATH, json={"turnDetection": "none"})
            assert created.status_code == 201, created.text
            self.token, self.path = created.json()["token"], created.headers["location"]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._receive, http)
                await self._speak(http)
            ended = await http.delete(self.path, headers=self._bearer)
            assert ended.status_code == 204
            gone = await http.get(f"{self.path}/events?after={self.after}&wait=0", headers=self._bearer)
            assert (gone.status_code, gone.json()["code"]) == (410, "SESSION_GONE")

    @property
    def _bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    async def _speak(self, http: httpx.AsyncClient) -> None:
        for seq in range(_POSTS):
            pcm = self.source.speech(_POST_MS)
            for _ in range(1 + (self.random.random() < 0.3)):  # the response was lost: once more
                await self._post(http, "audio", seq, pcm, "audio/pcm")
        await self._post(http, "messages", _POSTS, b'{"type":"audio_commit"}', "application/json")

    async def _post(self, http: httpx.AsyncClient, what: str, seq: int, body: bytes, kind: str) -> None:
        headers = {**self._bearer, "content-type": kind}
        answer = await http.post(f"{self.path}/{what}?seq={seq}", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (202, {"next": seq + 1})

    async def _receive(self, http: httpx.AsyncClient) -> None:
        with trio.fail_after(120):
            while True:
                async with aclosing(self._stream() if self.streams else self._poll(http)) as events:
                    async for seq, message in events:
                        if self.random.random() < 0.02:
                            break  # this response is lost from here on
                        assert seq == self.after + 1
                        self.after = seq
                        self.received.append(message)
                        if message["type"] == "response.done":
                            return

    async def _poll(self, http: httpx.AsyncClient) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
        answer = await http.get(f"{self.path}/events?after={self.after}&wait=20", headers=self._bearer)
        assert answer.status_code == 200, answer.text
        for one in answer.json()["events"]:
            yield one["seq"], one["message"]

    async def _stream(self) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
        server, _, port = self.address.partition(":")
        headers = (("accept", "text/event-stream"), ("last-event-id", str(self.after)), *self._bearer.items())
        async with await trio.open_tcp_stream(server, int(port)) as stream:
            peer, response = await request(stream, "GET", f"{self.path}/events", headers=headers)
            assert response.status_code == 200, response
            rest = b""
            while isinstance(event := await next_event(peer, stream), h11.Data):
                *whole, rest = (rest + bytes(event.data)).split(b"\n\n")
                for one in whole:
                    if one.startswith(b"id: "):
                        number, _, data = one.partition(b"\ndata: ")
                        yield int(number[4:]), json.loads(data)
