"""What a field may be, and what an error message says of one that isn't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from bridge.client_protocol.fields import MessageField, format_timestamp, parse_timestamp
from bridge.client_protocol.messages import BRIDGE_MESSAGES, CLIENT_MESSAGES

MESSAGES = {**CLIENT_MESSAGES, **BRIDGE_MESSAGES}
FIELDS = [pytest.param(field, id=f"{m.name}.{name}") for m in MESSAGES.values() for name, field in m.fields.items()]


def field(message: str, name: str) -> MessageField:
    return MESSAGES[message].fields[name]


@pytest.mark.parametrize("known", FIELDS)
def test_every_field_is_described_and_says_what_it_expects(known: MessageField) -> None:
    assert known.description
    assert known.expected


@pytest.mark.parametrize(
    ("message", "name", "good", "bad"),
    [
        ("create_session", "model", ["m", " m "], ["", "  ", 3, True]),
        ("create_session", "instructions", ["", "Be kind."], [3, []]),
        ("create_session", "customerId", ["", "c", 0, 1.5, -7], [True, {}, 2**60, 1e300]),
        ("create_session", "kind", ["conversation", "transcription"], ["chat", 1, ""]),
        ("create_session", "tools", [[], [{}]], [{}, ["x"]]),
        ("interrupt", "playedMs", [0, 12.6, 86_400_000], [-1, True, "12", 1e300, 86_400_001]),
        ("ping", "id", ["", "x" * 200, 7, -1.5], ["x" * 201, {}, True, 10**30]),
        ("connected", "protocol", [1], [2, "1", True]),
        ("session_ready", "bufferedChunks", [0, 7], [-1, 1.5, True, "7"]),
        ("session_ready", "bufferedMs", [0, 1.5, 7], [-0.5, True, "7"]),
        ("reconnected", "restored", [{}, {"turns": 2}], [[], "x"]),
        ("reconnected", "lost", [[], ["an answer"]], [[1], "x", {}]),
        ("error", "retryable", [True, False], [0, "no"]),
        ("error", "code", ["UPSTREAM_ERROR"], ["MADE_UP", "upstream_error", 3]),
        (
            "pong",
            "timestamp",
            ["2026-11-21T01:02:03.045Z"],
            [1763686923, "2026-11-21 01:02:03.045Z", "2026-11-21T01:02:03Z", "2026-11-21T01:02:03.045+00:00"],
        ),
    ],
)
def test_values_that_fit_and_values_that_do_not(message: str, name: str, good: list[Any], bad: list[Any]) -> None:
    known = field(message, name)
    assert [value for value in good if not known.fits(value)] == []
    assert [value for value in bad if known.fits(value)] == []


def test_each_problem_names_its_field_and_what_was_expected() -> None:
    problems = map(str, CLIENT_MESSAGES["tool_result"].problems({"callId": " ", "extra": 1}))
    assert list(problems) == [
        "'callId' is invalid (expected a non-empty string)",
        "'output' is missing (expected a string)",
    ]


def test_choices_are_listed() -> None:
    assert field("create_session", "audioOut").expected == "one of base64, binary"
    assert field("connected", "protocol").expected == "1"


def test_null_counts_as_absent() -> None:
    assert not list(CLIENT_MESSAGES["create_session"].problems({"voice": None}))
    assert [str(problem.field.name) for problem in CLIENT_MESSAGES["text"].problems({"text": None})] == ["text"]


def test_times_are_written_in_utc_with_milliseconds_and_read_again() -> None:
    when = datetime(2026, 11, 21, 1, 2, 3, 45_000, UTC)
    assert format_timestamp(when) == "2026-11-21T01:02:03.045Z"
    assert format_timestamp(when.astimezone(timezone(timedelta(hours=3)))) == "2026-11-21T01:02:03.045Z"
    assert format_timestamp(when.replace(microsecond=0)) == "2026-11-21T01:02:03.000Z"
    assert parse_timestamp("2026-11-21T01:02:03.045Z") == when.timestamp()
    assert parse_timestamp("yesterday") is None
    assert parse_timestamp(None) is None
