"""Invalid messages are sent at their rate, and never in a burst."""

from __future__ import annotations

from loadtests.callers.bad_messages import BadMessages


def test_a_polite_caller_sends_none() -> None:
    assert BadMessages(0.0).due(1e9) == ()


def test_they_come_at_their_rate() -> None:
    messages = BadMessages(20.0)
    messages.start(100.0)
    assert sum(len(messages.due(100.0 + step / 50)) for step in range(51)) == 21


def test_a_blocked_caller_catches_up_with_one_second_of_audio() -> None:
    messages = BadMessages(20.0)
    messages.start(100.0)
    assert 20 <= len(messages.due(160.0)) <= 21
