"""Every request of the REST fallback, on a whole bridge in memory: what it does, and how each is refused."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING

import h11
import pytest
import trio
import trio.testing

from bridge.client_protocol.endpoints import FALLBACK_PATH
from bridge.core.events import UpstreamEvent
from bridge.server.clients.rate_limit import RateLimits
from bridge.server.config.settings import ClientRules
from bridge.server.fallback.client import UNPOLLED_SECONDS
from bridge.server.fallback.streams import COMMENT_SECONDS, STREAM_SECONDS
from reports.redaction import Secret
from tests.driver.harness import simulated_upstream
from tests.server.fallback.harness import JSON, PCM, RestClient, next_event, request
from tests.server.harness import TOKEN, make_settings, running_bridge

if TYPE_CHECKING:
    from bridge.transport.link import Headers
    from tests.server.harness import BridgeHarness

NDJSON: Headers = (("content-type", "application/x-ndjson"),)
STREAM: Headers = (("accept", "text/event-stream"),)
SPEECH = b"\1\2" * 480


DELTA = "response.output_audio.delta"
BIG_DELTA = b'{"type":"response.output_text.delta","delta":"%b"}' % (b"x" * 300_000)


async def begin(bridge: BridgeHarness) -> RestClient:
    client = RestClient(bridge)
    assert (await client.create()).status == 201
    return client


async def test_a_session_by_polls_answers_text_and_ends(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(connector=connector) as bridge:
        client = RestClient(bridge)
        created = await client.create(instructions="Be kind.")
        body = created.json()
        assert created.headers["location"] == f"{FALLBACK_PATH}/{body['sessionId']}"
        assert body["eventsUrl"].startswith(created.headers["location"])
        await client.receive_until("session_ready")
        assert (await client.send("text", text="hello")).json() == {"next": 1}
        await client.receive_until("response.done")
        assert client.received[0]["type"] == "connected"
        assert any(message["type"] == "response.output_audio.delta" for message in client.received)
        await client.send("end_session")
        assert (await client.receive_until("session_closed"))["reason"] == "ended"
        assert (await client.ask("DELETE", client.path)).status == 204
        assert (await client.ask("DELETE", client.path)).status == 204
        assert (await client.poll()).problem == (410, "SESSION_GONE")


async def test_speech_is_heard_raw_or_as_json(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await client.receive_until("session_ready")
        assert (await client.post("audio", SPEECH, PCM)).status == 202
        text = json.dumps({"audio": b64encode(SPEECH).decode()}).encode()
        assert (await client.post("audio", text, JSON)).status == 202
        assert (await client.post("audio", b"", PCM)).json() == {"next": 3}
        assert bridge.upstream is not None
        assert b"".join(one for one in bridge.upstream.links[0].sent if isinstance(one, bytes)) == SPEECH * 2


async def test_several_messages_in_one_post_keep_their_order(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        lines = b"\n".join(b'{"type":"ping","id":%d}' % number for number in range(100))
        assert (await client.post("messages", lines, NDJSON)).status == 202
        await client.poll()
        await client.poll(wait=0)
        assert [message["id"] for message in client.received if message["type"] == "pong"] == list(range(100))


async def test_a_repeated_post_is_taken_once(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        for _ in range(3):
            assert (await client.post("messages", b'{"type":"ping"}', JSON, seq=0)).json() == {"next": 1}
        await client.poll()
        assert [message["type"] for message in client.received].count("pong") == 1


async def test_a_post_too_far_ahead_is_refused_with_the_number_that_is_due(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        answer = await client.post("messages", b'{"type":"ping"}', JSON, seq=2)
        assert answer.problem == (409, "INVALID_MESSAGE")
        assert answer.json()["expected"] == 0


async def test_a_message_that_is_invalid_is_an_event_as_it_is_on_a_socket(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        assert (await client.post("messages", b'{"type":"nonsense"}', JSON)).status == 202
        assert (await client.receive_until("error"))["code"] == "INVALID_MESSAGE"


async def test_a_poll_waits_for_news_and_a_second_one_ends_the_first(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await client.receive_until("session_ready")
        await client.poll(wait=0)
        began = trio.current_time()
        assert (await client.poll(wait=7)).json()["events"] == []
        assert trio.current_time() - began == 7
        firsts: list[tuple[float, object]] = []

        async def first() -> None:
            answer = await client.poll(after=client.after)
            firsts.append((trio.current_time(), answer.json()))

        async with trio.open_nursery() as nursery:
            began = trio.current_time()
            nursery.start_soon(first)
            await trio.sleep(3)
            nursery.start_soon(client.poll, 5)
        assert firsts == [(began + 3, {"events": [], "next": client.after})]


async def test_the_same_after_gives_the_same_events_and_a_later_one_acknowledges(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await client.receive_until("session_ready")
        once, again = await client.poll(after=0, wait=0), await client.poll(after=0, wait=0)
        assert once.body == again.body != b""
        await client.poll(after=2, wait=0)
        assert (await client.poll(after=1, wait=0)).problem == (400, "INVALID_MESSAGE")
        assert (await client.poll(after=10_000, wait=0)).problem == (400, "INVALID_MESSAGE")


async def test_a_session_that_nobody_polls_ends_with_its_upstream(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await client.receive_until("session_ready")
        assert bridge.upstream is not None
        await trio.sleep(UNPOLLED_SECONDS - 1)
        assert bridge.upstream.open_links == 1
        await trio.sleep(3)
        assert bridge.upstream.open_links == 0
        await trio.sleep(UNPOLLED_SECONDS)
        assert (await client.poll()).problem == (410, "SESSION_GONE")
        bridge.bridge.drain()
        await bridge.bridge.wait_empty()


async def test_a_client_that_fetches_nothing_gets_slow_consumer_and_an_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await client.receive_until("session_ready")
        assert bridge.upstream is not None
        for _ in range(5):
            bridge.upstream.links[0].put.send_nowait(UpstreamEvent(1, "response.output_text.delta", BIG_DELTA))
            await trio.sleep(0.1)
        assert (await client.receive_until("error"))["code"] == "SLOW_CONSUMER"
        assert (await client.poll()).problem == (410, "SESSION_GONE")


async def test_a_stream_of_events_resumes_where_it_was_cut(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        accept: Headers = (*STREAM, ("authorization", f"Bearer {client.token}"))
        stream = bridge.stream()
        http, head = await request(stream, "GET", f"{client.path}/events", headers=accept)
        assert head.status_code == 200
        named = dict(head.headers)
        assert named[b"content-type"] == b"text/event-stream"
        assert (named[b"cache-control"], named[b"x-accel-buffering"]) == (b"no-cache, no-transform", b"no")
        text = b""
        while b"session_ready" not in text:
            text += bytes((await next_event(http, stream)).data)
        ids = [int(line[4:]) for line in text.splitlines() if line.startswith(b"id: ")]
        assert ids == list(range(1, len(ids) + 1))
        began = trio.current_time()
        assert bytes((await next_event(http, stream)).data) == b": still here\n\n"
        assert trio.current_time() - began == COMMENT_SECONDS
        await stream.aclose()
        resumed: Headers = (*accept, ("last-event-id", "2"))
        http, _ = await request(stream := bridge.stream(), "GET", f"{client.path}/events", headers=resumed)
        assert bytes((await next_event(http, stream)).data).startswith(b"id: 3\n")
        await stream.aclose()


async def test_a_stream_ends_after_ten_minutes_and_the_session_lives_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        accept: Headers = (*STREAM, ("authorization", f"Bearer {client.token}"))
        stream = bridge.stream()
        http, _ = await request(stream, "GET", f"{client.path}/events", headers=accept)
        began = trio.current_time()
        while isinstance(event := await next_event(http, stream), h11.Data):
            pass
        assert isinstance(event, h11.EndOfMessage)
        assert STREAM_SECONDS <= trio.current_time() - began <= STREAM_SECONDS + COMMENT_SECONDS
        assert (await client.poll(after=0, wait=0)).status == 200


REFUSED: dict[str, tuple[str, str, bytes, Headers, tuple[int, str]]] = {
    "no token": ("GET", "/events", b"", (("authorization", ""),), (401, "UNAUTHORIZED")),
    "a wrong token": ("GET", "/events", b"", (("authorization", "Bearer x"),), (401, "UNAUTHORIZED")),
    "another scheme": ("GET", "/events", b"", (("authorization", "Basic x"),), (401, "UNAUTHORIZED")),
    "a wrong token to end": ("DELETE", "", b"", (("authorization", "Bearer x"),), (401, "UNAUTHORIZED")),
    "a foreign page": ("GET", "/events", b"", (("origin", "https://evil.example"),), (403, "ORIGIN_NOT_ALLOWED")),
    "half a sample": ("POST", "/audio?seq=0", b"abc", PCM, (400, "INVALID_MESSAGE")),
    "no base64": ("POST", "/audio?seq=0", b'{"audio":"%"}', JSON, (400, "INVALID_MESSAGE")),
    "no audio in it": ("POST", "/audio?seq=0", b"{}", JSON, (400, "INVALID_MESSAGE")),
    "no JSON": ("POST", "/audio?seq=0", b"{", JSON, (400, "INVALID_MESSAGE")),
    "another type": ("POST", "/audio?seq=0", b"ab", (("content-type", "audio/wav"),), (415, "UNSUPPORTED_MEDIA_TYPE")),
    "no type": ("POST", "/messages?seq=0", b"{}", (), (415, "UNSUPPORTED_MEDIA_TYPE")),
    "no number": ("POST", "/messages", b"{}", JSON, (400, "INVALID_MESSAGE")),
    "a negative number": ("POST", "/messages?seq=-1", b"{}", JSON, (400, "INVALID_MESSAGE")),
    "a huge number": ("POST", f"/messages?seq={10**30}", b"{}", JSON, (400, "INVALID_MESSAGE")),
    "too many messages": ("POST", "/messages?seq=0", b"{}\n" * 1_001, NDJSON, (400, "INVALID_MESSAGE")),
    "a wrong wait": ("GET", "/events?wait=x", b"", (), (400, "INVALID_MESSAGE")),
    "a wrong resumption": ("GET", "/events", b"", (*STREAM, ("last-event-id", "x")), (400, "INVALID_MESSAGE")),
    "another method": ("PUT", "/events", b"", (), (405, "METHOD_NOT_ALLOWED")),
    "another path": ("GET", "/nothing", b"", (), (404, "NOT_FOUND")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_a_bad_request_is_refused_and_takes_nothing(case: str, autojump_clock: trio.testing.MockClock) -> None:
    method, tail, body, headers, expected = REFUSED[case]
    async with running_bridge() as bridge:
        client = await begin(bridge)
        assert (await client.ask(method, client.path + tail, body, headers)).problem == expected
        assert (await client.send("ping")).json() == {"next": 1}


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"[]", 400), (b"{", 400), (b'{"voice":5}', 400), (b'{"type":"text","text":"x"}', 201), (b"", 201)],
)
async def test_the_options_of_a_session_are_checked(
    body: bytes, expected: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with running_bridge() as bridge:
        assert (await RestClient(bridge).ask("POST", FALLBACK_PATH, body, JSON)).status == expected


async def test_locked_options_are_refused(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge(make_settings(ClientRules(locked=frozenset({"voice"})))) as bridge:
        assert (await RestClient(bridge).create(voice="ash")).problem == (400, "INVALID_MESSAGE")


async def test_admission_is_that_of_the_sockets(autojump_clock: trio.testing.MockClock) -> None:
    rules = ClientRules(max_sessions=1, token=Secret(TOKEN))
    async with running_bridge(make_settings(rules)) as bridge:
        client = RestClient(bridge)
        assert (await client.create()).problem == (401, "UNAUTHORIZED")
        bearer: Headers = (("authorization", f"Bearer {TOKEN}"),)
        assert (await client.create(bearer)).status == 201
        assert (await RestClient(bridge).create(bearer)).problem == (503, "SERVER_BUSY")
        assert (await client.ask("DELETE", client.path)).status == 204
        await trio.sleep(3)
        assert (await RestClient(bridge).create(bearer)).status == 201


async def test_the_token_of_one_session_opens_no_other(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        one, other = await begin(bridge), await begin(bridge)
        one.path = other.path
        assert (await one.poll()).problem == (401, "UNAUTHORIZED")


async def test_a_client_that_sends_too_fast_is_slowed_down_then_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    rules = ClientRules(rates=RateLimits(bytes_per_second=1_000, burst_bytes=1_000))
    async with running_bridge(make_settings(rules)) as bridge:
        client = await begin(bridge)
        began = trio.current_time()
        await client.post("audio", SPEECH * 2, PCM)
        assert trio.current_time() - began == pytest.approx(0.92)
        for _ in range(9):
            answer = await client.post("audio", SPEECH * 2, PCM)
        assert answer.problem == (429, "RATE_EXCEEDED")
        assert (await client.receive_until("error"))["code"] == "RATE_EXCEEDED"


async def test_a_bridge_that_drains_ends_the_session_and_says_so(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await client.receive_until("session_ready")
        bridge.bridge.drain()
        assert (await client.receive_until("session_closed"))["reason"] == "draining"
        with trio.fail_after(60):
            await bridge.bridge.wait_empty()


async def test_a_page_of_a_listed_origin_may_make_requests_and_others_may_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    page = "https://app.example.com"
    async with running_bridge(make_settings(ClientRules(origins=(page,), token=Secret(TOKEN)))) as bridge:
        client = RestClient(bridge)
        preflight = await client.ask("OPTIONS", FALLBACK_PATH, headers=(("origin", page),))
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == page
        assert preflight.headers["access-control-allow-methods"] == "POST"
        assert "authorization" in preflight.headers["access-control-allow-headers"]
        assert (await client.create((("origin", page), ("authorization", f"Bearer {TOKEN}")))).status == 201
        answer = await client.ask("GET", f"{client.path}/events?wait=0", headers=(("origin", page),))
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, page)
        assert answer.headers["vary"] == "origin"
        evil: Headers = (("origin", "https://evil.example"),)
        assert (await client.ask("OPTIONS", FALLBACK_PATH, headers=evil)).problem == (403, "ORIGIN_NOT_ALLOWED")
        assert (await client.create(evil)).problem == (403, "ORIGIN_NOT_ALLOWED")
        assert "access-control-allow-origin" not in (await client.ask("GET", f"{client.path}/events?wait=0")).headers


async def test_what_is_no_json_spoils_no_response(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await client.receive_until("session_ready")
        assert bridge.upstream is not None
        put = bridge.upstream.links[0].put
        put.send_nowait(UpstreamEvent(1, DELTA, b'{"type":"%b","delta":"}' % DELTA.encode()))
        put.send_nowait(UpstreamEvent(1, DELTA, b'{"type":"%b",\r\n "delta":"AAAA"}' % DELTA.encode()))
        assert (await client.receive_until(DELTA))["delta"] == "AAAA"
        headers: Headers = (*STREAM, ("authorization", f"Bearer {client.token}"))
        http, _ = await request(
            stream := bridge.stream(), "GET", f"{client.path}/events?after={client.after - 1}", headers=headers
        )
        text = bytes((await next_event(http, stream)).data).decode()
        data = "".join(line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
        assert json.loads(data)["delta"] == "AAAA"
        await stream.aclose()
