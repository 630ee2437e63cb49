"""Requests that one worker hands over to another: by Unix sockets, and never to anybody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
import trio.testing

from bridge.server.fallback.other_workers import OtherWorkers
from bridge.transport.http import HttpAnswer, HttpRequest, HttpResponse, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

HEADERS = (("authorization", "Bearer t"), ("transfer-encoding", "chunked"), ("connection", "close"), ("x-own", "1"))
REQUEST = HttpRequest(method="POST", path="/p q", query={}, target="/p%20q?seq=0", headers=HEADERS, body=b"body")


async def test_the_owner_gets_the_request_and_gives_the_answer(tmp_path: Path) -> None:
    got: list[HttpRequest] = []

    async def http(request: HttpRequest) -> HttpAnswer:
        got.append(request)
        return HttpResponse(202, (("location", "/here"),), b"answer")

    async with trio.open_nursery() as nursery:
        await nursery.start(OtherWorkers(tmp_path, "n", 1, 2).serve, http)
        answer = await OtherWorkers(tmp_path, "n", 0, 2).hand_over("n-1", REQUEST)
        assert answer == HttpResponse(202, (("location", "/here"),), b"answer")
        nursery.cancel_scope.cancel()
    (request,) = got
    assert (request.method, request.path, request.query, request.body) == ("POST", "/p q", {"seq": "0"}, b"body")
    assert request.header("authorization") == "Bearer t"
    assert request.header("transfer-encoding") is None


async def test_a_folder_with_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()

    async def http(_: HttpRequest) -> HttpAnswer:
        return HttpResponse(204)

    async with trio.open_nursery() as nursery:
        await nursery.start(OtherWorkers(folder, "n", 1, 2).serve, http)
        assert await OtherWorkers(folder, "n", 0, 2).hand_over("n-1", REQUEST) == HttpResponse(204)
        nursery.cancel_scope.cancel()
    assert (folder / "worker-1.sock").exists()


async def test_a_stream_passes_through_and_ends_with_either_end(tmp_path: Path) -> None:
    closed = trio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            for number in range(1_000_000):
                yield b"data: %d\n\n" % number
                await trio.lowlevel.checkpoint()
        finally:
            closed.set()

    async def http(_: HttpRequest) -> HttpAnswer:
        return StreamingResponse(200, (("content-type", "text/event-stream"),), events())

    async with trio.open_nursery() as nursery:
        await nursery.start(OtherWorkers(tmp_path, "n", 1, 2).serve, http)
        answer = await OtherWorkers(tmp_path, "n", 0, 2).hand_over("n-1", REQUEST)
        assert isinstance(answer, StreamingResponse)
        assert (await anext(answer.chunks)).startswith(b"data: 0\n\n")
        await answer.chunks.aclose()
        with trio.fail_after(60):
            await closed.wait()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("owner", ["n-0", "n-1", "n-7", "m-1", "", "../../etc", "n-1/../n-0"])
async def test_there_is_nobody_of_that_name(owner: str, tmp_path: Path) -> None:
    assert await OtherWorkers(tmp_path, "n", 0, 2).hand_over(owner, REQUEST) is None


async def test_a_worker_that_dies_during_the_request_makes_the_client_ask_again(tmp_path: Path) -> None:
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listening.bind(str(tmp_path / "worker-1.sock"))
    listening.listen()

    async def die() -> None:
        peer, _ = await listening.accept()
        await peer.recv(10)
        peer.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(die)
        answer = await OtherWorkers(tmp_path, "n", 0, 2).hand_over("n-1", REQUEST)
    listening.close()
    assert_busy(answer)
    assert await OtherWorkers(tmp_path, "n", 0, 2).hand_over("n-1", REQUEST) is None  # by now it is gone


async def test_a_worker_whose_queue_is_full_is_busy_and_not_gone(tmp_path: Path) -> None:
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listening.bind(str(tmp_path / "worker-1.sock"))
    listening.listen(0)
    waiting = await trio.open_unix_socket(tmp_path / "worker-1.sock")
    with trio.fail_after(60):
        assert_busy(await OtherWorkers(tmp_path, "n", 0, 2).hand_over("n-1", REQUEST))
    await waiting.aclose()
    listening.close()


async def test_a_worker_that_hangs_is_busy(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await listening.bind(str(tmp_path / "worker-1.sock"))
    listening.listen()
    assert_busy(await OtherWorkers(tmp_path, "n", 0, 2).hand_over("n-1", REQUEST))
    assert autojump_clock.current_time() >= 40
    listening.close()


def assert_busy(answer: HttpAnswer | None) -> None:
    assert isinstance(answer, HttpResponse)
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "SERVER_BUSY")
    assert ("retry-after", "1") in answer.headers


async def test_the_socket_of_a_worker_that_died_is_replaced(tmp_path: Path) -> None:
    async def http(_: HttpRequest) -> HttpAnswer:
        return HttpResponse(200)

    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(OtherWorkers(tmp_path, "n", 0, 1).serve, http)
            nursery.cancel_scope.cancel()
