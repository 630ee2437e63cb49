"""One connection distinguishes a wrong address, path or token, before the load starts."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from loadtests.results import problems
from loadtests.run.preflight import PreflightError, check_target
from tests.loadtests.factories import make_test_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reports.problem import Problem

CONNECTED = b'{"type":"connected","protocol":1}'
ERROR = b'{"type":"error","code":"CLIENT_AUTH_FAILED","message":"no"}'


_AWAY = b"HTTP/1.1 301 X\r\nLocation: ws://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def listening(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A listener that reads one request, says this, and leaves the socket open until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        stored: list[socket.socket] = []

        def serve() -> None:
            link, _ = listener.accept()
            stored.append(link)
            link.sendall(answer(link.recv(4096)))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=60)
        for link in stored:
            link.close()


def upgraded(*frames: bytes) -> Callable[[bytes], bytes]:
    def answer(request: bytes) -> bytes:
        key = next(
            line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-k")
        )
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 - RFC 6455
        head = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
        return head + b"\r\n\r\n" + b"".join(frames)

    return answer


#: How long a target is silent before that is a verdict; long enough for an upgrade on a busy machine.
_SILENCE_SECONDS = 1.5


def text(payload: bytes) -> bytes:
    return bytes([0x81, len(payload)]) + payload


def test_a_target_that_lets_a_caller_in_is_fine() -> None:
    with listening(upgraded(text(CONNECTED))) as url:
        check_target(make_test_plan(url=url))


@pytest.mark.parametrize(("origin", "sent"), [(None, []), ("https://app.test", [b"Origin: https://app.test"])])
def test_a_caller_sends_only_the_requested_origin(origin: str | None, sent: list[bytes]) -> None:
    requests: list[bytes] = []

    def answer(request: bytes) -> bytes:
        requests.append(request)
        return upgraded(text(CONNECTED))(request)

    with listening(answer) as url:
        check_target(make_test_plan(url=url, origin=origin))
    assert [line for line in requests[0].split(b"\r\n") if line.startswith(b"Origin")] == sent


@pytest.mark.parametrize(
    ("answer", "problem", "words"),
    [
        (lambda _: b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", problems.TARGET_REFUSED, "answered with status 404"),
        (lambda _: b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n", problems.TARGET_REFUSED, "answered with status 401"),
        (lambda _: _AWAY, problems.TARGET_REFUSED, "answered with status 301"),
        (lambda _: b"220 smtp.example ESMTP\r\n", problems.TARGET_DOWN, ""),
        (lambda _: b"", problems.TARGET_DOWN, "no response within"),
        (upgraded(), problems.TARGET_DOWN, "after the socket opened: no response within"),
        (upgraded(b"\x88\x02\x0b\xb8"), problems.TARGET_REFUSED, "closed right after it opened, 3000"),
        (upgraded(text(ERROR)), problems.TARGET_REFUSED, "the first message is an error: CLIENT_AUTH_FAILED"),
    ],
    ids=[
        "wrong path",
        "wrong token",
        "elsewhere",
        "no HTTP",
        "silence",
        "silence behind the upgrade",
        "closed",
        "error",
    ],
)
def test_a_target_that_refuses_callers_is_reported_with_the_right_problem(
    answer: Callable[[bytes], bytes], problem: Problem, words: str
) -> None:
    with listening(answer) as url, pytest.raises(PreflightError) as refused:
        check_target(make_test_plan(url=url), seconds=_SILENCE_SECONDS if "no response" in words else 60)
    assert refused.value.problem is problem
    assert words in refused.value.observed


def test_a_refused_connection_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(PreflightError, match="connection refused: nothing listens at this address"):
        check_target(make_test_plan(url=url))
