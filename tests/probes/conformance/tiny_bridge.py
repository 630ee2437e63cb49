"""A bridge that does next to nothing, in ways that a suite must name: `python tiny_bridge.py WAY`.

`ignores` never looks at its upstream; `dies` writes a flood of lines and ends at the first `ping`; `hangs` accepts
connections and says nothing; `forwards` has only the native endpoint and passes everything on, also the client's key;
`loses` does so, too, but for the client's `response.create`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from typing import TYPE_CHECKING

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

WAY = sys.argv[1]
LINES = 20_000


async def answer(socket: ServerConnection) -> None:
    stamp = "2026-12-01T12:00:00.000Z"
    await socket.send(json.dumps({"type": "connected", "clientId": "c", "protocol": 1, "timestamp": stamp}))
    async for frame in socket:
        kind = json.loads(frame).get("type") if isinstance(frame, str) else ""
        if kind == "create_session" and WAY == "dies":
            await asyncio.to_thread(knock)
        if kind == "ping" and WAY == "dies":
            for number in range(LINES):
                sys.stdout.write(f"line {number} of a flood\n")
            sys.stdout.write("fatal: out of patience\n")
            sys.stdout.flush()
            os._exit(9)


def knock() -> None:
    """Ask the upstream for something, as a bridge that mints does."""
    url = f"{os.environ['OPENAI_BASE_URL']}/models"
    key = os.environ["OPENAI_API_KEY"]
    urllib.request.urlopen(  # noqa: S310 - the suite's own address
        urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - the suite's own address
    ).close()


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def only_native(socket: ServerConnection, request: Request) -> Response | None:
    return None if request.path.startswith("/v1/realtime") else socket.respond(403, "")


async def forward(socket: ServerConnection) -> None:
    assert socket.request is not None
    upstream = "ws" + os.environ["OPENAI_BASE_URL"].removeprefix("http").removesuffix("/v1") + socket.request.path
    key = {"Authorization": socket.request.headers.get("Authorization", "")}

    async def down(events: ClientConnection) -> None:
        async for frame in events:
            await socket.send(frame)

    async with connect(upstream, additional_headers=key, proxy=None) as service, asyncio.TaskGroup() as tasks:
        task = tasks.create_task(down(service))
        async for frame in socket:
            if not (WAY == "loses" and "response.create" in str(frame)):
                await service.send(frame)
        task.cancel()


async def main() -> None:
    port = int(os.environ["PORT"])
    if WAY == "hangs":
        async with await asyncio.start_server(hang, "127.0.0.1", port) as server:
            await server.serve_forever()
    handler, admit = (forward, only_native) if WAY in ("forwards", "loses") else (answer, None)
    async with serve(handler, "127.0.0.1", port, process_request=admit) as running:
        await running.serve_forever()


asyncio.run(main())
