"""How workers share connections out among themselves."""

from __future__ import annotations

import socket

import pytest
import trio

from bridge.server.process.balance import ABSENT_SECONDS, BalancedListener, WorkerLoads, should_give_way
from bridge.server.shared_numbers import SharedNumbers

NOW = 100.0
LONG_AGO = NOW - ABSENT_SECONDS


@pytest.mark.parametrize(
    ("loads", "beats", "gives_way"),
    [
        ([3, 2], [NOW, NOW], True),
        ([2, 2], [NOW, NOW], False),
        ([2, 3], [NOW, NOW], False),
        ([9, 2], [NOW, LONG_AGO], False),
        ([3, 9, 2], [NOW, NOW, NOW - 1], True),
        ([5], [NOW], False),
    ],
)
def test_a_worker_gives_way_to_those_that_are_there_and_have_fewer(
    loads: list[float], beats: list[float], gives_way: bool
) -> None:
    assert should_give_way(0, loads, beats, NOW) is gives_way


async def test_two_workers_get_equal_shares_of_a_burst() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    numbers, beats = SharedNumbers(2), SharedNumbers(2)
    workers = [WorkerLoads(numbers, beats, slot) for slot in range(2)]
    held: list[trio.abc.Stream] = []

    async def work(loads: WorkerLoads) -> None:
        own = trio.SocketListener(trio.socket.from_stdlib_socket(listening.dup()))
        loads.beat()
        async with BalancedListener(own, loads) as listener:
            while True:
                held.append(await listener.accept())

    async with trio.open_nursery() as nursery:
        for loads in workers:
            nursery.start_soon(work, loads)
        clients = [await trio.open_tcp_stream(*listening.getsockname()) for _ in range(40)]
        with trio.fail_after(10):
            while len(held) < 40:  # noqa: ASYNC110 - sockets
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    listening.close()
    for stream in (*clients, *held):
        await trio.aclose_forcefully(stream)
    assert sorted(numbers.all()) == [20, 20]


async def test_a_worker_alone_takes_what_a_stopped_one_leaves() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    numbers, beats = SharedNumbers(2), SharedNumbers(2)
    busy, stopped = WorkerLoads(numbers, beats, 0), WorkerLoads(numbers, beats, 1)
    busy.beat()
    stopped.beat()
    busy.accepted()
    client = await trio.open_tcp_stream(*listening.getsockname())
    own = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    with trio.fail_after(5):
        async with BalancedListener(own, busy) as listener, await listener.accept(), client:
            assert numbers.all() == [2, 0]
