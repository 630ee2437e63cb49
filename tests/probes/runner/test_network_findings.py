"""Every reason of the network layer has a problem with complete texts."""

from __future__ import annotations

import re
import ssl

import pytest

from bridge.upstream.dial.errors import FailureReason
from bridge.upstream.dial.errors import explain_exception as why
from probes.runner.findings import CheckRow
from probes.runner.network_findings import PROBLEM_BY_REASON, connection_failure
from reports.model import Severity

NOBODY_ASKED = {
    FailureReason.NAME_UNKNOWN,
    FailureReason.REFUSED,
    FailureReason.UNREACHABLE,
    FailureReason.TIMED_OUT,
    FailureReason.PROXY_UNREACHABLE,
}


@pytest.mark.parametrize("reason", FailureReason)
def test_each_reason_is_explained(reason: FailureReason) -> None:
    finding = connection_failure(CheckRow("access", "tcp, tls"), reason, "the detail", host="h.example.com")
    assert finding.title
    assert finding.cause.endswith(".")
    assert finding.fix
    assert not {"HOST", "VARIABLE"} & set(re.findall("[A-Z]+", finding.fix + finding.cause))
    assert finding.evidence[0].value == "the detail"


@pytest.mark.parametrize("reason", FailureReason)
def test_an_unreachable_target_is_an_error_and_a_wrong_response_a_failure(reason: FailureReason) -> None:
    assert (PROBLEM_BY_REASON[reason].severity is Severity.ERROR) == (reason in NOBODY_ASKED)


def test_an_alert_of_tls_is_no_connection_that_just_ended() -> None:
    alert = ssl.SSLError(1, "alert")
    alert.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
    finding = connection_failure(CheckRow("access", "tcp, tls"), *why(alert), host="h.example.com")
    assert finding.code == "ACCESS-TLS-REFUSED"
    assert "under the name h.example.com" in finding.fix


def test_no_two_reasons_share_a_code() -> None:
    assert len({known.slug for known in PROBLEM_BY_REASON.values()}) == len(FailureReason)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "ACCESS-PROXY-REFUSED"),
        (407, "ACCESS-PROXY-REFUSED"),
        (502, "ACCESS-PROXY-FAILED"),
        (501, "ACCESS-NOT-A-PROXY"),
        (404, "ACCESS-NOT-A-PROXY"),
        (None, "ACCESS-PROXY-REFUSED"),
    ],
)
def test_the_response_to_connect_shows_whether_it_is_a_proxy(status: int | None, code: str) -> None:
    row = CheckRow("access", "tcp, tls")
    finding = connection_failure(
        row, FailureReason.PROXY_REFUSED, "d", host="h", proxy_variable="ALL_PROXY", status=status
    )
    assert finding.code == code
    if code == "ACCESS-NOT-A-PROXY":
        assert str(status) in finding.cause
        assert "407" not in finding.cause
        assert "ALL_PROXY" in finding.fix
