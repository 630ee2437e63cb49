"""Real traffic against the schema: what the reference bridge sends in simulated calls with faults is always valid."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator

from bridge.client_protocol.errors import ERRORS, ClientCode
from bridge.client_protocol.messages import BRIDGE_MESSAGES, decode_bridge_message, is_native
from bridge.client_protocol.schema import json_schema
from bridge.simulation.plan import draw_plan
from bridge.simulation.runner import run_plan

if TYPE_CHECKING:
    from bridge.simulation.connection import ReceivedMessage

SEEDS = range(120)


@cache
def traffic() -> list[ReceivedMessage]:
    """Everything that clients of the client protocol receive in the runs of the seeds, but for audio."""
    connections = (one for seed in SEEDS for one in run_plan(draw_plan(seed)).connections if not one.native)
    return [message for one in connections for message in one.received if not message.type.startswith("(")]


def test_every_message_is_valid_by_the_json_schema() -> None:
    schema = json_schema()
    validator = Draft202012Validator({"$ref": "#/$defs/BridgeMessage", "$defs": schema["$defs"]})
    own = [message.body for message in traffic() if not is_native(message.type)]
    assert len(own) > 500
    assert [body for body in own if not validator.is_valid(body)] == []


def test_every_message_becomes_a_typed_value() -> None:
    for message in traffic():
        if not is_native(message.type):
            assert type(decode_bridge_message(message.body)) is BRIDGE_MESSAGES[message.type].struct


def test_the_traffic_has_every_message_that_needs_no_hour_of_silence() -> None:
    counts = Counter(message.type for message in traffic())
    assert set(BRIDGE_MESSAGES) - set(counts) <= {"session_expiring"}


def test_errors_are_as_retryable_as_their_table_says() -> None:
    errors = [message.body for message in traffic() if message.type == "error"]
    assert len({error["code"] for error in errors}) > 8
    for error in errors:
        assert ERRORS[ClientCode(error["code"])].retryable in (None, error["retryable"]), error
