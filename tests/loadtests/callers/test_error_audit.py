"""The error audit: one error in 2 s, and one before each close for a fault."""

from __future__ import annotations

import pytest

from loadtests.callers.error_audit import ErrorAudit


def audit_of(*stamps: float) -> ErrorAudit:
    errors = ErrorAudit()
    for at in stamps:
        errors.record(at, "INVALID_MESSAGE")
    return errors


@pytest.mark.parametrize(
    ("stamps", "violations"),
    [
        ((), 0),
        ((10.0,), 0),
        ((10.0, 12.0, 14.0), 0),
        ((10.0, 11.997), 0),
        ((10.0, 11.9), 1),
        ((10.0, 11.0, 12.0), 2),
        ((10.0, 11.0, 13.5), 1),
    ],
)
def test_two_errors_are_two_seconds_apart(stamps: tuple[float, ...], violations: int) -> None:
    assert audit_of(*stamps).finish(60.0) == violations


def test_the_last_error_before_the_bridge_closes_may_come_early() -> None:
    assert audit_of(10.0, 10.5).finish(10.6) == 0
    assert audit_of(10.0, 10.2, 10.5).finish(10.6) == 1


def test_an_early_error_is_not_excused_by_a_close_that_the_bridge_did_not_make() -> None:
    assert audit_of(10.0, 10.5).finish(10.6, by_bridge=False) == 1


@pytest.mark.parametrize(
    ("code", "over", "error", "explained"),
    [
        (1001, "draining", "", True),
        (1000, "ended", "", True),
        (1001, "", "", False),
        (1011, "draining", "", False),
        (None, "", "", False),
        (1011, "", "CONNECTION_LOST", True),
        (None, "", "CONNECTION_LOST", True),
    ],
)
def test_a_close_needs_a_reason(code: int | None, over: str, error: str, *, explained: bool) -> None:
    errors = ErrorAudit()
    if error:
        errors.record(10.0, error)
    assert errors.explains(code, over, 10.1) is explained


def test_an_error_long_ago_explains_only_a_close_of_its_own_code() -> None:
    errors = ErrorAudit()
    errors.record(10.0, "SLOW_CONSUMER")
    assert errors.explains(1013, "", 30.0)
    assert not errors.explains(1011, "", 30.0)
    errors.record(40.0, "INVALID_MESSAGE")
    assert not errors.explains(1013, "", 60.0)


def test_a_flood_is_one_whatever_its_stamps_say() -> None:
    audit_of = ErrorAudit()
    for step in range(20):
        audit_of.record(1000.0 + 2.1 * step, arrived=1000.0 + 0.1 * step)
    assert audit_of.finish(1003.0, by_bridge=False) >= 14


def test_errors_that_were_delayed_in_transit_are_no_violation() -> None:
    audit_of = ErrorAudit()
    for step in range(3):
        audit_of.record(1000.0 + 2.1 * step, arrived=1006.0)
    assert audit_of.finish(1020.0) == 0


def test_a_bridge_whose_clock_is_wrong_explains_its_close_all_the_same() -> None:
    for skew in (-60.0, 60.0):
        audit_of = ErrorAudit()
        audit_of.record(1000.0 + skew, "SESSION_INITIALIZATION_FAILED", arrived=1000.0)
        assert audit_of.explains(1011, "", 1000.3)
        assert not audit_of.explains(1011, "", 1010.0)
