"""HTTP requests to the server: valid ones, invalid ones, and clients that are too slow."""

from __future__ import annotations

import logging
from functools import partial

import h11
import pytest
import trio
import trio.testing

from bridge.transport.http import HttpRequest, HttpResponse
from bridge.transport.http1 import LINGER_SECONDS
from bridge.transport.http_server import HttpLimits, serve_connection, serve_tcp
from tests.transport.http_harness import HttpHarness, head, read_all, read_some, statuses, upgrade_head
from tests.transport.raw_peer import CloggedStream


async def test_a_request_is_answered() -> None:
    server = HttpHarness()
    answer = await server.exchange(head("GET", "/a%20b?x=1&x=2", X_Y="z"))
    assert statuses(answer) == [200]
    assert answer.endswith(b"\r\n\r\nGET /a b b''\n")
    assert b"content-length: 13\r\n" in answer
    [request] = server.requests
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


async def test_head_reaches_the_handler_as_get_and_is_answered_without_a_body() -> None:
    answer = await HttpHarness().exchange(head("HEAD", "/h") + head("GET", "/g"))
    assert b"content-length: 11\r\n\r\nHTTP/1.1 200" in answer
    assert b"GET /h" not in answer
    assert answer.endswith(b"GET /g b''\n")


async def test_a_client_that_waits_for_100_gets_it() -> None:
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        peer = server.connect(nursery)
        await peer.send_all(head("POST", "/e", Expect="100-continue", Content_Length="2"))
        assert statuses(await read_some(peer, b"\r\n\r\n")) == [100]
        await peer.send_all(b"hi")
        assert b"POST /e b'hi'" in await read_some(peer, b"'hi'\n")
        await peer.aclose()


async def test_a_client_that_waits_for_100_with_too_large_a_body_gets_413_at_once() -> None:
    answer = await HttpHarness(HttpLimits(body_bytes=10)).exchange(
        head("POST", "/e", Expect="100-continue", Content_Length="11")
    )
    assert statuses(answer) == [413]


async def test_a_body_that_no_route_takes_is_read_and_not_kept_and_the_next_request_is_answered() -> None:
    server = HttpHarness(HttpLimits(body_bytes=10), takes_bodies=False)
    answer = await server.exchange(head("POST", "/1", Content_Length="10"), b"0123456789" + head("GET", "/2"))
    assert (statuses(answer), [one.body for one in server.requests]) == ([200, 200], [b"", b""])
    chunked = head("POST", "/3", Transfer_Encoding="chunked") + b"b\r\n0123456789a\r\n0\r\n\r\n"
    assert statuses(await server.exchange(chunked)) == [413]


async def test_connection_close_closes_the_connection() -> None:
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
    "a length and chunks": head("POST", "/", Content_Length="4", Transfer_Encoding="chunked") + b"0\r\n\r\n",
    "a bad chunk": head("POST", "/", Transfer_Encoding="chunked") + b"zz\r\n",
    "too many query fields": head("GET", "/?" + "&".join(f"a{n}" for n in range(200))),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_gets_400_and_a_closed_connection(name: str) -> None:
    server = HttpHarness()
    answer = await server.exchange(MALFORMED[name] + head("GET", "/next"))
    assert statuses(answer) == [400]
    assert b"connection: close" in answer.lower()
    assert (server.requests, server.errors) == ([], [])


