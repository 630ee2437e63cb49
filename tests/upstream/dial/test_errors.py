"""Plain words for what the system said."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from bridge.upstream.dial.errors import DialFailed, DialPhase, FailureReason, exception_chain, explain_exception


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ECONNREFUSED, "x"), FailureReason.REFUSED),
        (OSError(errno.ETIMEDOUT, "x"), FailureReason.TIMED_OUT),
        (OSError(errno.ENETUNREACH, "x"), FailureReason.UNREACHABLE),
        (OSError(errno.ECONNRESET, "x"), FailureReason.CLOSED_EARLY),
        (socket.gaierror(socket.EAI_NONAME, "x"), FailureReason.NAME_UNKNOWN),
        (ssl.SSLEOFError("EOF occurred"), FailureReason.CLOSED_EARLY),
        (caused(RuntimeError(), caused(ValueError(), OSError(errno.ECONNREFUSED, "x"))), FailureReason.REFUSED),
        (
            ExceptionGroup("x", [OSError(errno.ENETUNREACH, "6"), OSError(errno.ECONNREFUSED, "4")]),
            FailureReason.REFUSED,
        ),
        (RuntimeError("never heard of"), FailureReason.CLOSED_EARLY),
    ],
)
def test_a_reason_is_found_in_the_chain_of_causes(error: BaseException, reason: FailureReason) -> None:
    assert explain_exception(error)[0] is reason


def test_a_ring_of_causes_has_an_end() -> None:
    first, second = RuntimeError("1"), RuntimeError("2")
    first.__cause__, second.__cause__ = second, first
    assert len(list(exception_chain(first))) < 50


def test_a_silent_name_server_is_not_an_unknown_name() -> None:
    assert "did not answer" in explain_exception(socket.gaierror(socket.EAI_AGAIN, "x"))[1]


def test_a_failure_says_how_far_it_got() -> None:
    assert str(DialFailed(DialPhase.TLS, FailureReason.CERTIFICATE, "h: expired")) == "h: expired (tls)"
