"""The PROXY protocol, versions 1 and 2: how a proxy that forwards TCP says who called it. Parsing is pure.

A header is the first thing on a connection, before TLS. It is read off the socket exactly, so that nothing behind it is
taken from TLS or HTTP. Who may send one is decided elsewhere: whoever may can claim any address.
Source: the specification at https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import trio

#: No header may be longer: 12 bytes of signature, 4 of lengths, and addresses with additions (TLVs) of any use.
MAX_HEADER_BYTES: Final = 4096
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V1_START: Final = b"PROXY "
#: A line of version 1 with its end (specification, 2.1).
_V1_MAX_BYTES: Final = 107
_V1_WORDS: Final = 6
_FIXED_BYTES: Final = 16
_LOCAL, _PROXY = 0, 1
_MAX_PORT: Final = 65535


class BadProxyHeaderError(Exception):
    """What a proxy sent is not a header of the PROXY protocol; the message says why."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A whole header."""

    size: int
    """How many bytes it has."""
    source: str | None
    """The client's address and port, as `peer_name` writes them. None: the proxy speaks for itself, or names none."""


@dataclass(frozen=True, slots=True)
class _Family:
    """How addresses of a family are written in version 2."""

    addresses: str = ""
    """Both addresses and both ports, for `struct`. Empty if they name no host."""
    size: int = 0


#: High half of the byte "family and transport"; AF_UNIX has two paths of 108 bytes.
_FAMILIES: Final[Mapping[int, _Family]] = {
    0: _Family(),
    1: _Family("!4s4sHH", 12),
    2: _Family("!16s16sHH", 36),
    3: _Family(size=216),
}
#: Its low half: unspecified, stream, datagram.
_TRANSPORTS: Final = frozenset({0, 1, 2})


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Return the header at the start of what a connection sent; None if it may be one and more must come.

    Raises BadProxyHeaderError as soon as it can't be one.
    """
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _parse_v2(data)
    if data[: len(_V1_START)] == _V1_START[: len(data)]:
        return _parse_v1(data)
    raise BadProxyHeaderError("the connection does not begin with a PROXY header")


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED_BYTES:
        return None
    version, command = divmod(data[12], 16)
    number, transport = divmod(data[13], 16)
    length = int.from_bytes(data[14:16])
    if version != 2 or command not in (_LOCAL, _PROXY):  # noqa: PLR2004 - the version that has this signature
        raise BadProxyHeaderError(f"unknown version or command: {data[12]:#04x}")
    if _FIXED_BYTES + length > MAX_HEADER_BYTES:
        raise BadProxyHeaderError(f"a header of {_FIXED_BYTES + length} bytes is too long")
    family = _FAMILIES.get(number)
    if command == _PROXY and (family is None or transport not in _TRANSPORTS):
        raise BadProxyHeaderError(f"unknown family or transport: {data[13]:#04x}")
    if command == _PROXY and family is not None and length < family.size:
        raise BadProxyHeaderError(f"{length} bytes are too few for the addresses")
    if len(data) < _FIXED_BYTES + length:
        return None
    source = None
    if command == _PROXY and family is not None and family.addresses and transport:
        host, _, port, _ = struct.unpack_from(family.addresses, data, _FIXED_BYTES)
        source = _peer(IPv4Address(host) if len(host) == 4 else IPv6Address(host), port)  # noqa: PLR2004 - of IPv4
    return ProxyHeader(_FIXED_BYTES + length, source)


def _parse_v1(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:_V1_MAX_BYTES].partition(b"\r\n")
    if not end:
        if len(data) >= _V1_MAX_BYTES:
            raise BadProxyHeaderError("the line of a PROXY header has no end")
        return None
    try:
        words = line.decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise BadProxyHeaderError("the line of a PROXY header is not ASCII") from None
    return ProxyHeader(len(line) + 2, _v1_source(words))


def _v1_source(words: list[str]) -> str | None:
    if words[1] == "UNKNOWN":  # whatever follows must be ignored
        return None
    kinds: Mapping[str, type[IPv4Address | IPv6Address]] = {"TCP4": IPv4Address, "TCP6": IPv6Address}
    kind = kinds.get(words[1])
    if kind is None or len(words) != _V1_WORDS:
        raise BadProxyHeaderError("the line of a PROXY header names no protocol, two addresses and two ports")
    try:
        source, _ = kind(words[2]), kind(words[3])
    except ValueError:
        raise BadProxyHeaderError("the line of a PROXY header has an invalid address") from None
    if "%" in words[2]:  # a zone of the proxy's machine says nothing here
        raise BadProxyHeaderError("the line of a PROXY header has an invalid address")
    ports = words[4:]
    if not all(port.isdecimal() and len(port) <= 5 and int(port) <= _MAX_PORT for port in ports):  # noqa: PLR2004
        raise BadProxyHeaderError("the line of a PROXY header has an invalid port")
    return _peer(source, int(ports[0]))


def _peer(address: IPv4Address | IPv6Address, port: int) -> str:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"[{address}]:{port}"
        address = address.ipv4_mapped
    return f"{address}:{port}"


async def read_proxy_header(sock: trio.socket.SocketType) -> ProxyHeader:
    """Read a header off a connection, and not a byte more. Set a deadline: a peer may send slowly, or nothing.

    Raises BadProxyHeaderError, also if the connection ends before the header, and OSError if it breaks. After
    cancelling, only close the connection.
    """
    data = b""
    while True:
        waiting = await sock.recv(MAX_HEADER_BYTES - len(data), socket.MSG_PEEK)
        if not waiting:
            raise BadProxyHeaderError("the connection ended before its PROXY header")
        header = parse_proxy_header(data + waiting)
        wanted = len(waiting) if header is None else header.size - len(data)
        while wanted:
            piece = await sock.recv(wanted)
            data, wanted = data + piece, wanted - len(piece)
            if not piece:
                raise BadProxyHeaderError("the connection ended before its PROXY header")
        if header is not None:
            return header
