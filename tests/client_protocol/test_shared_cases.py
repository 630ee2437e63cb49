"""The cases that the browser's client is judged by, too: what each message of a bridge does to the session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.client_protocol.client import ProtocolClient
from tests.shared_cases import shared_cases


@pytest.mark.parametrize("case", shared_cases("bridge_messages"), ids=lambda case: case["name"])
def test_the_client_learns_what_the_bridge_says(case: dict[str, Any]) -> None:
    client = ProtocolClient()
    for one in case["messages"]:
        client.receive(json.dumps(one["send"]))
        assert (client.state.value, client.generation) == (one["state"], one["generation"]), one["send"]
