"""A client of the REST fallback, on memory streams."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h11

from bridge.client_protocol.endpoints import FALLBACK_PATH

if TYPE_CHECKING:
    import trio

    from bridge.transport.link import Headers
    from tests.server.harness import BridgeHarness

JSON: Headers = (("content-type", "application/json"),)
PCM: Headers = (("content-type", "audio/pcm"),)


@dataclass
class Answer:
    """The answer to one request."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """Status and code of a refusal."""
        assert self.headers["content-type"] == "application/problem+json"
        return self.status, self.json()["code"]


async def request(
    stream: trio.abc.Stream, method: str, path: str, body: bytes = b"", headers: Headers = ()
) -> tuple[h11.Connection, h11.Response]:
    """Make a request, and read the head of its response."""
    http = h11.Connection(h11.CLIENT)
    length = (("content-length", str(len(body))),) if body or method == "POST" else ()
    head = h11.Request(method=method, target=path, headers=[("host", "h"), *length, *headers])
    await stream.send_all(
        (http.send(head) or b"") + (http.send(h11.Data(data=body)) or b"") + (http.send(h11.EndOfMessage()) or b"")
    )
    event = await next_event(http, stream)
    assert isinstance(event, h11.Response), event
    return http, event


async def next_event(http: h11.Connection, stream: trio.abc.Stream) -> Any:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(bytes(await stream.receive_some(65536)))
    return event


@dataclass
class RestClient:
    """One client: each request has a connection of its own."""

    bridge: BridgeHarness
    token: str = ""
    path: str = ""
    seq: int = 0
    after: int = 0
    received: list[dict[str, Any]] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Answer:
        stream = self.bridge.stream()
        bearer = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        given = {name for name, _ in headers}
        sent = (*headers, *(one for one in bearer if one[0] not in given))
        http, head = await request(stream, method, path, body, sent)
        found = b""
        while isinstance(event := await next_event(http, stream), h11.Data):
            found += event.data
        await stream.aclose()
        named = {name.decode(): value.decode() for name, value in head.headers}
        return Answer(head.status_code, named, found)

    async def create(self, headers: Headers = (), **options: Any) -> Answer:
        answer = await self.ask("POST", FALLBACK_PATH, json.dumps(options).encode(), (*JSON, *headers))
        if answer.status == 201:
            self.token, self.path = answer.json()["token"], answer.headers["location"]
        return answer

    async def post(self, what: str, body: bytes, headers: Headers, seq: int | None = None) -> Answer:
        number = self.seq if seq is None else seq
        answer = await self.ask("POST", f"{self.path}/{what}?seq={number}", body, headers)
        if answer.status == 202:
            self.seq = answer.json()["next"]
        return answer

    async def send(self, kind: str, **fields: Any) -> Answer:
        return await self.post("messages", json.dumps({"type": kind, **fields}).encode(), JSON)

    async def poll(self, wait: float = 25, after: int | None = None) -> Answer:
        number = self.after if after is None else after
        answer = await self.ask("GET", f"{self.path}/events?after={number}&wait={wait}")
        if answer.status == 200 and after is None:
            body = answer.json()
            first = body["next"] - len(body["events"]) + 1  # behind `after + 1` only if something was dropped
            assert [one["seq"] for one in body["events"]] == list(range(first, body["next"] + 1))
            self.received += [one["message"] for one in body["events"]]
            self.after = body["next"]
        return answer

    async def receive_until(self, kind: str) -> dict[str, Any]:
        while kind not in (types := [message["type"] for message in self.received]):
            assert (await self.poll()).status == 200
        return self.received[types.index(kind)]
