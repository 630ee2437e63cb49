"""Errors of the native endpoint: which a bridge made, and which the service."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.client_protocol.native_errors import bridge_cause, bridge_code, mark_message


@pytest.mark.parametrize(
    ("code", "cause", "marked", "read"),
    [
        ("RATE_EXCEEDED", "", "No. (bridge: rate_exceeded)", ("rate_exceeded", "")),
        ("CONNECTION_LOST", "CONNECTION_LOST", "No. (bridge: connection_lost)", ("connection_lost", "")),
        (
            "CONNECTION_LOST",
            "RATE_LIMITED",
            "No. (bridge: connection_lost, rate_limited)",
            ("connection_lost", "rate_limited"),
        ),
    ],
)
def test_a_message_names_the_code_of_the_bridge(code: str, cause: str, marked: str, read: tuple[str, str]) -> None:
    message = mark_message("No.", code, cause)
    assert message == marked
    error = {"type": "server_error", "message": message}
    assert (bridge_code(error), bridge_cause(error)) == read


def test_the_code_survives_a_message_that_is_cut() -> None:
    message = mark_message("x" * 5000, "CONNECTION_LOST", "UPSTREAM_UNAVAILABLE")
    assert len(message) < 500
    assert bridge_code({"message": message}) == "connection_lost"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"type": "server_error", "message": "The server had an error."}, None),
        ({"type": "server_error", "message": "See (bridge: this) for more"}, None),
        ({"message": 7}, None),
        ({}, None),
        ({"type": "bridge_error", "code": "QUOTA_EXHAUSTED"}, "quota_exhausted"),
        ({"type": "bridge_error"}, ""),
    ],
)
def test_an_error_without_that_mark_is_the_services(error: dict[str, Any], code: str | None) -> None:
    assert bridge_code(error) == code
    assert bridge_cause(error) == ""
