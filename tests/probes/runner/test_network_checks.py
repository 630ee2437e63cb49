"""The network checks that probes share: a connection without TLS is judged by where it goes."""

from __future__ import annotations

import pytest

from probes.runner.findings import CheckRow
from probes.runner.network_checks import judge_plaintext
from reports.model import Severity

ROW = CheckRow("access", "tcp, tls")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "10.0.0.7", "192.168.1.2", "localai", "nas.local"])
def test_plaintext_to_a_private_host_is_fine(host: str) -> None:
    assert judge_plaintext(ROW, host).severity is Severity.PASS


@pytest.mark.parametrize("host", ["api.example.com", "8.8.8.8"])
def test_plaintext_to_a_public_host_exposes_the_key(host: str) -> None:
    finding = judge_plaintext(ROW, host)
    assert (finding.code, finding.severity) == ("ACCESS-NO-TLS", Severity.WARNING)
    assert finding.fix == f"Use https://{host}"
