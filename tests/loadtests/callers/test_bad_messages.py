"""Invalid messages are sent at their rate, never in a burst, and each must be answered by an error."""

from __future__ import annotations

import json
from contextlib import suppress

from loadtests.callers.bad_messages import ANSWER_SECONDS, MESSAGES, BadMessages


def started(per_second: float = 20.0) -> BadMessages:
    messages = BadMessages(per_second)
    messages.start(100.0)
    return messages


def test_a_polite_caller_sends_none() -> None:
    polite = BadMessages(0.0)
    assert polite.due(1e9) == ()
    assert not polite.went_unanswered(2e9)


def test_they_come_at_their_rate() -> None:
    messages = started()
    assert sum(len(messages.due(100.0 + step / 50)) for step in range(51)) == 21


def test_a_blocked_caller_catches_up_with_one_second_of_audio() -> None:
    assert 20 <= len(started().due(160.0)) <= 21


def test_every_kind_is_sent_in_turn_and_most_are_no_object_with_a_type() -> None:
    messages = started(per_second=1.0)
    sent = [text for second in range(2 * len(MESSAGES)) for text in messages.due(100.0 + second)]
    assert sent == [*MESSAGES, *MESSAGES]
    parsed = []
    for text in MESSAGES:
        with suppress(ValueError):
            parsed.append(json.loads(text))
    assert len(parsed) == len(MESSAGES) - 2, "two of them are not JSON"
    assert [one for one in parsed if isinstance(one, dict) and isinstance(one.get("type"), str)] == [
        {"type": "no_such_message"}
    ]


def test_a_long_silence_counts_once_and_an_error_ends_it() -> None:
    messages = started()
    messages.due(100.0)
    assert not messages.went_unanswered(100.0 + ANSWER_SECONDS)
    assert messages.went_unanswered(100.1 + ANSWER_SECONDS)
    assert not messages.went_unanswered(200.0), "it was reported"
    messages.due(200.0)
    messages.error_received()
    assert not messages.went_unanswered(300.0)
