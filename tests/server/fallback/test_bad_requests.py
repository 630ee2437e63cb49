"""Bad requests to each call of the fallback: refused with the right status and code, nothing leaked, nothing left."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h11
import pytest
import trio
import trio.testing

from bridge.client_protocol.endpoints import FALLBACK_PATH
from bridge.server.config.settings import ClientRules
from tests.server.fallback.harness import JSON, PCM, Answer, RestClient, next_event
from tests.server.harness import make_settings, running_bridge

if TYPE_CHECKING:
    from bridge.transport.link import Headers
    from tests.server.harness import BridgeHarness

NDJSON: Headers = (("content-type", "application/x-ndjson"),)
PAGE = "https://app.example.com"
#: Every call of a session: method, what follows its path, body, headers.
CALLS: dict[str, tuple[str, str, bytes, Headers]] = {
    "poll": ("GET", "/events?after=0&wait=0", b"", ()),
    "stream": ("GET", "/events", b"", (("accept", "text/event-stream"),)),
    "audio": ("POST", "/audio?seq=0", b"ab", PCM),
    "messages": ("POST", "/messages?seq=0", b'{"type":"ping"}', JSON),
    "end": ("DELETE", "", b"", ()),
}
HUGE = 1024 * 1024 + 1


async def begin(bridge: BridgeHarness) -> RestClient:
    client = RestClient(bridge)
    assert (await client.create()).status == 201
    return client


def assert_leaks_nothing(answer: Answer, *clients: RestClient) -> None:
    """No token of any session, and none of its messages, is in a refusal."""
    said = answer.body.decode() + json.dumps(answer.headers)
    assert not any(client.token in said for client in clients)
    assert "session_ready" not in said
    assert "clientId" not in said


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_with_a_wrong_token_is_refused_and_does_nothing(
    call: str, autojump_clock: trio.testing.MockClock
) -> None:
    method, tail, body, headers = CALLS[call]
    async with running_bridge() as bridge:
        one, other = await begin(bridge), await begin(bridge)
        for token in ("", "Bearer", "Bearer x", f"Basic {one.token}", f"Bearer {other.token}", f"Bearer {one.token}x"):
            answer = await one.ask(method, one.path + tail, body, (*headers, ("authorization", token)))
            assert answer.problem == (401, "UNAUTHORIZED")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert_leaks_nothing(answer, one, other)
        assert (await one.send("ping")).json() == {"next": 1}  # it lives, and nothing was counted
        assert (await other.send("ping")).json() == {"next": 1}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "unknown", ["bridge-0.AAAAAAAAAAAAAAAA", "nowhere-7.AAAAAAAAAAAAAAAA", "x", "%00", "a" * 5_000]
)
async def test_a_session_that_never_was_is_gone(
    call: str, unknown: str, autojump_clock: trio.testing.MockClock
) -> None:
    method, tail, body, headers = CALLS[call]
    async with running_bridge() as bridge:
        client = await begin(bridge)
        answer = await client.ask(method, f"{FALLBACK_PATH}/{unknown}{tail}", body, headers)
        if call == "end":
            assert (answer.status, answer.body) == (204, b"")
        else:
            assert answer.problem == (410, "SESSION_GONE")
        assert_leaks_nothing(answer, client)


async def send_slowly(bridge: BridgeHarness, path: str, length: int, pieces: int, every: float, token: str) -> Answer:
    """POST a body in pieces; read the answer as soon as it comes."""
    stream = bridge.stream()
    http = h11.Connection(h11.CLIENT)
    named = {"host": "h", "content-type": "audio/pcm", "authorization": f"Bearer {token or 'none'}", "origin": PAGE}
    head = h11.Request(method="POST", target=path, headers=[*named.items(), ("content-length", str(length))])
    await stream.send_all(http.send(head) or b"")
    answers: list[Answer] = []
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            for _ in range(pieces):
                await trio.sleep(every)
                await stream.send_all(http.send(h11.Data(data=bytes(length // pieces))) or b"")

        nursery.start_soon(write)
        event = await next_event(http, stream)
        assert isinstance(event, h11.Response), event
        body = b""
        while isinstance(piece := await next_event(http, stream), h11.Data):
            body += bytes(piece.data)
        heads = {name.decode(): value.decode() for name, value in event.headers}
        answers.append(Answer(event.status_code, heads, body))
        nursery.cancel_scope.cancel()
    await stream.aclose()
    return answers[0]


@pytest.mark.parametrize(
    ("length", "pieces", "every", "expected"),
    [(HUGE, 1, 0.0, (413, "MESSAGE_TOO_LARGE")), (4_800, 100, 1.0, (408, "REQUEST_TIMEOUT"))],
    ids=["huge", "slow"],
)
@pytest.mark.parametrize("where", ["create", "audio", "messages"])
async def test_a_body_that_is_too_large_or_too_slow_is_refused_as_a_problem_that_pages_can_read(
    where: str, length: int, pieces: int, every: float, expected: tuple[int, str], autojump_clock: object
) -> None:
    async with running_bridge(make_settings(ClientRules(origins=(PAGE,)))) as bridge:
        client = RestClient(bridge)
        assert (await client.create((("origin", PAGE),))).status == 201
        path = FALLBACK_PATH if where == "create" else f"{client.path}/{where}?seq=0"
        answer = await send_slowly(bridge, path, length, pieces, every, client.token)
        assert answer.problem == expected
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert_leaks_nothing(answer, client)
        answer = await client.post("messages", b'{"type":"ping"}', (*JSON, ("origin", PAGE)))
        assert answer.json() == {"next": 1}


async def test_a_huge_body_elsewhere_is_refused_in_plain_words(autojump_clock: trio.testing.MockClock) -> None:
    async with running_bridge() as bridge:
        answer = await send_slowly(bridge, "/elsewhere", HUGE, 1, 0.0, "")
        assert (answer.status, answer.headers["content-type"]) == (413, "text/plain; charset=utf-8")


async def test_a_page_that_may_not_connect_cannot_read_why_its_body_was_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        answer = await send_slowly(bridge, FALLBACK_PATH, HUGE, 1, 0.0, "")
        assert answer.problem == (403, "ORIGIN_NOT_ALLOWED")
        assert "access-control-allow-origin" not in answer.headers


async def test_an_after_beyond_the_end_is_refused_and_acknowledges_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        await trio.sleep(1)
        for call, headers in (("poll", ()), ("stream", (("accept", "text/event-stream"),))):
            answer = await client.ask("GET", f"{client.path}/events?after=999&wait=0", headers=headers)
            assert answer.problem == (400, "INVALID_MESSAGE"), call
        assert (await client.poll(wait=0)).json()["events"][0]["seq"] == 1


async def test_gaps_repeats_and_posts_in_another_order_are_taken_once_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        client = await begin(bridge)
        taken: list[int] = []
        for seq in (3, 0, 2, 0, 1, 0, 3, 2, 1, 3, 3):
            answer = await client.ask(
                "POST", f"{client.path}/messages?seq={seq}", b'{"type":"ping","id":%d}' % seq, JSON
            )
            if answer.status == 409:
                assert answer.json()["expected"] == len(taken)
            elif answer.json()["next"] > len(taken):
                taken.append(seq)
        assert taken == [0, 1, 2, 3]
        await client.poll()
        await client.poll(wait=0)
        assert [message["id"] for message in client.received if message["type"] == "pong"] == taken
