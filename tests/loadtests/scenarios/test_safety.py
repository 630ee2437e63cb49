"""What may be loaded without permission, and when a target counts as down."""

from __future__ import annotations

import pytest

from loadtests.scenarios.safety import TargetHealth, is_private, refusal_reason


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "::1", "localhost", "10.1.2.3", "192.168.0.9", "172.16.5.5", "fd00::1", "bridge", "a.local",
     "bridge.voice.svc.cluster.local", "staging.internal", "::ffff:10.0.0.1"],
)  # fmt: skip
def test_hosts_of_ones_own_may_be_loaded(host: str) -> None:
    assert is_private(host)


@pytest.mark.parametrize(
    "host",
    ["api.openai.com", "8.8.8.8", "example.com", "internal.example.com", "2606:4700::1", "0.0.0.0", "",
     "::ffff:8.8.8.8", "notlocal.example", "172.32.0.1", "134744072", "0x08080808", "0x7f.1", "127.1", "evil。com",
     "8。8。8。8", "2001:0:808::", "2002:808:808::", "ai", "localhost.evil.com", "-a", "a b"],
)  # fmt: skip
def test_hosts_that_may_be_others_may_not(host: str) -> None:
    assert not is_private(host)


def test_public_hosts_many_callers_and_long_runs_need_permission() -> None:
    assert "api.openai.com looks like a public host" in str(
        refusal_reason("wss://api.openai.com/v1", 1, 10, permitted=False)
    )
    assert "1001 callers" in str(refusal_reason("ws://127.0.0.1:1", 1001, 10, permitted=False))
    assert "longer than an hour" in str(refusal_reason("ws://127.0.0.1:1", 1, 3601, permitted=False))
    assert refusal_reason("ws://127.0.0.1:1", 1000, 3600, permitted=False) is None
    assert refusal_reason("wss://api.openai.com/v1", 5000, 7200, permitted=True) is None


def test_no_permission_makes_a_run_endless() -> None:
    assert "24 hours" in str(refusal_reason("ws://127.0.0.1:1", 1, 90_000, permitted=True))


def test_a_target_is_down_when_all_but_none_get_through_for_long_enough() -> None:
    pulse = TargetHealth()
    for second in range(11):
        pulse.record(second, ready=0, failed=3)
        assert pulse.is_down(second) == (second >= 10)
    assert not pulse.answered


def test_a_target_that_lets_some_through_is_not_down() -> None:
    pulse = TargetHealth()
    for second in range(30):
        pulse.record(second, ready=1, failed=5)
    assert not pulse.is_down(30)
    assert pulse.answered


def test_what_was_good_long_ago_does_not_count() -> None:
    pulse = TargetHealth()
    pulse.record(0, ready=500, failed=0)
    for second in range(20, 32):
        pulse.record(second, ready=0, failed=2)
    assert pulse.is_down(31)
    assert pulse.answered


def test_an_outage_counts_from_its_first_failure_and_not_from_the_last_call_before_it() -> None:
    pulse = TargetHealth()
    pulse.record(1, ready=100, failed=0)
    for second in range(40, 50):
        pulse.record(second, ready=0, failed=50)
        assert not pulse.is_down(second)
    pulse.record(50, ready=0, failed=50)
    assert pulse.is_down(50)


def test_a_target_that_was_made_to_fail_is_excused() -> None:
    pulse = TargetHealth()
    for second in range(30):
        pulse.record(second, ready=0, failed=5)
    pulse.reset()
    pulse.record(30, ready=0, failed=5)
    assert not pulse.is_down(30)
    assert not pulse.is_down(39)
