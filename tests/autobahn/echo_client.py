"""Our client side against Autobahn's fuzzing server: dial each case and echo everything.

It uses the product's own `bridge.upstream.dial.dial`, with the product's limits; then the link pulls or pushes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.link import LinkClosed
from bridge.upstream.dial.dial import DialFailed, dial
from tests.autobahn.echo_server import echo, push_echo

if TYPE_CHECKING:
    from bridge.transport.websocket import WebSocketLink

#: The suite's own time limit for a case is shorter.
_CASE_SECONDS: Final = 20.0
_START_SECONDS: Final = 20.0
AGENT: Final = "link"


async def run_cases(port: int, *, push: bool = False) -> int:
    """Run every case of the server and let it write its report. Return the number of cases.

    Waits for a server that is still starting. Raises trio.TooSlowError if a case does not end.
    """
    with trio.fail_after(_START_SECONDS):
        counting = await _dial_when_up(port, "/getCaseCount")
    count = int(await counting.receive())
    await _to_the_end(counting)
    for number in range(1, count + 1):
        with trio.fail_after(_CASE_SECONDS):
            link = await _dial(port, f"/runCase?case={number}&agent={AGENT}")
            await (push_echo(link) if push else _to_the_end(link))
    with trio.fail_after(_CASE_SECONDS):
        await _to_the_end(await _dial(port, f"/updateReports?agent={AGENT}"))
    return count


async def _to_the_end(link: WebSocketLink) -> None:
    with suppress(LinkClosed):
        await echo(link)
    await link.close()


async def _dial(port: int, target: str) -> WebSocketLink:
    return (await dial(f"ws://127.0.0.1:{port}{target}")).link


async def _dial_when_up(port: int, target: str) -> WebSocketLink:
    while True:
        try:
            return await _dial(port, target)
        except DialFailed:
            await trio.sleep(0.1)  # another process, which does not say when it listens
