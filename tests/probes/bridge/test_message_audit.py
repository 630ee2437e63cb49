"""The audit of a bridge's messages."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.client_protocol.messages import BRIDGE_MESSAGES
from probes.bridge.message_audit import MessageAudit

STAMP = "2026-11-21T01:02:03.045Z"


def audit_of(*messages: dict[str, Any]) -> MessageAudit:
    audit = MessageAudit()
    for message in messages:
        audit.add(message)
    return audit


@pytest.mark.parametrize(
    "stamp",
    [None, 1763686923, "2026-11-21 01:02:03.045Z", "2026-11-21T01:02:03Z", "2026-11-21T01:02:03.045+00:00"],
)
def test_a_time_is_iso_utc_with_milliseconds(stamp: object) -> None:
    assert audit_of({"type": "pong", "timestamp": stamp}).without_timestamp == {"pong": 1}
    assert not audit_of({"type": "pong", "timestamp": STAMP}).without_timestamp


def test_fields_that_are_missing_or_of_another_kind_are_named() -> None:
    audit = audit_of({"type": "session_closed", "generation": True, "timestamp": STAMP})
    assert set(audit.bad_fields) == {"session_closed.generation", "session_closed.reason"}
    assert set(audit_of({"type": "connected", "clientId": "c", "protocol": 2}).bad_fields) == {"connected.protocol"}


@pytest.mark.parametrize("kind", sorted(BRIDGE_MESSAGES.keys() - {"error", "pong"}))
def test_a_message_without_anything_misses_every_required_field_but_its_timestamp(kind: str) -> None:
    required = {field.name for field in BRIDGE_MESSAGES[kind].fields.values() if field.required} - {"timestamp"}
    assert set(audit_of({"type": kind}).bad_fields) == {f"{kind}.{name}" for name in required}


def test_generations_only_grow_but_for_errors_that_were_held_back() -> None:
    later, earlier = {"type": "note", "generation": 2}, {"generation": 1}
    assert not audit_of(later, {"type": "error", **earlier}).bad_fields
    assert set(audit_of(later, {"type": "note", **earlier}).bad_fields) == {"note.generation that grows"}


def test_a_session_is_there_from_ready_to_closed() -> None:
    assert audit_of({"type": "session_ready"}).session_open
    assert not audit_of({"type": "session_ready"}, {"type": "session_closed"}).session_open


def test_made_up_types_without_end_are_not_all_kept() -> None:
    audit = audit_of(*({"type": f"made-up-{number}"} for number in range(500)))
    assert len(audit.without_timestamp) == 50
    assert audit.messages == 500
