"""A relay that only forwards, on aiohttp. Run with the upstream's URL; it prints its port."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
from aiohttp import web


async def _forward(source: Any, target: Any) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)


async def main(upstream: str) -> None:
    """Serve until killed."""
    async with aiohttp.ClientSession() as session:

        async def relay(request: web.Request) -> web.WebSocketResponse:
            client = web.WebSocketResponse(compress=False)
            await client.prepare(request)
            async with session.ws_connect(upstream) as service:
                pumps = [asyncio.create_task(_forward(*pair)) for pair in ((client, service), (service, client))]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
            return client

        app = web.Application()
        app.router.add_get("/{path:.*}", relay)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        sys.stdout.write(f"{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
