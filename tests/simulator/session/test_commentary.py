"""Responses with several items: commentary before the answer or the call, each with its phase."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.streaming import COMMENTARY
from tests.simulator.session_harness import SimulatorHarness

TEXT = {"type": "realtime", "output_modalities": ["text"]}
TOOL = {"type": "function", "name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}}


def talkative(**settings: Any) -> SimulatorHarness:
    return SimulatorHarness(behaviour=SessionBehaviour(commentary=True, reply_text="It rains."), **settings)


def written(harness: SimulatorHarness, **session: Any) -> dict[str, Any]:
    """Ask for a response in text, and return it when it is done."""
    harness.send("session.update", session={**TEXT, **session})
    harness.type("What is the weather?")
    harness.send("response.create")
    response: dict[str, Any] = harness.until("response.done")["response"]
    return response


def phases(harness: SimulatorHarness) -> list[str | None]:
    return [event["item"].get("phase") for event in harness.all("response.output_item.done")]


def test_the_answer_follows_its_commentary_in_an_item_of_its_own() -> None:
    harness = talkative()
    response = written(harness)
    assert phases(harness) == ["commentary", "final_answer"]
    texts = [item["content"][0]["text"] for item in response["output"]]
    assert texts == [COMMENTARY, "It rains."]
    message = [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
    ]
    assert harness.types[4:] == ["response.created", *message, *message, "response.done"]


def test_each_event_of_a_second_item_says_which_item_it_is_about() -> None:
    harness = talkative()
    response = written(harness)
    first, second = (item["id"] for item in response["output"])
    deltas = harness.all("response.output_text.delta")
    assert {(event["item_id"], event["output_index"]) for event in deltas} == {(first, 0), (second, 1)}
    assert [event["previous_item_id"] for event in harness.all("conversation.item.added")][-1] == first


def test_a_call_begins_before_its_commentary_ends_as_recorded() -> None:
    harness = talkative()
    response = written(harness, tools=[TOOL])
    assert [item["type"] for item in response["output"]] == ["message", "function_call"]
    assert phases(harness) == ["commentary", None]
    assert harness.types[4:] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


def test_both_items_are_spoken_and_both_count() -> None:
    harness = talkative()
    harness.send("response.create")
    response = harness.until("response.done")["response"]
    transcripts = [item["content"][0]["transcript"] for item in response["output"]]
    assert transcripts == [COMMENTARY, "It rains."]
    alone = SimulatorHarness(behaviour=SessionBehaviour(reply_text="It rains."))
    alone.send("response.create")
    usage = alone.until("response.done")["response"]["usage"]
    assert response["usage"]["output_tokens"] > usage["output_tokens"]


def test_an_echo_repeats_the_speech_after_its_commentary() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(commentary=True, reply="echo"))
    harness.say()
    response = harness.until("response.done")["response"]
    transcripts = [item["content"][0]["transcript"] for item in response["output"]]
    assert transcripts == [COMMENTARY, "(echo)"]


@pytest.mark.parametrize(("model", "phase"), [("gpt-realtime-2.1", "final_answer"), ("gpt-realtime", None)])
def test_an_answer_without_commentary_has_a_phase_if_its_model_reasons(model: str, phase: str | None) -> None:
    harness = SimulatorHarness(model=model)
    written(harness)
    assert phases(harness) == [phase]


def test_the_beta_dialect_has_no_phases() -> None:
    harness = talkative(dialect=Dialect.BETA)
    harness.send("response.create", response={"modalities": ["text"]})
    harness.until("response.done")
    assert phases(harness) == [None, None]


def test_a_response_that_is_cancelled_ends_both_open_items_in_order() -> None:
    harness = talkative()
    harness.send("session.update", session={**TEXT, "tools": [TOOL]})
    harness.type("What is the weather?")
    harness.send("response.create")
    harness.until("response.function_call_arguments.delta")
    ended = harness.send("response.cancel")
    assert [(item["type"], item["status"]) for item in ended[-1]["response"]["output"]] == [
        ("message", "incomplete"),
        ("function_call", "incomplete"),
    ]
    assert [event["type"] for event in ended] == [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


@pytest.mark.parametrize("tools", [[], [TOOL]])
def test_a_limit_that_the_commentary_reaches_leaves_no_answer(tools: list[Any]) -> None:
    harness = talkative()
    response = written(harness, tools=tools, max_output_tokens=3)
    assert (response["status"], response["status_details"]["reason"]) == ("incomplete", "max_output_tokens")
    assert [(item["status"], item["phase"]) for item in response["output"]] == [("incomplete", "commentary")]
