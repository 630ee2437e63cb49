"""Plain words for what the system said."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from bridge.upstream.dial.errors import DialFailed, Phase, Reason, chain, explain


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ECONNREFUSED, "x"), Reason.REFUSED),
        (OSError(errno.ETIMEDOUT, "x"), Reason.TIMED_OUT),
        (OSError(errno.ENETUNREACH, "x"), Reason.UNREACHABLE),
        (OSError(errno.ECONNRESET, "x"), Reason.CLOSED_EARLY),
        (socket.gaierror(socket.EAI_NONAME, "x"), Reason.NAME_UNKNOWN),
        (ssl.SSLEOFError("EOF occurred"), Reason.CLOSED_EARLY),
        (caused(RuntimeError(), caused(ValueError(), OSError(errno.ECONNREFUSED, "x"))), Reason.REFUSED),
        (ExceptionGroup("x", [OSError(errno.ENETUNREACH, "6"), OSError(errno.ECONNREFUSED, "4")]), Reason.REFUSED),
        (RuntimeError("never heard of"), Reason.CLOSED_EARLY),
    ],
)
def test_a_reason_is_found_in_the_chain_of_causes(error: BaseException, reason: Reason) -> None:
    assert explain(error)[0] is reason


def test_a_ring_of_causes_has_an_end() -> None:
    first, second = RuntimeError("1"), RuntimeError("2")
    first.__cause__, second.__cause__ = second, first
    assert len(list(chain(first))) < 50


def test_a_silent_name_server_is_not_an_unknown_name() -> None:
    assert "did not answer" in explain(socket.gaierror(socket.EAI_AGAIN, "x"))[1]


def test_a_failure_says_how_far_it_got() -> None:
    assert str(DialFailed(Phase.TLS, Reason.CERTIFICATE, "h: expired")) == "h: expired (tls)"
