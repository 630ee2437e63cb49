"""Time jumps where nobody but the clock can bring anything about, and passes as usual beside child processes."""

from __future__ import annotations

import socket
import sys
import time

import pytest
import trio

from tests.autojump import run_with_autojump


def test_an_hour_takes_no_time_and_comes_in_order() -> None:
    async def main() -> list[str]:
        order = []

        async def wake(name: str, seconds: float) -> None:
            await trio.sleep(seconds)
            order.append(f"{name} {trio.current_time() - began:.0f}")

        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wake, "late", 3600)
            nursery.start_soon(wake, "early", 0.2)
            nursery.start_soon(wake, "middle", 60)
        return order

    assert run_with_autojump(main) == ["early 0", "middle 60", "late 3600"]


def test_what_is_on_its_way_through_a_socket_arrives_before_a_time_out() -> None:
    async def main() -> int:
        received = 0
        async with trio.open_nursery() as nursery:

            async def echo(stream: trio.SocketStream) -> None:
                async for data in stream:
                    await stream.send_all(data)

            listeners = await nursery.start(trio.serve_tcp, echo, 0)
            async with await trio.testing.open_stream_to_socket_listener(listeners[0]) as stream:
                for _ in range(200):
                    with trio.fail_after(0.001):
                        await stream.send_all(b"ping")
                        received += len(await stream.receive_some(4))
            nursery.cancel_scope.cancel()
        return received

    assert run_with_autojump(main) == 800


def test_a_thread_is_waited_for() -> None:
    async def main() -> str:
        with trio.fail_after(0.01):
            await trio.to_thread.run_sync(time.sleep, 0.2)
            found = await trio.socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
        return str(found[0][4][1])

    assert run_with_autojump(main) == "80"


def test_a_child_process_is_waited_for() -> None:
    async def main() -> bytes:
        program = "import time; time.sleep(0.3); print('done')"
        with trio.fail_after(60):
            done = await trio.run_process([sys.executable, "-c", program], capture_stdout=True)
        return done.stdout

    assert run_with_autojump(main) == b"done\n"


def test_a_clock_of_the_test_s_own_is_used() -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)

    async def main() -> None:
        await trio.sleep(7)

    run_with_autojump(main, clock=clock)
    assert clock.current_time() == pytest.approx(7)
