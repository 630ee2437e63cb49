"""Headers of the PROXY protocol: read exactly, whole or in pieces, and refused as soon as they can't be one."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.proxy_protocol import (
    MAX_HEADER_BYTES,
    BadProxyHeaderError,
    ProxyHeader,
    parse_proxy_header,
    read_proxy_header,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PORTS = st.integers(0, 65535)


def v2(command: int, family: int, body: bytes, *, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


def over_ipv4(source: str = "203.0.113.9", port: int = 5000, tlvs: bytes = b"") -> bytes:
    body = IPv4Address(source).packed + IPv4Address("10.0.0.1").packed + struct.pack("!HH", port, 443)
    return v2(0x21, 0x11, body + tlvs)


@st.composite
def headers(draw: st.DrawFn) -> tuple[bytes, str | None]:
    """A legal header of either version, and whom it names."""
    port, tlvs = draw(PORTS), draw(st.binary(max_size=60))
    four, six = draw(st.ip_addresses(v=4)), draw(st.ip_addresses(v=6))
    assert isinstance(six, IPv6Address)
    six = IPv6Address("2001:db8::1") if six.ipv4_mapped else six
    ports = struct.pack("!HH", port, 443)
    return draw(
        st.sampled_from(
            [
                (v2(0x21, 0x11, four.packed * 2 + ports + tlvs), f"{four}:{port}"),
                (v2(0x21, 0x21, six.packed * 2 + ports + tlvs), f"[{six}]:{port}"),
                (v2(0x21, 0x31, bytes(216) + tlvs), None),
                (v2(0x21, 0x00, tlvs), None),
                (v2(0x20, 0x00, tlvs), None),
                (v2(0x20, 0xFF, tlvs), None),
                (f"PROXY TCP4 {four} 10.0.0.1 {port} 443\r\n".encode(), f"{four}:{port}"),
                (f"PROXY TCP6 {six} ::1 {port} 443\r\n".encode(), f"[{six}]:{port}"),
                (b"PROXY UNKNOWN\r\n", None),
                (b"PROXY UNKNOWN ffff::1 whatever 1\r\n", None),
            ]
        )
    )


@given(headers(), st.binary(max_size=200))
def test_a_header_is_read_whole_and_what_follows_is_not_part_of_it(
    header: tuple[bytes, str | None], rest: bytes
) -> None:
    data, source = header
    assert parse_proxy_header(data + rest) == ProxyHeader(len(data), source)


@given(headers(), st.data())
def test_a_part_of_a_header_waits_for_the_rest(header: tuple[bytes, str | None], draw: st.DataObject) -> None:
    data, _ = header
    assert parse_proxy_header(data[: draw.draw(st.integers(0, len(data) - 1))]) is None


@given(st.sampled_from([b"", SIGNATURE, SIGNATURE + b"\x21\x11", b"PROXY ", b"PROXY TCP4 "]), st.binary(max_size=150))
def test_whatever_comes_is_a_header_within_the_bound_or_refused(start: bytes, rest: bytes) -> None:
    try:
        header = parse_proxy_header(start + rest)
    except BadProxyHeaderError:
        return
    assert header is None or header.size <= min(len(start + rest), MAX_HEADER_BYTES)
    assert header is not None or len(start + rest) < MAX_HEADER_BYTES


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "does not begin with"),
        (b"\x16\x03\x01\x02\x00", "does not begin with"),
        (b"PROXX", "does not begin with"),
        (SIGNATURE[:-1] + b"\r", "does not begin with"),
        (v2(0x11, 0x11, bytes(12)), "unknown version or command: 0x11"),
        (v2(0x22, 0x11, bytes(12)), "unknown version or command: 0x22"),
        (v2(0x21, 0x41, bytes(12)), "unknown family or transport: 0x41"),
        (v2(0x21, 0x13, bytes(12)), "unknown family or transport: 0x13"),
        (v2(0x21, 0x11, bytes(11)), "11 bytes are too few"),
        (v2(0x21, 0x21, bytes(35)), "35 bytes are too few"),
        (v2(0x21, 0x31, bytes(215)), "215 bytes are too few"),
        (v2(0x21, 0x11, b"", length=MAX_HEADER_BYTES - 15), f"{MAX_HEADER_BYTES + 1} bytes is too long"),
        (v2(0x20, 0x00, b"", length=65535), "is too long"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2" + b" " * 77, "has no end"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "names no protocol"),
        (b"PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", "names no protocol"),
        (b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "names no protocol"),
        (b"PROXY \r\n", "names no protocol"),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", "invalid address"),
        (b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", "invalid address"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "invalid address"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", "invalid port"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "invalid port"),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n", "invalid port"),
        (b"PROXY TCP4 \xff 5.6.7.8 1 2\r\n", "not ASCII"),
    ],
)
def test_what_is_no_header_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(BadProxyHeaderError, match=why):
        parse_proxy_header(data)


def test_an_ipv4_address_that_is_written_as_ipv6_is_an_ipv4_address() -> None:
    body = IPv6Address("::ffff:203.0.113.9").packed * 2 + struct.pack("!HH", 5000, 443)
    assert parse_proxy_header(v2(0x21, 0x21, body)) == ProxyHeader(52, "203.0.113.9:5000")


def test_the_longest_header_and_the_longest_line_pass() -> None:
    tlvs = bytes(MAX_HEADER_BYTES - 28)
    assert parse_proxy_header(over_ipv4(tlvs=tlvs)) == ProxyHeader(MAX_HEADER_BYTES, "203.0.113.9:5000")
    line = b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"
    assert parse_proxy_header(line) == ProxyHeader(107, None)


async def pair() -> tuple[trio.socket.SocketType, trio.socket.SocketType]:
    ours, theirs = socket.socketpair()
    return trio.socket.from_stdlib_socket(ours), trio.socket.from_stdlib_socket(theirs)


@pytest.mark.parametrize("header", [over_ipv4(tlvs=bytes(300)), b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n"])
@pytest.mark.parametrize("piece", [1, 13, 5000])
async def test_a_header_is_read_off_a_socket_and_not_a_byte_more(header: bytes, piece: int) -> None:
    ours, theirs = await pair()
    data = header + b"GET / HTTP/1.1"

    async def send() -> None:
        for at in range(0, len(data), piece):
            await theirs.send(data[at : at + piece])
            await trio.testing.wait_all_tasks_blocked()

    with ours, theirs, trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert (await read_proxy_header(ours)).source == "203.0.113.9:5000"
        assert await ours.recv(100) == b"GET / HTTP/1.1"


@pytest.mark.parametrize("sent", [b"", over_ipv4()[:20], b"PROXY TCP4"])
async def test_a_connection_that_ends_before_its_header_is_refused(sent: bytes) -> None:
    ours, theirs = await pair()
    with ours, theirs:
        await theirs.send(sent)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(BadProxyHeaderError, match="ended before"):
            await read_proxy_header(ours)
