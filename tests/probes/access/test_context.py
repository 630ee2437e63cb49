"""A stored connection is used once, never when it is stale, and always closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from bridge.upstream.dial.dial import OpenedStream
from probes.access.context import AccessContext, close_link, error_object, seconds_until

At = Callable[..., Any]


def opened() -> tuple[OpenedStream, trio.abc.Stream]:
    ours, theirs = memory_stream_pair()
    return OpenedStream(stream=ours, address="x:1", tls=None, seconds={}), theirs


async def test_a_fresh_connection_is_handed_over_once(
    at: At,
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    context, (connection, _) = AccessContext(at("http://localhost:1/v1")), opened()
    context.keep_connection(connection)
    await trio.sleep(1.9)
    assert await context.take_connection() is connection
    assert await context.take_connection() is None


class Stubborn:
    """A link whose peer never answers the Close frame."""

    def __init__(self) -> None:
        self.aborted = False

    async def close(self) -> None:
        await trio.sleep_forever()

    async def abort(self) -> None:
        await trio.lowlevel.checkpoint()
        self.aborted = True


async def test_a_server_that_does_not_answer_the_close_frame_is_disconnected(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    link = Stubborn()
    with trio.move_on_after(0.1):
        await close_link(link)  # type: ignore[arg-type] # as much of a link as parting needs
    assert link.aborted


async def test_a_connection_that_waited_too_long_is_closed_instead(
    at: At,
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    context, (connection, theirs) = AccessContext(at("http://localhost:1/v1")), opened()
    context.keep_connection(connection)
    await trio.sleep(2.1)
    assert await context.take_connection() is None
    assert await theirs.receive_some() == b""


async def test_closing_a_context_closes_what_was_never_used_even_when_cancelled(at: At) -> None:
    context, (connection, theirs) = AccessContext(at("http://localhost:1/v1")), opened()
    context.keep_connection(connection)
    client = context.rest_client()
    with trio.CancelScope() as scope:
        scope.cancel()
        await context.aclose()
    assert await theirs.receive_some() == b""
    assert client.is_closed


def test_only_telling_headers_become_evidence(at: At) -> None:
    headers = (("CF-RAY", "8f"), ("date", "today"), ("Retry-After", "3"), ("set-cookie", "secret"))
    telling = AccessContext(at("http://localhost:1/v1")).diagnostic_headers
    assert [(e.label, e.value) for e in telling(headers)] == [("cf-ray", "8f"), ("retry-after", "3")]
    assert len(telling([("via", "x" * 500)] * 500)) == 12
    assert {len(e.value) for e in telling([("via", "x" * 500)] * 500)} == {200}


def test_an_answer_becomes_a_headline_and_its_words(at: At) -> None:
    error = {"code": "c", "message": "m" * 400, "param": "session.x"}
    first, message, param = AccessContext(at("http://localhost:1/v1")).response_evidence(
        "HTTP 400", error, label="GET /models"
    )
    assert (first.label, first.value) == ("GET /models", "HTTP 400 c")
    assert len(message.value) == 300
    assert param.value == "session.x"


def test_a_body_that_is_no_error_object_is_named_by_its_kind(at: At) -> None:
    response_evidence = AccessContext(at("http://localhost:1/v1")).response_evidence
    assert response_evidence("HTTP 502", {}, b"<html>x")[0].value == "HTTP 502 (a web page)"
    assert response_evidence("HTTP 502", {}, b"Bad  \n gateway")[0].value == "HTTP 502 'Bad gateway'"
    assert response_evidence("HTTP 502", {}, b"")[0].value == "HTTP 502"
    assert error_object([1]) == error_object({"error": "text"}) == {}


@pytest.mark.parametrize("before", [0, 30, 45, 110, 190, 270, 290])
def test_a_key_at_the_border_of_a_cut_is_hidden_first(at: At, before: int) -> None:
    key = "9f86d081884c7d659a2feaa0c55ad015"
    context = AccessContext(at("http://localhost:1/v1", key=key))
    text = "x" * before + " " + key
    shown = [
        *context.diagnostic_headers([("via", text)]),
        *context.response_evidence("HTTP 401", {"code": text, "message": text, "param": text}),
        *context.response_evidence("HTTP 401", {}, text.encode()),
    ]
    assert len(shown) == 5
    assert key[:6] not in str(shown)


@pytest.mark.parametrize("moment", [0, -1, 10**400, 2**40, None, True, "soon", 1.5, []])
def test_what_is_no_moment_is_not_counted_down_to(moment: object) -> None:
    assert seconds_until(moment) is None
