"""Why a connection failed: the same reasons for WebSockets and REST, and a message for what the system reported.

Only this module maps the system's exceptions (`OSError`, `ssl`, DNS lookup) to a FailureReason.
"""

from __future__ import annotations

import errno
import socket
import ssl
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many linked exceptions are followed.
_MAX_CHAIN = 12


class DialPhase(StrEnum):
    """The phase of a dial, in order."""

    NAME = "name"
    TCP = "tcp"
    PROXY = "proxy"
    TLS = "tls"
    UPGRADE = "upgrade"


class FailureReason(StrEnum):
    """Why a phase failed: what a finding is chosen by. The words for people are in `DialFailed.detail`."""

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
    """The connection could not be opened. `detail` says why in words and contains no secret.

    `status` is the proxy's answer to CONNECT, if that failed.
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
    errno.ECONNREFUSED: (FailureReason.REFUSED, "connection refused: no server listens on this port"),
    errno.ETIMEDOUT: (FailureReason.TIMED_OUT, "the connection timed out"),
    errno.ENETUNREACH: (FailureReason.UNREACHABLE, "no route to that network"),
    errno.EHOSTUNREACH: (FailureReason.UNREACHABLE, "no route to that host"),
    errno.EADDRNOTAVAIL: (FailureReason.UNREACHABLE, "no usable local address for it"),
    errno.EAFNOSUPPORT: (FailureReason.UNREACHABLE, "this machine does not support that address family"),
    errno.EACCES: (FailureReason.UNREACHABLE, "this machine does not permit the connection"),
    errno.EPERM: (FailureReason.UNREACHABLE, "this machine does not permit the connection"),
    errno.EHOSTDOWN: (FailureReason.UNREACHABLE, "that host is down"),
    errno.ECONNRESET: (FailureReason.CLOSED_EARLY, "the other side reset the connection"),
    errno.EPIPE: (FailureReason.CLOSED_EARLY, "the other side closed the connection"),
}

#: Of several attempts (IPv6, IPv4), the first of these says most.
_BY_PRIORITY = (FailureReason.REFUSED, FailureReason.TIMED_OUT, FailureReason.CLOSED_EARLY, FailureReason.UNREACHABLE)

_DNS_ERRORS: dict[int, str] = {
    socket.EAI_AGAIN: "the name server did not answer",
}

#: OpenSSL's verify codes (x509_vfy.h) that occur in practice.
_VERIFY_CODES: dict[int, str] = {
    9: "the certificate is not valid yet; is this machine's clock right?",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the chain has a self-signed certificate: from a proxy that inspects TLS, or from a private authority",
    20: "the certificate's issuer is not trusted here",
    21: "the certificate's issuer is not trusted here: the server sent no chain",
    23: "the certificate was revoked",
    62: "the certificate is for another host",
    64: "the certificate is for another address",
}
_HOST_MISMATCH_CODES = frozenset({62, 64})

#: OpenSSL's reasons for bytes that are not TLS records.
_NOT_TLS_REASONS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH")


def exception_chain(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an exception, its causes and the members of groups, outermost first."""
    pending, count = [error], 0
    while pending and count < _MAX_CHAIN:
        current = pending.pop(0)
        count += 1
        yield current
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        pending.extend(linked for linked in (current.__cause__ or current.__context__,) if linked is not None)


def explain_certificate_error(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a certificate, in words."""
    return _VERIFY_CODES.get(error.verify_code, f"the certificate was not accepted: {error.verify_message}")


def is_hostname_mismatch(error: BaseException) -> bool:
    """Whether the cause is a certificate for another host."""
    return any(
        isinstance(link, ssl.SSLCertVerificationError) and link.verify_code in _HOST_MISMATCH_CODES
        for link in exception_chain(error)
    )


def explain_exception(error: BaseException) -> tuple[FailureReason, str]:
    """Return the reason and a message for an exception of the system; CLOSED_EARLY if it is unknown."""
    links = list(exception_chain(error))
    for link in links:
        if isinstance(link, ssl.SSLCertVerificationError):
            return FailureReason.CERTIFICATE, explain_certificate_error(link)
        if isinstance(link, ssl.SSLError):
            return _explain_tls(link)
        if isinstance(link, socket.gaierror):
            return FailureReason.NAME_UNKNOWN, _DNS_ERRORS.get(link.errno or 0, "no such host name")
    found = [_ERRNOS[link.errno] for link in links if isinstance(link, OSError) and link.errno in _ERRNOS]
    found.sort(key=lambda pair: _BY_PRIORITY.index(pair[0]))
    return found[0] if found else (FailureReason.CLOSED_EARLY, "the other side closed the connection")


def _explain_tls(error: ssl.SSLError) -> tuple[FailureReason, str]:
    reason = getattr(error, "reason", None) or str(error)  # ssl.py creates some without a reason
    if any(mark in reason for mark in _NOT_TLS_REASONS):
        return FailureReason.NOT_TLS, "the answer was not TLS: the port speaks plain text"
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        return FailureReason.CLOSED_EARLY, "the other side closed the connection during the TLS handshake"
    words = reason.replace("_", " ").lower()
    return FailureReason.CLOSED_EARLY, f"the other side refused the TLS handshake ({words})"