async def test_a_rejection_quotes_nothing_that_was_sent() -> None:
    answer = await HttpHarness().exchange(b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization : Bearer tok-123\r\n\r\n")
    assert statuses(answer) == [400]
    assert b"illegal header line" in answer
    assert b"tok-123" not in answer


@pytest.mark.parametrize("odd", ["\x1e", "\x85", "\xa0"])
async def test_only_blanks_and_tabs_surround_the_elements_of_a_list(odd: str) -> None:
    server = HttpHarness()
    request = upgrade_head(Connection="keep-alive,?Upgrade").replace(b"?", odd.encode("latin-1"))
    assert statuses(await server.exchange(request)) == [400]
    assert server.upgrades == []


OTHER_VERSIONS = {
    "a version that there is not": head("GET", "/", version="9.9"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an upgrade by HTTP/1.0": upgrade_head().replace(b"HTTP/1.1", b"HTTP/1.0"),
}


@pytest.mark.parametrize("name", OTHER_VERSIONS)
async def test_another_version_of_http_gets_505(name: str) -> None:
    server = HttpHarness()
    answer = await server.exchange(OTHER_VERSIONS[name])
    assert statuses(answer) == [505] or statuses(answer) == [400]
    assert (server.requests, server.upgrades) == ([], [])


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
    server = HttpHarness(HttpLimits(body_bytes=10))
    assert statuses(await server.exchange(request_bytes)) == [413]
    assert server.requests == []


async def test_a_handler_that_raises_gives_500_and_is_reported() -> None:
    server = HttpHarness()
    answer = await server.exchange(head("GET", "/broken?token=secret") + head("GET", "/next"))
    assert statuses(answer) == [500, 200]
    [error] = server.errors
    assert isinstance(error, RuntimeError)
    assert "GET /broken from memory" in error.__notes__[0]
    assert "secret" not in error.__notes__[0]


async def test_without_an_error_handler_the_error_of_a_handler_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    server = HttpHarness()
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(head("GET", "/broken"))
    await ours.send_stream.aclose()
    await serve_connection(theirs, http=server.http, websocket=server.websocket)
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "bridge.transport.http_server")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "a bug"


class Responder(HttpHarness):
    """A server that answers every request with the same response."""

    response: HttpResponse

    async def http(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return self.response


async def test_a_response_that_cannot_be_written_is_reported_and_closes_its_connection() -> None:
    server = Responder()
    server.response = HttpResponse(200, (("x-name", "two\r\nlines"),))
    assert await server.exchange(head("GET", "/1") + head("GET", "/2")) == b""
    assert [type(error) for error in server.errors] == [h11.LocalProtocolError]
    assert [request.path for request in server.requests] == ["/1"]


async def test_a_status_without_a_name_is_sent_without_one() -> None:
    server = Responder()
    server.response = HttpResponse(299)
    assert (await server.exchange(head("GET", "/"))).startswith(b"HTTP/1.1 299 \r\n")


async def test_a_name_with_two_addresses_is_bound_to_the_first_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [listener for _ in range(2) for listener in await trio.open_tcp_listeners(0, host="127.0.0.1")]

    async def resolve(port: int, *, host: str) -> list[trio.SocketListener]:
        assert (port, host) == (0, "two.test")
        return found

    monkeypatch.setattr(trio, "open_tcp_listeners", resolve)
    server = HttpHarness()
    expected = found[0].socket.getsockname()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_tcp, http=server.http, websocket=server.websocket, host="two.test")
        assert await nursery.start(serve) == expected
        assert [listener.socket.fileno() >= 0 for listener in found] == [True, False]
        nursery.cancel_scope.cancel()


# Time


@pytest.mark.parametrize("sent", [b"", b"GET / HT", head("GET", "/")[:-2]], ids=["nothing", "a line", "a head"])
async def test_a_head_that_does_not_end_in_time_is_closed(sent: bytes, autojump_clock: trio.testing.MockClock) -> None:
    server = HttpHarness(HttpLimits(head_seconds=10))
    async with trio.open_nursery() as nursery:
        peer = server.connect(nursery)
        if sent:
            await peer.send_all(sent)
        assert await read_all(peer) == b""
    assert autojump_clock.current_time() == 10


async def test_a_trickling_head_gets_no_more_time(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpHarness(HttpLimits(head_seconds=10))
    async with trio.open_nursery() as nursery:
        peer = server.connect(nursery)

        async def trickle() -> None:
            for byte in head("GET", "/", X="x" * 100):
                await peer.send_all(bytes([byte]))
                await trio.sleep(1)

        with pytest.raises(trio.BrokenResourceError):
            await trickle()
    assert autojump_clock.current_time() == pytest.approx(10, abs=1.5)


async def test_an_idle_connection_is_closed_after_its_time_limit(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpHarness(HttpLimits(idle_seconds=75))
    async with trio.open_nursery() as nursery:
        peer = server.connect(nursery)
        await peer.send_all(head("GET", "/1"))
        await read_some(peer, b"''\n")
        await trio.sleep(74)
        await peer.send_all(head("GET", "/2"))
        await read_some(peer, b"''\n")
        assert await read_all(peer) == b""
    assert autojump_clock.current_time() == 74 + 75


async def test_a_pipelined_request_does_not_wait_for_more_bytes(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        peer = server.connect(nursery)
        await peer.send_all(head("GET", "/1") + head("GET", "/2"))
        await read_some(peer, b"GET /2 b''\n")
        assert autojump_clock.current_time() == 0
        await peer.aclose()


async def test_a_client_that_disconnects_within_the_head_gets_no_response() -> None:
    assert await HttpHarness().exchange(b"GET / HT") == b""


async def test_a_client_that_does_not_read_its_response_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpHarness(HttpLimits(write_seconds=30))
    requests = trio.testing.MemoryReceiveStream()
    requests.put_data(head("GET", "/"))
    never_taken = trio.testing.MemorySendStream(send_all_hook=trio.sleep_forever)
    with trio.fail_after(60):
        await server.serve(trio.StapledStream(never_taken, requests))
    assert autojump_clock.current_time() == 30
    assert len(server.requests) == 1


async def test_a_body_that_does_not_arrive_gets_408(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpHarness(HttpLimits(body_seconds=5))
    async with trio.open_nursery() as nursery:
        peer = server.connect(nursery)
        await peer.send_all(head("POST", "/", Content_Length="2") + b"x")
        assert statuses(await read_all(peer)) == [408]
    assert autojump_clock.current_time() == 5 + LINGER_SECONDS


async def test_a_rejection_on_a_stream_that_cannot_close_one_half_is_sent_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = HttpHarness(HttpLimits(body_bytes=10))
    ours, theirs = trio.testing.memory_stream_pair()
    stream = CloggedStream(theirs)  # as TLS, it has no `send_eof`
    stream.unclog.set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, stream)
        await ours.send_all(head("POST", "/", Content_Length="11") + b"x" * 11)
        assert statuses(await read_all(ours)) == [413]
    assert autojump_clock.current_time() == LINGER_SECONDS
    assert server.errors == []


@pytest.mark.wall_clock
async def test_who_posts_5_mb_too_many_gets_413_and_no_reset() -> None:
    server = HttpHarness()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            _, port = await nursery.start(lambda **how: serve_tcp(http=server.http, websocket=server.websocket, **how))
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(head("POST", "/", Content_Length=str(5_000_000)))
            for _ in range(5):
                await stream.send_all(bytes(1_000_000))
            assert statuses(await read_all(stream)) == [413]
            await stream.aclose()
            nursery.cancel_scope.cancel()


async def test_others_have_their_turn_between_the_requests_of_many_and_within_a_body_of_many_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = HttpHarness()
    at_once, longest, done = 0, 0, False
    next_event = h11.Connection.next_event

    def counting(connection: h11.Connection) -> object:
        nonlocal at_once
        at_once += 1
        return next_event(connection)

    monkeypatch.setattr(h11.Connection, "next_event", counting)

    async def bystander() -> None:
        nonlocal at_once, longest
        while not done:
            longest, at_once = max(longest, at_once), 0
            await trio.lowlevel.checkpoint()

    async def exchange() -> None:
        async with trio.open_nursery() as nursery:
            peer = server.connect(nursery)
            await peer.send_all(head("POST", "/c", Transfer_Encoding="chunked") + chunks)
            await peer.send_stream.aclose()
            assert statuses(await read_all(peer)) == [200]

    chunks = b"1\r\nx\r\n" * 500 + b"0\r\n\r\n"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bystander)
        async with trio.open_nursery() as clients:
            for _ in range(20):
                clients.start_soon(exchange)
        done = True
    assert longest <= 2 * 32
