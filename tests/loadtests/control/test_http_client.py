"""A request that ends in time, follows no redirect, and explains what is wrong."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from loadtests.control.http_client import FetchError, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def says(*pieces: bytes, wait: float = 0.0) -> Iterator[str]:
    """Answer one request with these pieces, `wait` seconds apart."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link, suppress(OSError):
                link.recv(4096)
                for piece in pieces:
                    link.sendall(piece)
                    time.sleep(wait)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def test_a_body_comes_whole() -> None:
    with says(OK, b"one ", b"two") as url:
        assert fetch(url, timeout=60) == b"one two"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"220 smtp ready\r\n", "220 smtp ready"),
        (b"HTTP/1.1 what\r\n\r\n", "what"),
        (OK + b"x" * 2000, "larger than 1000 bytes"),
    ],
)
def test_what_cannot_be_used_is_one_error(answer: bytes, words: str) -> None:
    with says(answer) as url, pytest.raises(FetchError, match=words):
        fetch(url, timeout=60, max_bytes=1000)


def test_a_status_is_reported_and_a_redirect_is_one() -> None:
    with says(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbody") as url, pytest.raises(FetchError) as busy:
        fetch(url, timeout=60)
    assert (busy.value.status, busy.value.reason) == (503, "body")
    parent = b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    with says(parent) as url, pytest.raises(FetchError) as sent_away:
        fetch(url, timeout=60)
    assert sent_away.value.status == 302


def test_one_that_drips_comes_to_an_end() -> None:
    with says(OK, *[b"x"] * 100, wait=0.05) as url, pytest.raises(FetchError, match="doesn't end"):
        fetch(url, timeout=0.4)


def test_a_refused_connection_is_reported_and_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with says(OK, b"here") as url:
        assert fetch(url, timeout=60) == b"here"
    with pytest.raises(FetchError, match="connection refused"):
        fetch("http://127.0.0.1:9/", timeout=60)
