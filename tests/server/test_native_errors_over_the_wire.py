"""What an SDK is told through the bridge is what the service tells it: refusals, and answers to its own events."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
import trio.testing

from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.service.server import Simulator
from bridge.transport.link import LinkClosed
from bridge.upstream.dial.dial import upgrade
from bridge.upstream.dial.url import parse_url
from reports.redaction import Secret
from tests.driver.harness import simulated_upstream
from tests.server.harness import NATIVE_URL, JsonTestClient, running_bridge

Clock = trio.testing.MockClock

#: Refusals behind the 101, and one that is worth more attempts.
REFUSALS = (
    "invalid-key", "no-quota", "credit-exhausted", "project-limit", "organization-limit", "usage-limit",
    "no-model", "model-gone", "invalid-model", "beta-refused", "missing-model", "invalid-intent",
    "session-limited", "server-error",
)  # fmt: skip


async def heard(client: JsonTestClient) -> tuple[list[dict[str, Any]], int | None, str]:
    """Receive to the end. Returns the events without their ids, the close code and the reason."""
    end = await client.receive_close()
    events = [{name: value for name, value in one.items() if name != "event_id"} for one in client.received]
    return events, end.code, end.reason


async def heard_from_the_service(key: str) -> tuple[list[dict[str, Any]], int | None, str]:
    async with trio.open_nursery() as nursery:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(Simulator().serve_stream, theirs)
        url = parse_url(f"ws://service.test{NATIVE_URL}")
        upgraded = await upgrade(ours, url, headers=(("Authorization", f"Bearer {key}"),))
        return await heard(JsonTestClient(upgraded.link))


@pytest.mark.parametrize("scenario", REFUSALS)
async def test_a_refusal_reaches_an_sdk_word_for_word_and_nothing_comes_before_it(
    scenario: str, autojump_clock: Clock
) -> None:
    key = SCENARIOS[scenario].key
    async with (
        simulated_upstream(key=Secret(key)) as (_, connector),
        running_bridge(connector=connector) as bridge,
    ):
        client = await bridge.connect(NATIVE_URL)
        await client.send("input_audio_buffer.append", audio="AQI=")
        through_the_bridge = await heard(client)
    assert through_the_bridge == await heard_from_the_service(key)
    [refusal] = through_the_bridge[0]
    assert refusal["type"] == "error"


async def test_four_bad_retrieves_get_four_answers(autojump_clock: Clock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(connector=connector) as bridge:
        client = await bridge.connect(NATIVE_URL)
        await client.receive_until("session.created")
        names = [f"mine-{number}" for number in range(4)]
        for name in names:
            await client.send("conversation.item.retrieve", event_id=name, item_id=f"item_{name}")
        errors = [(await client.receive_until("error"))["error"] for _ in names]
        assert [error["event_id"] for error in errors] == names
        assert {error["type"] for error in errors} == {"invalid_request_error"}
        assert {error["code"] for error in errors} == {"item_retrieve_invalid_item_id"}
        assert [f"item_{name}" in error["message"] for error, name in zip(errors, names, strict=True)] == [True] * 4
        await client.link.close()


async def test_an_event_that_the_bridge_refuses_is_answered_too(autojump_clock: Clock) -> None:
    async with simulated_upstream() as (_, connector), running_bridge(connector=connector) as bridge:
        client = await bridge.connect(NATIVE_URL)
        await client.receive_until("session.created")
        for number in range(3):
            await client.send("input_audio_buffer.append", event_id=f"mine-{number}", audio="not base64")
        errors = [(await client.receive_until("error"))["error"] for _ in range(3)]
        assert [error["event_id"] for error in errors] == ["mine-0", "mine-1", "mine-2"]
        assert {error["type"] for error in errors} == {"invalid_request_error"}
        await client.link.close()


async def test_errors_that_answer_no_event_are_throttled(autojump_clock: Clock) -> None:
    async with (
        simulated_upstream(key=Secret(SCENARIOS["error-storm"].key)) as (_, connector),
        running_bridge(connector=connector) as bridge,
    ):
        client = await bridge.connect(NATIVE_URL)
        await client.receive_until("session.created")
        with trio.move_on_after(1.0):
            while True:
                await client.receive_until("error")
        assert client.types().count("error") <= 1
        await client.link.close()


async def test_the_configuration_of_an_sdks_session_is_the_sdks_own(autojump_clock: Clock) -> None:
    async with simulated_upstream() as (simulator, connector), running_bridge(connector=connector) as bridge:
        client = await bridge.connect(NATIVE_URL)
        await client.receive_until("session.created")
        await client.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
        updated = await client.receive_until("session.updated")
        [created] = [one for one in client.received if one["type"] == "session.created"]
        assert updated["session"]["audio"]["input"]["transcription"] is None
        assert {**created["session"], "instructions": "Be brief."} == updated["session"]
        await client.link.close()
        with pytest.raises(LinkClosed):
            await client.link.receive()
    assert json.dumps(client.received).count("gpt-transcribe") == 0
    assert len(simulator.connections) == 0
