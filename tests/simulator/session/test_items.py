"""Client events about items: create, retrieve, delete, truncate, and every error they can cause."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect
from tests.simulator.session_harness import SimulatorHarness, base64, error_of, speech

MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}


def create(harness: SimulatorHarness, item: Any, **fields: Any) -> list[dict[str, Any]]:
    return harness.send("conversation.item.create", item=item, **fields)


def speaking(harness: SimulatorHarness) -> str:
    """Start a spoken response and return the id of its message after three deltas."""
    harness.type("Hello")
    harness.send("response.create")
    for _ in range(4):
        delta = harness.until("response.output_audio.delta")
    return str(delta["item_id"])


def test_a_created_item_is_added_and_done() -> None:
    added, done = create(SimulatorHarness(), MESSAGE)
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert added["item"] == done["item"]
    assert added["item"] == {"id": added["item"]["id"], "status": "completed", **MESSAGE}
    assert added["previous_item_id"] is None


def test_a_created_item_is_announced_once_in_the_beta_dialect() -> None:
    part = {"type": "text", "text": "Hi"}
    (created,) = create(
        SimulatorHarness(dialect=Dialect.BETA), {"type": "message", "role": "assistant", "content": [part]}
    )
    assert created["type"] == "conversation.item.created"
    assert created["item"]["object"] == "realtime.item"
    assert created["item"]["content"] == [part]


def test_the_output_of_a_call_has_no_status_unless_the_client_gave_it_one() -> None:
    harness = SimulatorHarness()
    create(harness, {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"})
    output = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
    assert create(harness, output)[0]["item"].keys() == {"id", *output}
    assert create(harness, {**output, "status": "completed"})[0]["item"]["status"] == "completed"


def test_an_item_is_added_last_first_or_after_another() -> None:
    harness = SimulatorHarness()
    for name, after in (("a", None), ("b", None), ("c", "root"), ("d", "a")):
        create(harness, {**MESSAGE, "id": name}, previous_item_id=after)
    create(harness, {**MESSAGE, "id": "e"})
    announced = {event["item"]["id"]: event["previous_item_id"] for event in harness.all("conversation.item.added")}
    assert announced == {"a": None, "b": "a", "c": None, "d": "a", "e": "b"}


def test_the_audio_of_an_item_is_not_returned() -> None:
    part = {"type": "input_audio", "audio": base64(speech(20)), "transcript": "Hello"}
    added, _ = create(SimulatorHarness(), {"type": "message", "role": "user", "content": [part]})
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": "Hello"}]


def test_the_audio_of_an_item_is_measured_and_answered() -> None:
    harness = SimulatorHarness()
    part = {"type": "input_audio", "audio": base64(speech(1_200))}
    create(harness, {"type": "message", "role": "user", "content": [part, part]})
    harness.send("response.create", response={"output_modalities": ["text"]})
    assert harness.until("response.output_text.done")["text"].startswith("I heard 2.4 seconds of speech.")
    harness.run_until_idle()
    assert harness.one("response.done")["response"]["usage"]["input_token_details"]["audio_tokens"] == 24


def test_speech_that_a_client_remembers_of_the_assistant_can_be_truncated_up_to_its_length() -> None:
    harness = SimulatorHarness()
    part = {"type": "output_audio", "audio": base64(speech(200)), "transcript": "Hello"}
    create(harness, {"type": "message", "id": "old", "role": "assistant", "content": [part]})
    assert error_of(truncate(harness, "old", audio_end_ms=201)) == ("invalid_value", "audio_end_ms")
    assert truncate(harness, "old", audio_end_ms=200)[0]["type"] == "conversation.item.truncated"


@pytest.mark.parametrize("audio", ["%", "AAA", "AA==", "é"])
def test_invalid_audio_is_refused_wherever_an_item_can_be(audio: str) -> None:
    harness = SimulatorHarness()
    parts = [{"type": "input_text", "text": "Hi"}, {"type": "input_audio", "audio": audio}]
    item = {"type": "message", "role": "user", "content": parts}
    assert error_of(create(harness, item)) == ("invalid_value", "item.content[1].audio")
    answer = harness.send("response.create", response={"input": [{**item, "content": parts[:1]}, item]})
    assert error_of(answer) == ("invalid_value", "response.input[1].content[1].audio")


MCP_CALL = {"type": "mcp_call", "id": "m", "server_label": "s", "name": "n", "arguments": "{}"}
MCP_ITEMS: list[dict[str, Any]] = [
    MCP_CALL,
    {**MCP_CALL, "output": "fine", "error": None, "approval_request_id": None, "status": "in_progress"},
    {**MCP_CALL, "error": {"type": "http_error", "code": 500, "message": "no"}},
    {"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "n", "input_schema": {}}]},
    {**MCP_CALL, "type": "mcp_approval_request"},
    {"type": "mcp_approval_response", "approval_request_id": "m", "approve": True, "reason": None},
]


@pytest.mark.parametrize("item", MCP_ITEMS)
def test_items_of_mcp_are_kept_as_they_are(item: dict[str, Any]) -> None:
    harness = SimulatorHarness()
    if item["type"] == "mcp_approval_response":
        create(harness, {**MCP_CALL, "type": "mcp_approval_request"})
    added, _ = create(harness, item)
    assert {**added["item"], **item} == added["item"]
    assert added["item"].get("status") == item.get("status")


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"id": {"a": 1}}, "invalid_type", "item.id"),
        ({"role": 5}, "unknown_parameter", "item.role"),
        ({"arguments": {}}, "invalid_type", "item.arguments"),
        ({"status": "done"}, "invalid_value", "item.status"),
    ],
)
def test_items_of_mcp_are_checked(change: dict[str, Any], code: str, param: str) -> None:
    assert error_of(create(SimulatorHarness(), {**MCP_CALL, **change})) == (code, param)


def test_an_item_that_is_deleted_while_it_streams_is_not_done_afterwards() -> None:
    harness = SimulatorHarness()
    item_id = speaking(harness)
    harness.send("conversation.item.delete", item_id=item_id)
    harness.run_until_idle()
    assert item_id not in [event["item"]["id"] for event in harness.all("conversation.item.done")]
    assert harness.one("response.output_item.done")["item"]["id"] == item_id
    assert harness.one("response.done")["response"]["status"] == "completed"


CREATE_REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    ({}, "missing_required_parameter", "item"),
    ({"item": {}}, "missing_required_parameter", "item.type"),
    ({"item": {"type": "nonsense"}}, "invalid_value", "item.type"),
    ({"item": {**MESSAGE, "role": "nobody"}}, "invalid_value", "item.role"),
    ({"item": {**MESSAGE, "content": [{"type": "text", "text": "Hi"}]}}, "invalid_value", "item.content[0].type"),
    ({"item": {**MESSAGE, "extra": 1}}, "unknown_parameter", "item.extra"),
    ({"item": MESSAGE, "previous_item_id": "gone"}, "item_create_invalid_previous_item_id", None),
    ({"item": MESSAGE, "previous_item_id": 5}, "item_create_invalid_previous_item_id", None),
    ({"item": {**MESSAGE, "id": "known"}}, "item_create_duplicate_item_id", None),
    ({"item": {"type": "item_reference", "id": "known"}}, "invalid_value", "item.type"),
    (
        {"item": {"type": "function_call", "call_id": "c" * 33, "name": "f", "arguments": ""}},
        "string_above_max_length",
        "item.call_id",
    ),
    (
        {"item": {"type": "function_call_output", "call_id": "call_1", "output": ""}},
        "invalid_tool_call_id",
        "item.call_id",
    ),
]


@pytest.mark.parametrize(("fields", "code", "param"), CREATE_REFUSED)
def test_a_bad_item_is_refused_and_not_added(fields: dict[str, Any], code: str, param: str | None) -> None:
    harness = SimulatorHarness()
    create(harness, {**MESSAGE, "id": "known"})
    answer = harness.send("conversation.item.create", event_id="mine", **fields)
    assert error_of(answer) == (code, param)
    assert answer[0]["error"]["event_id"] == "mine"
    added, _ = create(harness, MESSAGE)
    assert added["previous_item_id"] == "known"


def test_an_item_is_retrieved_as_it_is_now() -> None:
    harness = SimulatorHarness()
    added, _ = create(harness, {**MESSAGE, "id": "known"})
    (retrieved,) = harness.send("conversation.item.retrieve", item_id="known")
    assert (retrieved["type"], retrieved["item"]) == ("conversation.item.retrieved", added["item"])


def test_a_deleted_item_is_gone() -> None:
    harness = SimulatorHarness()
    create(harness, {**MESSAGE, "id": "known"})
    (deleted,) = harness.send("conversation.item.delete", item_id="known")
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", "known")
    assert error_of(harness.send("conversation.item.retrieve", item_id="known"))[0] == "item_retrieve_invalid_item_id"
    assert create(harness, MESSAGE)[0]["previous_item_id"] is None


@pytest.mark.parametrize("verb", ["delete", "retrieve", "truncate"])
def test_an_unknown_item_is_an_error_with_the_code_of_its_event(verb: str) -> None:
    harness = SimulatorHarness()
    where = {"content_index": 0, "audio_end_ms": 0} if verb == "truncate" else {}
    answer = harness.send(f"conversation.item.{verb}", item_id="gone", **where)
    assert error_of(answer) == (f"item_{verb}_invalid_item_id", "item_id")
    assert error_of(harness.send(f"conversation.item.{verb}")) == ("missing_required_parameter", "item_id")


def truncate(harness: SimulatorHarness, item_id: str, **fields: Any) -> list[dict[str, Any]]:
    event = {"item_id": item_id, "content_index": 0, "audio_end_ms": 200, **fields}
    return harness.send("conversation.item.truncate", **{key: value for key, value in event.items() if value != "none"})


def test_speech_is_truncated_while_it_streams_and_its_transcript_is_gone() -> None:
    harness = SimulatorHarness()
    item_id = speaking(harness)
    (truncated,) = truncate(harness, item_id)
    assert truncated["type"] == "conversation.item.truncated"
    assert (truncated["item_id"], truncated["content_index"], truncated["audio_end_ms"]) == (item_id, 0, 200)
    (retrieved,) = harness.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"] == [{"type": "output_audio"}]


def test_a_response_keeps_its_timing_after_its_item_was_truncated() -> None:
    whole, cut = SimulatorHarness(), SimulatorHarness()
    truncate(cut, speaking(cut))
    speaking(whole)
    for harness in (whole, cut):
        harness.until("response.done")
    audio = "response.output_audio_transcript.delta"
    times = [[timed.at for timed in harness.timed_events if timed.type == audio] for harness in (whole, cut)]
    assert times[0] == times[1]
    assert cut.one("response.output_audio_transcript.done") == whole.one("response.output_audio_transcript.done") | {
        "event_id": cut.one("response.output_audio_transcript.done")["event_id"]
    }
    assert cut.all("conversation.item.done")[-1]["item"]["content"] == [{"type": "output_audio"}]


def test_speech_cannot_be_truncated_after_its_end() -> None:
    harness = SimulatorHarness()
    item_id = speaking(harness)
    answer = truncate(harness, item_id, audio_end_ms=401)
    assert error_of(answer) == ("invalid_value", "audio_end_ms")
    assert answer[0]["error"]["message"] == "Audio content of 400ms is already shorter than 401ms"
    assert truncate(harness, item_id, audio_end_ms=400)[0]["type"] == "conversation.item.truncated"
    assert error_of(truncate(harness, item_id, audio_end_ms=401)) == ("invalid_value", "audio_end_ms")


def test_what_was_truncated_to_nothing_stays_empty() -> None:
    harness = SimulatorHarness()
    item_id = speaking(harness)
    truncate(harness, item_id, audio_end_ms=0)
    harness.until("response.done")
    answer = truncate(harness, item_id, audio_end_ms=100)
    assert answer[0]["error"]["message"] == "Audio content of 0ms is already shorter than 100ms"


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"audio_end_ms": "none"}, "missing_required_parameter", "audio_end_ms"),
        ({"content_index": "none"}, "missing_required_parameter", "content_index"),
        ({"audio_end_ms": "200"}, "invalid_type", "audio_end_ms"),
        ({"audio_end_ms": True}, "invalid_type", "audio_end_ms"),
        ({"audio_end_ms": -1}, "integer_below_min_value", "audio_end_ms"),
        ({"content_index": 1}, "invalid_value", "content_index"),
    ],
)
def test_a_truncation_without_a_position_is_refused(fields: dict[str, Any], code: str, param: str) -> None:
    harness = SimulatorHarness()
    assert error_of(truncate(harness, speaking(harness), **fields)) == (code, param)


def test_only_assistant_audio_can_be_truncated() -> None:
    harness = SimulatorHarness()
    create(harness, {**MESSAGE, "id": "known"})
    assert error_of(truncate(harness, "known")) == ("unsupported_content_type", None)
    harness.send("response.create", response={"output_modalities": ["text"]})
    written = harness.until("response.output_item.done")["item"]["id"]
    assert error_of(truncate(harness, written)) == ("unsupported_content_type", None)


def test_speech_can_be_cut_to_nothing_from_its_first_audio_on_and_not_before() -> None:
    harness = SimulatorHarness()
    harness.send("response.create")
    item_id = harness.until("response.output_item.added")["item"]["id"]
    harness.one("response.content_part.added")
    assert harness.all("response.output_audio.delta") != []
    assert truncate(harness, item_id, audio_end_ms=0)[0]["type"] == "conversation.item.truncated"
    silent = {"type": "message", "id": "s", "role": "assistant", "content": [{"type": "output_audio"}]}
    create(harness, silent)
    assert error_of(truncate(harness, "s", audio_end_ms=0)) == ("unsupported_content_type", None)


def test_an_item_that_is_deleted_while_it_streams_does_not_stop_its_response() -> None:
    harness = SimulatorHarness()
    item_id = speaking(harness)
    harness.send("conversation.item.delete", item_id=item_id)
    assert harness.until("response.done")["response"]["status"] == "completed"
