"""How responses stream: the recorded order, event by event."""

from __future__ import annotations

import binascii
from typing import Any

import pytest

from bridge.protocol.audio.g711 import pcm24k_to_alaw
from bridge.protocol.dialects.detection import Dialect
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.voice import synthesize, word_timings
from tests.simulator.session_harness import SimulatorHarness

TEXT = {"type": "realtime", "output_modalities": ["text"]}
TOOL = {"type": "function", "name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}}
ITEM = ["conversation.item.added", "conversation.item.done"]


def audio_of(harness: SimulatorHarness) -> bytes:
    return b"".join(
        binascii.a2b_base64(event["delta"]) for event in harness.events if event["type"].endswith("audio.delta")
    )


def test_a_text_turn_has_the_recorded_order() -> None:
    harness = SimulatorHarness()
    harness.send("session.update", session=TEXT)
    harness.type("Hello")
    harness.send("response.create")
    harness.run_until_idle()
    assert harness.types == [
        "session.created",
        "session.updated",
        *ITEM,
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


def test_the_parts_of_a_text_turn_fit_together() -> None:
    harness = SimulatorHarness()
    harness.send("session.update", session=TEXT)
    harness.type("Hello")
    harness.send("response.create")
    harness.run_until_idle()
    text = "".join(event["delta"] for event in harness.all("response.output_text.delta"))
    assert text == harness.one("response.output_text.done")["text"]
    assert harness.one("response.content_part.added")["part"] == {"type": "text", "text": ""}
    assert harness.one("response.content_part.done")["part"] == {"type": "text", "text": text}
    begun = harness.one("response.output_item.added")["item"]
    ended = harness.one("response.output_item.done")["item"]
    assert (begun["status"], begun["content"], begun["role"]) == ("in_progress", [], "assistant")
    assert ended == {**begun, "status": "completed", "content": [{"type": "output_text", "text": text}]}
    user, assistant = harness.all("conversation.item.added")
    assert (assistant["item"], assistant["previous_item_id"]) == (begun, user["item"]["id"])


def test_a_spoken_answer_has_the_recorded_order() -> None:
    harness = SimulatorHarness()
    harness.send("response.create")
    harness.run_until_idle()
    deltas = {"response.output_audio.delta", "response.output_audio_transcript.delta"}
    assert harness.types[1:7] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
    ]
    assert [name for name in harness.types[5:] if name not in deltas] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]


def test_each_word_comes_no_later_than_its_audio() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(reply_text="One two three, four and five."))
    harness.send("response.create")
    harness.until("response.done")
    begun = harness.at("response.output_audio.delta")
    words = [timed for timed in harness.timed_events if timed.type == "response.output_audio_transcript.delta"]
    for timed, (word, start, _) in zip(words, word_timings("One two three, four and five."), strict=True):
        assert timed.event["delta"].strip() == word
        assert timed.at - begun == pytest.approx(start / 1000, abs=0.1001)


def test_speech_comes_in_real_time_and_is_the_voice_saying_the_transcript() -> None:
    harness = SimulatorHarness()
    harness.send("response.create")
    harness.until("response.done")
    transcript = harness.one("response.output_audio_transcript.done")["transcript"]
    audio = audio_of(harness)
    assert audio == synthesize(transcript, "marin")
    assert harness.now - harness.at("response.output_audio.delta") == pytest.approx(len(audio) / 48_000)


def test_the_encoding_of_a_response_does_not_change_while_it_streams() -> None:
    harness = SimulatorHarness(dialect=Dialect.BETA)
    harness.send("session.update", session={"output_audio_format": "g711_alaw"})
    harness.send("response.create")
    harness.until("response.audio.delta")
    harness.send("session.update", session={"output_audio_format": "pcm16"})
    harness.until("response.done")
    transcript = harness.one("response.audio_transcript.done")["transcript"]
    pcm = synthesize(transcript, "marin")
    assert audio_of(harness) == b"".join(pcm24k_to_alaw(pcm[at : at + 4_800]) for at in range(0, len(pcm), 4_800))


def test_a_function_call_has_the_recorded_order_and_its_output_is_answered() -> None:
    harness = SimulatorHarness()
    harness.send("session.update", session={**TEXT, "tools": [TOOL]})
    harness.type("What is the weather?")
    harness.send("response.create")
    harness.run_until_idle()
    assert harness.types[4:] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    done = harness.one("response.function_call_arguments.done")
    assert (done["name"], done["arguments"]) == ("get_weather", '{"city": "example"}')
    assert (
        "".join(event["delta"] for event in harness.all("response.function_call_arguments.delta")) == done["arguments"]
    )
    output = {"type": "function_call_output", "call_id": done["call_id"], "output": "sunny"}
    answer = harness.send("conversation.item.create", item=output)
    assert [event["type"] for event in answer] == ITEM
    harness.send("response.create")
    assert harness.until("response.output_text.done")["text"].startswith("The tool answered: sunny.")


def test_a_function_call_is_one_item_from_its_beginning_to_its_end() -> None:
    harness = SimulatorHarness()
    harness.send("response.create", response={"tools": [TOOL], "tool_choice": "required"})
    harness.until("response.done")
    begun, ended = harness.one("response.output_item.added")["item"], harness.one("response.output_item.done")["item"]
    assert (begun["type"], begun["status"], begun["arguments"]) == ("function_call", "in_progress", "")
    assert ended == {**begun, "status": "completed", "arguments": '{"city": "example"}'}
    assert harness.one("response.done")["response"]["output"] == [ended]


def test_the_name_of_a_function_is_not_in_the_beta_arguments() -> None:
    harness = SimulatorHarness(dialect=Dialect.BETA)
    harness.send("response.create", response={"tools": [TOOL], "tool_choice": "required"})
    assert "name" not in harness.until("response.function_call_arguments.done")


def deltas_of(dialect: Dialect, **behaviour: Any) -> list[dict[str, Any]]:
    harness = SimulatorHarness(dialect=dialect, behaviour=SessionBehaviour(**behaviour))
    harness.send("response.create")
    harness.until("response.done")
    return [event for event in harness.events if event["type"].endswith("transcript.delta")]


def test_text_deltas_are_padded_in_ga_only_and_only_if_configured() -> None:
    assert all(event["obfuscation"].isalpha() for event in deltas_of(Dialect.GA))
    assert not any("obfuscation" in event for event in deltas_of(Dialect.GA, obfuscation=False))
    assert not any("obfuscation" in event for event in deltas_of(Dialect.BETA))


@pytest.mark.parametrize("answer", ["   ", "…", "line one\nline two\tand\u2003three"])
def test_any_text_can_be_spoken(answer: str) -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(reply_text=answer))
    harness.send("response.create")
    assert harness.until("response.output_audio_transcript.done")["transcript"] == answer.lstrip()
