"""HTTP at the door: what a client may ask, and what becomes of one that does otherwise."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from bridge.transport.http1 import LINGER_SECONDS
from bridge.transport.http_server import HttpLimits
from tests.transport.http_harness import HttpHarness, head, read_all, read_some, statuses


async def test_a_request_is_answered() -> None:
    house = HttpHarness()
    answer = await house.exchange(head("GET", "/a%20b?x=1&x=2", X_Y="z"))
    assert statuses(answer) == [200]
    assert answer.endswith(b"\r\n\r\nGET /a b b''\n")
    assert b"content-length: 13\r\n" in answer
    [request] = house.requests
    assert (request.target, request.query, request.header("x-y")) == ("/a%20b?x=1&x=2", {"x": "2"}, "z")


async def test_requests_in_one_segment_are_answered_in_order() -> None:
    body = head("POST", "/2", Content_Length="3") + b"abc"
    answer = await HttpHarness().exchange(head("GET", "/1") + body + head("GET", "/3"))
    assert statuses(answer) == [200, 200, 200]
    assert answer.index(b"/1") < answer.index(b"POST /2 b'abc'") < answer.index(b"/3")


async def test_a_request_may_come_byte_by_byte() -> None:
    request = head("POST", "/slow", Content_Length="2") + b"ok"
    answer = await HttpHarness().exchange(*(bytes([byte]) for byte in request))
    assert b"POST /slow b'ok'" in answer


async def test_a_chunked_body_is_joined() -> None:
    answer = await HttpHarness().exchange(
        head("POST", "/c", Transfer_Encoding="chunked") + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )
    assert b"POST /c b'abc'" in answer


async def test_head_is_asked_as_get_and_answered_without_a_body() -> None:
    answer = await HttpHarness().exchange(head("HEAD", "/h") + head("GET", "/g"))
    assert b"content-length: 11\r\n\r\nHTTP/1.1 200" in answer
    assert b"GET /h" not in answer
    assert answer.endswith(b"GET /g b''\n")


async def test_a_client_that_waits_for_100_gets_it() -> None:
    house = HttpHarness()
    async with trio.open_nursery() as nursery:
        wire = house.connect(nursery)
        await wire.send_all(head("POST", "/e", Expect="100-continue", Content_Length="2"))
        assert statuses(await read_some(wire, b"\r\n\r\n")) == [100]
        await wire.send_all(b"hi")
        assert b"POST /e b'hi'" in await read_some(wire, b"'hi'\n")
        await wire.aclose()


async def test_a_client_that_asks_before_it_sends_too_much_is_spared_the_sending() -> None:
    answer = await HttpHarness(HttpLimits(body_bytes=10)).exchange(
        head("POST", "/e", Expect="100-continue", Content_Length="11")
    )
    assert statuses(answer) == [413]


async def test_connection_close_is_obeyed() -> None:
    answer = await HttpHarness().exchange(head("GET", "/1", Connection="close") + head("GET", "/2"))
    assert statuses(answer) == [200]


async def test_http_1_0_is_answered_and_closed() -> None:
    answer = await HttpHarness().exchange(head("GET", "/old", version="1.0"))
    assert statuses(answer) == [200]
    assert b"connection: close" in answer.lower()


MALFORMED = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
    "a bad content-length": head("POST", "/", Content_Length="x"),
    "a negative content-length": head("POST", "/", Content_Length="-1"),
    "two lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a bad chunk": head("POST", "/", Transfer_Encoding="chunked") + b"zz\r\n",
    "too many query fields": head("GET", "/?" + "&".join(f"a{n}" for n in range(200))),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_malformed_gets_400_and_a_closed_connection(name: str) -> None:
    house = HttpHarness()
    answer = await house.exchange(MALFORMED[name] + head("GET", "/next"))
    assert statuses(answer) == [400]
    assert b"connection: close" in answer.lower()
    assert (house.requests, house.errors) == ([], [])


TOO_LARGE = {
    "a long line": head("GET", "/", X="x" * 40_000),
    "a long line that never ends": b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000,
    "a long target": head("GET", "/" + "x" * 40_000),
    "many headers": head("GET", "/", **{f"X{n}": "" for n in range(101)}),
}


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_a_head_that_is_too_large_gets_431(name: str) -> None:
    assert statuses(await HttpHarness().exchange(TOO_LARGE[name])) == [431]


@pytest.mark.parametrize(
    "request_bytes",
    [
        head("POST", "/", Content_Length="11") + b"x" * 11,
        head("POST", "/", Content_Length="99999999999999999999"),
        head("POST", "/", Transfer_Encoding="chunked") + b"b\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n",
    ],
    ids=["announced", "announced beyond all", "chunked"],
)
async def test_a_body_that_is_too_large_gets_413(request_bytes: bytes) -> None:
    house = HttpHarness(HttpLimits(body_bytes=10))
    assert statuses(await house.exchange(request_bytes)) == [413]
    assert house.requests == []


async def test_a_handler_that_raises_gives_500_and_tells_the_hook() -> None:
    house = HttpHarness()
    answer = await house.exchange(head("GET", "/broken?token=secret") + head("GET", "/next"))
    assert statuses(answer) == [500, 200]
    [error] = house.errors
    assert isinstance(error, RuntimeError)
    assert "GET /broken from memory" in error.__notes__[0]
    assert "secret" not in error.__notes__[0]


# Time


@pytest.mark.parametrize("sent", [b"", b"GET / HT", head("GET", "/")[:-2]], ids=["nothing", "a line", "a head"])
async def test_a_head_that_does_not_end_in_time_is_closed(sent: bytes, autojump_clock: trio.testing.MockClock) -> None:
    house = HttpHarness(HttpLimits(head_seconds=10))
    async with trio.open_nursery() as nursery:
        wire = house.connect(nursery)
        if sent:
            await wire.send_all(sent)
        assert await read_all(wire) == b""
    assert autojump_clock.current_time() == 10


async def test_a_trickling_head_gets_no_more_time(autojump_clock: trio.testing.MockClock) -> None:
    house = HttpHarness(HttpLimits(head_seconds=10))
    async with trio.open_nursery() as nursery:
        wire = house.connect(nursery)

        async def trickle() -> None:
            for byte in head("GET", "/", X="x" * 100):
                await wire.send_all(bytes([byte]))
                await trio.sleep(1)

        with pytest.raises(trio.BrokenResourceError):
            await trickle()
    assert autojump_clock.current_time() == pytest.approx(10, abs=1.5)


async def test_a_silent_connection_is_kept_so_long_and_not_longer(autojump_clock: trio.testing.MockClock) -> None:
    house = HttpHarness(HttpLimits(idle_seconds=75))
    async with trio.open_nursery() as nursery:
        wire = house.connect(nursery)
        await wire.send_all(head("GET", "/1"))
        await read_some(wire, b"''\n")
        await trio.sleep(74)
        await wire.send_all(head("GET", "/2"))
        await read_some(wire, b"''\n")
        assert await read_all(wire) == b""
    assert autojump_clock.current_time() == 74 + 75


async def test_a_request_that_came_along_does_not_wait_for_more(autojump_clock: trio.testing.MockClock) -> None:
    house = HttpHarness()
    async with trio.open_nursery() as nursery:
        wire = house.connect(nursery)
        await wire.send_all(head("GET", "/1") + head("GET", "/2"))
        await read_some(wire, b"GET /2 b''\n")
        assert autojump_clock.current_time() == 0
        await wire.aclose()


async def test_a_client_that_leaves_within_its_head_gets_no_answer() -> None:
    assert await HttpHarness().exchange(b"GET / HT") == b""


async def test_a_client_that_does_not_take_its_answer_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    house = HttpHarness(HttpLimits(write_seconds=30))
    requests = trio.testing.MemoryReceiveStream()
    requests.put_data(head("GET", "/"))
    never_taken = trio.testing.MemorySendStream(send_all_hook=trio.sleep_forever)
    with trio.fail_after(60):
        await house.serve(trio.StapledStream(never_taken, requests))
    assert autojump_clock.current_time() == 30
    assert len(house.requests) == 1


async def test_a_body_that_does_not_arrive_gets_408(autojump_clock: trio.testing.MockClock) -> None:
    house = HttpHarness(HttpLimits(body_seconds=5))
    async with trio.open_nursery() as nursery:
        wire = house.connect(nursery)
        await wire.send_all(head("POST", "/", Content_Length="2") + b"x")
        assert statuses(await read_all(wire)) == [408]
    assert autojump_clock.current_time() == 5 + LINGER_SECONDS
