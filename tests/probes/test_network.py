"""Every reason of the network seam has its words, and the words are complete."""

from __future__ import annotations

import pytest

from bridge.upstream.failures import Reason
from probes.findings import Row
from probes.network import TROUBLES, trouble
from reports.model import Severity

NOBODY_ASKED = {Reason.NAME_UNKNOWN, Reason.REFUSED, Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.PROXY_UNREACHABLE}


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_explained(reason: Reason) -> None:
    finding = trouble(Row("access", "tcp, tls"), reason, "what was seen", host="h.example.com")
    assert finding.title
    assert finding.cause.endswith(".")
    assert finding.fix
    assert "HOST" not in finding.fix.replace("HOSTNAME", "")
    assert finding.evidence[0].value == "what was seen"


@pytest.mark.parametrize("reason", Reason)
def test_could_not_look_is_told_from_was_answered_wrongly(reason: Reason) -> None:
    assert (TROUBLES[reason].severity is Severity.ERROR) == (reason in NOBODY_ASKED)


def test_no_two_reasons_share_a_code() -> None:
    assert len({known.slug for known in TROUBLES.values()}) == len(Reason)
