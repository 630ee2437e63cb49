"""An idle time-out is told from a crash by a second connection that sends nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.transport.http_server import WebSocketUpgrade, serve_tcp
from bridge.upstream.dial.dial import dial
from bridge.upstream.dial.errors import DialFailed, DialPhase, FailureReason
from probes.runner.findings import CheckRow
from probes.runner.idle_cut import cut_when_quiet, idle_cut_finding, may_be_idle_cut
from tests.probes.proxies import IdleCutProxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bridge.upstream.dial.handshake import UpgradedConnection

    Listen = Callable[..., Awaitable[int]]


@pytest.mark.parametrize(
    ("quiet", "code", "by_peer", "expected"),
    [
        (0.8, 1006, True, True),
        (0.8, None, True, True),
        (0.3, 1006, True, False),
        (9.0, 1011, True, False),
        (9.0, None, False, False),
    ],
)
def test_an_end_without_a_close_frame_after_a_pause_may_be_one(
    quiet: float, code: int | None, by_peer: bool, expected: bool
) -> None:
    assert may_be_idle_cut(quiet, code, by_peer=by_peer) is expected


async def greeting_server(upgrade: WebSocketUpgrade, *, ends_after: float = float("inf"), closes: bool = False) -> None:
    link = await upgrade.accept()
    await link.send_text('{"type": "connected"}')
    with trio.move_on_after(ends_after):
        await link.receive()
    await (link.close(1001) if closes else link.abort())


async def open_server(nursery: trio.Nursery, **how: float | bool) -> int:
    start = partial(serve_tcp, http=None, websocket=partial(greeting_server, **how))  # type: ignore[arg-type]
    _, port = await nursery.start(start)
    return int(port)


def connecting_to(port: int) -> Callable[[], Awaitable[UpgradedConnection]]:
    return lambda: dial(f"ws://127.0.0.1:{port}/")


async def test_a_proxy_that_cuts_quiet_connections_cuts_the_second_one_after_the_same_time(
    nursery: trio.Nursery, listen: Listen
) -> None:
    port = await listen(IdleCutProxy(await open_server(nursery), 1.0).serve)
    assert await cut_when_quiet(connecting_to(port), 0.8) == pytest.approx(1.0, abs=0.2)


async def test_a_server_that_keeps_the_second_connection_is_no_such_proxy(nursery: trio.Nursery) -> None:
    assert await cut_when_quiet(connecting_to(await open_server(nursery)), 0.8) == 0


@pytest.mark.parametrize("how", [{"ends_after": 1.0, "closes": True}, {"ends_after": 0.1}])
async def test_another_end_of_the_second_connection_proves_nothing(
    nursery: trio.Nursery, how: dict[str, float | bool]
) -> None:
    assert await cut_when_quiet(connecting_to(await open_server(nursery, **how)), 0.8) == 0


async def test_without_a_second_connection_or_time_for_it_nothing_is_claimed() -> None:
    async def refused() -> UpgradedConnection:
        await trio.lowlevel.checkpoint()
        raise DialFailed(DialPhase.TCP, FailureReason.REFUSED, "refused")

    assert await cut_when_quiet(refused, 0.8) is None
    with trio.move_on_after(1):
        assert await cut_when_quiet(refused, 5.0) is None


def test_the_finding_names_the_limit_and_where_to_raise_it() -> None:
    finding = idle_cut_finding(CheckRow("bridge", "errors"), 1.03)
    assert finding.code == "BRIDGE-IDLE-CUT"
    assert finding.title == "A proxy's idle time-out cuts connections that are quiet for 1.0 s"
    for words in ("proxy_read_timeout 1h;", "timeout tunnel 1h", "stream_idle_timeout: 1h", "WebSocket ping"):
        assert words in finding.fix
