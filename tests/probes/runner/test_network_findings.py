"""Every reason of the network seam has its words, and the words are complete."""

from __future__ import annotations

import re
import ssl

import pytest

from bridge.upstream.dial.errors import Reason
from bridge.upstream.dial.errors import explain as why
from probes.runner.findings import Row
from probes.runner.network_findings import TROUBLES, trouble
from reports.model import Severity

NOBODY_ASKED = {Reason.NAME_UNKNOWN, Reason.REFUSED, Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.PROXY_UNREACHABLE}


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_explained(reason: Reason) -> None:
    finding = trouble(Row("access", "tcp, tls"), reason, "what was seen", host="h.example.com")
    assert finding.title
    assert finding.cause.endswith(".")
    assert finding.fix
    assert not {"HOST", "VARIABLE"} & set(re.findall("[A-Z]+", finding.fix + finding.cause))
    assert finding.evidence[0].value == "what was seen"


@pytest.mark.parametrize("reason", Reason)
def test_could_not_look_is_told_from_was_answered_wrongly(reason: Reason) -> None:
    assert (TROUBLES[reason].severity is Severity.ERROR) == (reason in NOBODY_ASKED)


def test_an_alert_of_tls_is_no_connection_that_just_ended() -> None:
    alert = ssl.SSLError(1, "alert")
    alert.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
    finding = trouble(Row("access", "tcp, tls"), *why(alert), host="h.example.com")
    assert finding.code == "ACCESS-TLS-REFUSED"
    assert "under the name h.example.com" in finding.fix


def test_no_two_reasons_share_a_code() -> None:
    assert len({known.slug for known in TROUBLES.values()}) == len(Reason)


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
def test_what_a_proxy_answers_tells_whether_it_is_one(status: int | None, code: str) -> None:
    row = Row("access", "tcp, tls")
    finding = trouble(row, Reason.PROXY_REFUSED, "d", host="h", variable="ALL_PROXY", status=status)
    assert finding.code == code
    if code == "ACCESS-NOT-A-PROXY":
        assert str(status) in finding.cause
        assert "407" not in finding.cause
        assert "ALL_PROXY" in finding.fix
