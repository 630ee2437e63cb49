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
        (DialFailed(DialPhase.TCP, FailureReason.REFUSED, "refused"), "BRIDGE-NOTHING-LISTENING"),
        (HandshakeRefused(401, (), b""), "BRIDGE-UNAUTHORIZED"),
        (HandshakeRefused(404, (), b""), "BRIDGE-NOT-FOUND"),
        (HandshakeRefused(502, (), b""), "BRIDGE-GATEWAY-FAILED"),
    ],
)
async def test_an_unreachable_bridge_has_the_codes_of_the_bridge_probe(
    failed: DialFailed | HandshakeRefused, code: str, assert_is_complete: Callable[[Finding], None]
) -> None:
    finding = await offline_wording().unreachable(ROW, failed)
    assert (finding.code, finding.probe, finding.check) == (code, "events", "connect")
    assert_is_complete(finding)


def test_a_refusal_has_the_title_and_fix_of_the_table(assert_is_complete: Callable[[Finding], None]) -> None:
    refusal = refusal_for_error({"code": "insufficient_quota"})
    finding = offline_wording().refused(ROW, refusal)
    assert (finding.title, finding.fix) == (refusal.title, refusal.fix)
    assert_is_complete(finding)


def test_no_answer_is_reported_with_the_timeout(assert_is_complete: Callable[[Finding], None]) -> None:
    finding = offline_wording().timed_out(ROW, 2.5)
    assert finding.evidence[0].value == "no socket within 2.5 s"
    assert_is_complete(finding)


def test_a_bridges_error_message_has_its_code(assert_is_complete: Callable[[Finding], None]) -> None:
    finding = offline_wording().bridge_error(ROW, {"type": "error", "code": "RATE_LIMITED", "message": "slower"})
    assert finding.code == "BRIDGE-RATE-LIMITED"
    assert_is_complete(finding)
