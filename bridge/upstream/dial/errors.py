"""Why the way to a server failed: one vocabulary for sockets and REST, and plain words for what the system said.

Foreign exceptions (`OSError`, `ssl`, name lookup) are turned into a Reason here and nowhere else.
"""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How deep causes are followed; nobody nests them deeper.
_DEPTH = 12


class DialPhase(StrEnum):
    """How far the way was gone."""

    NAME = "name"
    TCP = "tcp"
    PROXY = "proxy"
    TLS = "tls"
    UPGRADE = "upgrade"


class FailureReason(StrEnum):
    """What stopped it."""

    NAME_UNKNOWN = "name-unknown"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    CERTIFICATE = "certificate"
    NOT_TLS = "not-tls"
    PROXY_UNREACHABLE = "proxy-unreachable"
    PROXY_REFUSED = "proxy-refused"
    CLOSED_EARLY = "closed-early"
    NOT_WEBSOCKET = "not-websocket"
    BAD_ACCEPT = "bad-accept"


class DialFailed(Exception):  # noqa: N818 - an outcome that callers expect
    """The connection did not come about. `detail` is in plain words and holds no secret.

    `status` is what a proxy answered to CONNECT, where that was it.
    """

    def __init__(self, phase: DialPhase, reason: FailureReason, detail: str, status: int | None = None) -> None:
        super().__init__(phase, reason, detail)
        self.status = status
        self.phase = phase
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.detail} ({self.phase})"


_ERRNOS: dict[int, tuple[FailureReason, str]] = {
    errno.ECONNREFUSED: (FailureReason.REFUSED, "nothing listens there: connection refused"),
    errno.ETIMEDOUT: (FailureReason.TIMED_OUT, "no answer: the connection timed out"),
    errno.ENETUNREACH: (FailureReason.UNREACHABLE, "no route to that network"),
    errno.EHOSTUNREACH: (FailureReason.UNREACHABLE, "no route to that host"),
    errno.EADDRNOTAVAIL: (FailureReason.UNREACHABLE, "no usable local address for it"),
    errno.EAFNOSUPPORT: (FailureReason.UNREACHABLE, "this machine does not speak that address family"),
    errno.EACCES: (FailureReason.UNREACHABLE, "this machine does not permit the connection"),
    errno.EPERM: (FailureReason.UNREACHABLE, "this machine does not permit the connection"),
    errno.EHOSTDOWN: (FailureReason.UNREACHABLE, "that host is down"),
    errno.ECONNRESET: (FailureReason.CLOSED_EARLY, "the other side reset the connection"),
    errno.EPIPE: (FailureReason.CLOSED_EARLY, "the other side closed the connection"),
}

#: Of several attempts (IPv6, IPv4) the first of these tells most.
_TELLING = (FailureReason.REFUSED, FailureReason.TIMED_OUT, FailureReason.CLOSED_EARLY, FailureReason.UNREACHABLE)

_LOOKUPS: dict[int, str] = {
    socket.EAI_AGAIN: "the name server did not answer",
}

#: OpenSSL's verify codes (x509_vfy.h), as far as people meet them.
_VERIFY_CODES: dict[int, str] = {
    9: "the certificate is not valid yet; is this machine's clock right?",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "a self-signed certificate stands in the chain: a proxy that inspects TLS, or a private authority",
    20: "the certificate's issuer is unknown here",
    21: "the certificate's issuer is unknown here: the server sent no chain",
    23: "the certificate was revoked",
    62: "the certificate is for another host",
    64: "the certificate is for another address",
}
_WRONG_HOST = frozenset({62, 64})

#: What OpenSSL calls bytes that are no TLS records.
_NOT_TLS_REASONS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH")


def exception_chain(error: BaseException) -> Iterator[BaseException]:
    """Walk an exception, its causes and the members of groups, outermost first."""
    todo, seen = [error], 0
    while todo and seen < _DEPTH:
        current = todo.pop(0)
        seen += 1
        yield current
        if isinstance(current, BaseExceptionGroup):
            todo.extend(current.exceptions)
        todo.extend(linked for linked in (current.__cause__ or current.__context__,) if linked is not None)


def explain_certificate_error(error: ssl.SSLCertVerificationError) -> str:
    """Say what is wrong with a certificate in plain words."""
    return _VERIFY_CODES.get(error.verify_code, f"the certificate was not accepted: {error.verify_message}")


def is_hostname_mismatch(error: BaseException) -> bool:
    """Whether a certificate that names other hosts is behind this."""
    return any(
        isinstance(link, ssl.SSLCertVerificationError) and link.verify_code in _WRONG_HOST
        for link in exception_chain(error)
    )


def explain_exception(error: BaseException) -> tuple[FailureReason, str]:
    """Turn what the system raised into a reason and plain words; CLOSED_EARLY when it says nothing we know."""
    links = list(exception_chain(error))
    for link in links:
        if isinstance(link, ssl.SSLCertVerificationError):
            return FailureReason.CERTIFICATE, explain_certificate_error(link)
        if isinstance(link, ssl.SSLError):
            return _explain_tls(link)
        if isinstance(link, socket.gaierror):
            return FailureReason.NAME_UNKNOWN, _LOOKUPS.get(link.errno or 0, "no such host name")
    found = [_ERRNOS[link.errno] for link in links if isinstance(link, OSError) and link.errno in _ERRNOS]
    found.sort(key=lambda pair: _TELLING.index(pair[0]))
    return found[0] if found else (FailureReason.CLOSED_EARLY, "the other side closed the connection")


def _explain_tls(error: ssl.SSLError) -> tuple[FailureReason, str]:
    said = getattr(error, "reason", None) or str(error)  # made by hand, as by ssl.py itself, it has no reason
    if any(mark in said for mark in _NOT_TLS_REASONS):
        return FailureReason.NOT_TLS, "the answer was not TLS: the port speaks plain text"
    if isinstance(error, ssl.SSLEOFError) or "EOF" in said:
        return FailureReason.CLOSED_EARLY, "the other side closed the connection during the TLS handshake"
    words = said.replace("_", " ").lower()
    return FailureReason.CLOSED_EARLY, f"the other side refused the TLS handshake ({words})"
