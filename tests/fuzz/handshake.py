"""Bytes instead of a handshake: one answer that is HTTP, and a 101 only to a request that RFC 6455 4.2.1 accepts.

The oracle reads the request by itself, line by line, as strictly as the RFC lets a server.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

import h11
import trio
import trio.testing

from bridge.transport.http_server import HttpLimits
from tests.transport.http_harness import HttpHarness

_REQUEST_LINE: Final = re.compile(rb"GET [\x21-\xff]+ HTTP/1\.1\r?")
_HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*\r?")
_LIMITS: Final = HttpLimits(head_bytes=2048, header_count=20, body_bytes=512)
#: A server that does not answer within this, in virtual seconds, hangs.
_SECONDS: Final = 300.0


def check_handshake(data: bytes) -> None:
    """Check what a server answers to these bytes, sent in two pieces. The first byte chooses where they are cut."""
    at = data[0] if data else 0
    sent = data[1:]
    harness = HttpHarness(limits=_LIMITS)
    pieces = filter(None, (sent[:at], sent[at:]))
    answer = trio.run(_exchange, harness, *pieces, clock=trio.testing.MockClock(autojump_threshold=0))
    assert not harness.errors, f"an exception in the server: {harness.errors[0]!r}"
    if answer:
        _check_is_http(answer)
    if harness.upgrades:
        assert any(_is_upgrade(head) for head in re.split(rb"\r?\n\r?\n", sent)), "an upgrade that nobody asked for"


async def _exchange(harness: HttpHarness, *pieces: bytes) -> bytes:
    with trio.fail_after(_SECONDS):
        return await harness.exchange(*pieces)


def _check_is_http(answer: bytes) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "h"), ("upgrade", "websocket")]))
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    event = client.next_event()
    assert isinstance(event, h11.Response | h11.InformationalResponse), event


def _is_upgrade(head: bytes) -> bool:
    line, *rest = head.lstrip(b"\r\n").split(b"\n")
    if not _REQUEST_LINE.fullmatch(line):
        return False
    fields: dict[bytes, list[bytes]] = {}
    for text in rest:
        found = _HEADER.fullmatch(text)
        if found is None:
            return False
        fields.setdefault(found[1].lower(), []).append(found[2])
    return (
        len(fields.get(b"host", [])) == 1
        and b"websocket" in _tokens(fields, b"upgrade")
        and b"upgrade" in _tokens(fields, b"connection")
        and fields.get(b"sec-websocket-version") == [b"13"]
        and _is_key(fields.get(b"sec-websocket-key", []))
    )


def _tokens(fields: dict[bytes, list[bytes]], name: bytes) -> set[bytes]:
    return {token.strip().lower() for value in fields.get(name, []) for token in value.split(b",")}


def _is_key(values: list[bytes]) -> bool:
    try:
        return len(values) == 1 and len(b64decode(values[0], validate=True)) == 16
    except Base64Error:
        return False
