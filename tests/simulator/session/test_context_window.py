"""How much of a conversation a response reads, and what happens when there is more."""

from __future__ import annotations

from typing import Any

from bridge.protocol.audio.pcm import silence
from bridge.protocol.dialects.detection import Dialect
from tests.simulator.session_harness import SimulatorHarness, base64, error_of, speech

TEXT = {"output_modalities": ["text"]}
#: A message of 10,000 tokens.
LONG = "word" * 10_000


def talking(truncation: Any = "auto", *, model: str = "gpt-realtime", messages: int = 4) -> SimulatorHarness:
    """A session with messages of 10,000 tokens each; gpt-realtime reads 28,224 tokens, gpt-realtime-2.1 96,000."""
    harness = SimulatorHarness(model=model)
    harness.send("session.update", session={"type": "realtime", "truncation": truncation, **TEXT})
    for number in range(messages):
        harness.type(LONG, id=f"m{number}")
    return harness


def tokens_read(harness: SimulatorHarness) -> int:
    harness.send("response.create")
    return int(harness.until("response.done")["response"]["usage"]["input_tokens"])


def test_within_its_limit_a_response_reads_everything() -> None:
    assert tokens_read(talking(messages=2)) == 20_000
    assert tokens_read(talking(model="gpt-realtime-2.1")) == 40_000


def test_beyond_it_the_oldest_items_are_left_out_and_stay_in_the_conversation() -> None:
    harness = talking()
    assert tokens_read(harness) == 20_000
    (retrieved,) = harness.send("conversation.item.retrieve", item_id="m0")
    assert retrieved["type"] == "conversation.item.retrieved"


def test_a_retention_ratio_makes_room_for_the_turns_that_follow() -> None:
    harness = talking({"type": "retention_ratio", "retention_ratio": 0.5})
    assert tokens_read(harness) == 10_000
    harness.type(LONG)
    assert 20_000 < tokens_read(harness) < 20_100  # what was left out once stays out


def test_a_limit_of_the_client_applies_if_it_is_lower() -> None:
    limits = {"token_limits": {"post_instructions": 15_000}}
    assert tokens_read(talking({"type": "retention_ratio", "retention_ratio": 1, **limits})) == 10_000
    limits = {"token_limits": {"post_instructions": 1_000_000}}
    assert tokens_read(talking({"type": "retention_ratio", "retention_ratio": 1, **limits})) == 20_000


def test_the_last_item_is_read_however_long_it_is() -> None:
    harness = SimulatorHarness(model="gpt-realtime")
    harness.type(LONG * 4)
    harness.send("response.create", response=TEXT)
    assert harness.until("response.done")["response"]["usage"]["input_tokens"] == 40_000


def test_without_truncation_a_response_is_refused_until_items_are_deleted() -> None:
    harness = talking("disabled")
    refused = harness.send("response.create", event_id="why")
    assert error_of(refused) == ("conversation_too_long", None)
    assert refused[0]["error"]["event_id"] == "why"
    for item_id in ("m0", "m1"):
        harness.send("conversation.item.delete", item_id=item_id)
    assert tokens_read(harness) == 20_000


def test_a_spoken_turn_is_refused_too_but_not_in_the_name_of_its_last_append() -> None:
    harness = talking("disabled")
    audio = base64(speech(600) + silence(400))
    *_, refused = harness.send("input_audio_buffer.append", audio=audio, event_id="mine")
    assert error_of([refused]) == ("conversation_too_long", None)
    assert refused["error"]["event_id"] is None
    assert harness.all("response.created") == []


def test_a_response_with_input_of_its_own_reads_just_that() -> None:
    harness = talking("disabled")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Ahoy"}]}
    harness.send("response.create", response={"conversation": "none", "input": [item]})
    assert harness.until("response.done")["response"]["usage"]["input_tokens"] == 1


def test_the_beta_truncates_without_a_setting() -> None:
    harness = SimulatorHarness(dialect=Dialect.BETA, model="gpt-realtime")
    for _ in range(4):
        harness.type(LONG)
    harness.send("response.create", response={"modalities": ["text"]})
    assert harness.until("response.done")["response"]["usage"]["input_tokens"] == 20_000
