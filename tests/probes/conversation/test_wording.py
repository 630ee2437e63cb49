from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.protocol.refusals.lookup import refusal_for_error
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.errors import DialFailed, DialPhase, FailureReason
from probes.conversation.wording import offline_wording
from probes.runner.findings import CheckRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.model import Finding

ROW = CheckRow("events", "connect")


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        (DialFailed(DialPhase.TCP, FailureReason.REFUSED, "nobody"), "BRIDGE-NOTHING-LISTENING"),
        (HandshakeRefused(401, (), b""), "BRIDGE-UNAUTHORIZED"),
        (HandshakeRefused(404, (), b""), "BRIDGE-NOT-FOUND"),
        (HandshakeRefused(502, (), b""), "BRIDGE-GATEWAY-FAILED"),
    ],
)
def test_a_bridge_that_is_not_reached_is_told_in_the_words_of_bridges(
    failed: DialFailed | HandshakeRefused, code: str, assert_is_complete: Callable[[Finding], None]
) -> None:
    finding = offline_wording().unreachable(ROW, failed)
    assert (finding.code, finding.probe, finding.check) == (code, "events", "connect")
    assert_is_complete(finding)


def test_a_refusal_reads_as_the_table_has_it(assert_is_complete: Callable[[Finding], None]) -> None:
    refusal = refusal_for_error({"code": "insufficient_quota"})
    finding = offline_wording().refused(ROW, refusal)
    assert (finding.title, finding.fix) == (refusal.title, refusal.fix)
    assert_is_complete(finding)


def test_what_does_not_answer_is_late(assert_is_complete: Callable[[Finding], None]) -> None:
    finding = offline_wording().timed_out(ROW, 2.5)
    assert finding.evidence[0].value == "no socket within 2.5 s"
    assert_is_complete(finding)


def test_a_bridges_own_error_is_told_by_its_code(assert_is_complete: Callable[[Finding], None]) -> None:
    finding = offline_wording().bridge_error(ROW, {"type": "error", "code": "RATE_LIMITED", "message": "slower"})
    assert finding.code == "BRIDGE-RATE-LIMITED"
    assert_is_complete(finding)
