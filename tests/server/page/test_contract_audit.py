"""The audit of clients: a client that keeps the protocol passes, and each thing that it forbids is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.server.page.contract_audit import Said, broken_rules

CREATE = {"type": "create_session"}
READY = {"type": "session_ready", "generation": 1, "sessionId": "s"}
TEXT = {"type": "text", "text": "hello"}
CLOSED = {"type": "session_closed", "generation": 1, "reason": "ended"}
SPEECH = bytes(960)


def error(code: str, *, retryable: bool = True, **detail: Any) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": "m", "retryable": retryable, "detail": detail}


def log(*said: tuple[float, str, dict[str, Any] | bytes | str], connection: int = 1) -> list[Said]:
    return [
        Said(at, connection, by == "client", json.dumps(frame) if isinstance(frame, dict) else frame)
        for at, by, frame in said
    ]


OPEN = log((0, "client", CREATE), (1, "bridge", READY))

KEPT = {
    "a conversation": OPEN + log((2, "client", SPEECH), (3, "client", TEXT), (4, "client", {"type": "end_session"})),
    "a native event": OPEN + log((2, "client", {"type": "response.create"})),
    "a ping before the session": log((0, "client", CREATE), (1, "client", {"type": "ping"})),
    "speech while the bridge reconnects": OPEN
    + log((2, "bridge", {"type": "reconnecting", "generation": 1}), (3, "client", SPEECH)),
    "asking again": log((0, "client", CREATE), (1, "bridge", error("NO_SESSION_EXISTS")), (2, "client", CREATE)),
    "asking again once": log(
        (0, "client", CREATE), *[(1 + n / 10, "bridge", error("NO_SESSION_EXISTS")) for n in range(9)]
    )
    + log((2, "client", CREATE)),
    "another try": log(
        (0, "client", CREATE),
        (1, "bridge", error("RATE_LIMITED", attempts=1, retryAfterMs=1_500)),
        (2.6, "client", CREATE),
    ),
    "a new connection": OPEN + log((5, "client", CREATE), connection=2),
}

BROKEN = {
    "speech first": (log((0, "client", SPEECH)), "audio before create_session"),
    "speech too early": (log((0, "client", CREATE), (1, "client", SPEECH)), "audio before there is a session"),
    "text too early": (log((0, "client", CREATE), (1, "client", TEXT)), "text before there is a session"),
    "half a sample": (OPEN + log((2, "client", b"abc")), "a binary frame of 3 bytes"),
    "an empty frame": (OPEN + log((2, "client", b"")), "a binary frame of 0 bytes"),
    "no JSON": (OPEN + log((2, "client", "{")), "no message of the protocol"),
    "an unknown message": (OPEN + log((2, "client", {"type": "shout"})), "no message of the protocol"),
    "a wrong field": (OPEN + log((2, "client", {"type": "text", "text": 5})), "no message of the protocol"),
    "a second session": (OPEN + log((2, "client", CREATE)), "create_session while there is a session"),
    "impatience": (log((0, "client", CREATE), (1, "client", CREATE)), "create_session again while"),
    "asking at once": (
        log((0, "client", CREATE), (1, "bridge", error("NO_SESSION_EXISTS")), (1.5, "client", CREATE)),
        "create_session 0.48 s too early",
    ),
    "a try too early": (
        log((0, "client", CREATE), (1, "bridge", error("RATE_LIMITED", attempts=1, retryAfterMs=1_500)))
        + log((2, "client", CREATE)),
        "create_session 0.50 s too early",
    ),
    "a try in vain": (
        log((0, "client", CREATE), (1, "bridge", error("AUTHENTICATION_FAILED", retryable=False)))
        + log((9, "client", CREATE), connection=2),
        "create_session after an error that no try can mend",
    ),
    "speech after the end": (
        OPEN + log((2, "bridge", CLOSED), (3, "client", SPEECH)),
        "audio after the session was closed",
    ),
    "speech after a failure": (
        OPEN + log((2, "bridge", error("CONNECTION_LOST", attempts=5)), (3, "client", SPEECH)),
        "audio before create_session",
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_client_that_keeps_the_protocol_passes(case: str) -> None:
    assert broken_rules(KEPT[case]) == []


@pytest.mark.parametrize("case", BROKEN)
def test_what_the_protocol_forbids_is_named(case: str) -> None:
    said, named = BROKEN[case]
    assert [one for one in broken_rules(said) if one.startswith(named)], broken_rules(said)
