"""When a response can start, how it ends, and which events surround it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.errors.service_errors import SERVICE_ERRORS
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import SimulatorHarness, error_of, speech

TEXT = {"output_modalities": ["text"]}


def answering(**settings: Any) -> SimulatorHarness:
    harness = SimulatorHarness(**settings)
    harness.type("Hello")
    harness.send("response.create")
    return harness


def test_a_response_begins_in_progress_and_ends_with_its_output_and_usage() -> None:
    harness = answering()
    done = harness.until("response.done")["response"]
    created = harness.one("response.created")["response"]
    assert (created["status"], created["output"], created["usage"]) == ("in_progress", [], None)
    assert (done["status"], done["status_details"], done["id"]) == ("completed", None, created["id"])
    assert [item["id"] for item in done["output"]] == [harness.one("response.output_item.done")["item"]["id"]]
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert usage["output_token_details"]["audio_tokens"] == usage["output_tokens"]
    assert done["conversation_id"].startswith("conv_")


def test_the_recorded_times_of_a_response_are_kept() -> None:
    harness = answering()
    asked = harness.now
    harness.until("response.done")
    assert harness.at("response.created") == pytest.approx(asked + 0.02)
    assert harness.at("response.output_audio.delta") == pytest.approx(asked + 0.22)
    harness.until("rate_limits.updated")
    assert harness.at("rate_limits.updated") == pytest.approx(harness.at("response.done") + 0.043)


def test_a_faster_session_does_the_same_in_less_time() -> None:
    slow, fast = answering(), answering(behaviour=SessionBehaviour(pace=10))
    for harness in (slow, fast):
        harness.run_until_idle()
    assert slow.types == fast.types
    assert slow.at("response.done") - 0.005 == pytest.approx(10 * (fast.at("response.done") - 0.005))


@pytest.mark.parametrize(
    ("model", "tokens", "status"), [("gpt-realtime", 4_096, "incomplete"), ("gpt-realtime-2.1", 6_000, "completed")]
)
def test_a_response_without_a_limit_has_as_many_tokens_as_its_model_can(model: str, tokens: int, status: str) -> None:
    harness = SimulatorHarness(model=model, behaviour=SessionBehaviour(reply_text="word " * 3_000, pace=1_000))
    harness.send("response.create", response={**TEXT, "max_output_tokens": "inf"})
    done = harness.until("response.done")["response"]
    assert (done["usage"]["output_tokens"], done["status"]) == (tokens, status)


@pytest.mark.parametrize(("effort", "tokens"), [("minimal", 16), ("low", 64), ("xhigh", 2_048)])
def test_what_a_response_thinks_is_part_of_its_text_tokens(effort: str, tokens: int) -> None:
    plain, thinking = SimulatorHarness(), SimulatorHarness()
    thinking.send("session.update", session={"type": "realtime", "reasoning": {"effort": effort}})
    usages = []
    for harness in (plain, thinking):
        harness.type("Hello")
        harness.send("response.create", response=TEXT)
        usages.append(harness.until("response.done")["response"]["usage"])
    before, after = (usage["output_token_details"] for usage in usages)
    assert "reasoning_tokens" not in before
    assert after == {**before, "text_tokens": before["text_tokens"] + tokens, "reasoning_tokens": tokens}
    assert usages[1]["output_tokens"] == usages[0]["output_tokens"] + tokens


@pytest.mark.parametrize("reasoning", [{"effort": "none"}, {}, None])
def test_a_response_that_does_not_think_states_no_reasoning(reasoning: object) -> None:
    harness = SimulatorHarness()
    harness.send("response.create", response={**TEXT, "reasoning": reasoning})
    assert "reasoning_tokens" not in harness.until("response.done")["response"]["usage"]["output_token_details"]


def test_rate_limits_come_after_before_or_never() -> None:
    ends = {}
    for where in ("after", "before", "never"):
        harness = answering(behaviour=replace(SessionBehaviour(), rate_limits=where))
        harness.run_until_idle()
        ends[where] = [name for name in harness.types[-2:] if name in {"response.done", "rate_limits.updated"}]
    assert ends == {
        "after": ["response.done", "rate_limits.updated"],
        "before": ["rate_limits.updated", "response.done"],
        "never": ["response.done"],
    }


def test_rate_limits_contain_tokens_only() -> None:
    harness = answering()
    (limit,) = harness.until("rate_limits.updated")["rate_limits"]
    used = harness.one("response.done")["response"]["usage"]["total_tokens"]
    assert (limit["name"], limit["limit"] - limit["remaining"]) == ("tokens", used)


def test_null_in_a_response_means_the_setting_of_the_session() -> None:
    harness = SimulatorHarness()
    harness.send("session.update", session={"type": "realtime", **TEXT, "reasoning": {"effort": "low"}})
    harness.type("Hello")
    harness.send("response.create", response={"instructions": None, "reasoning": None, "metadata": None})
    done = harness.until("response.done")["response"]
    assert (done["status"], done["metadata"], done["output_modalities"]) == ("completed", None, ["text"])


def test_a_second_response_on_the_conversation_is_refused_and_names_the_first() -> None:
    harness = answering()
    first = harness.until("response.created")["response"]["id"]
    answer = harness.send("response.create", event_id="mine")
    assert error_of(answer) == ("conversation_already_has_active_response", None)
    assert first in answer[0]["error"]["message"]
    assert answer[0]["error"]["event_id"] == "mine"
    harness.until("response.done")
    assert harness.send("response.create") == []
    harness.until("response.done")


def test_a_second_response_is_refused_before_the_first_was_announced() -> None:
    assert error_of(answering().send("response.create"))[0] == "conversation_already_has_active_response"


def test_cancelling_before_anything_was_sent_announces_the_response_and_ends_it() -> None:
    created, done = answering().send("response.cancel")
    assert (created["type"], done["type"]) == ("response.created", "response.done")
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["response"]["output"] == []


def test_cancelling_in_the_middle_ends_what_is_open_as_incomplete() -> None:
    harness = answering()
    harness.until("response.output_audio.delta")
    events = harness.send("response.cancel")
    assert [event["type"] for event in events] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert {event["item"]["status"] for event in events if "item" in event} == {"incomplete"}
    assert [event["type"] for event in harness.run_until_idle()] == ["rate_limits.updated"]


def test_cancelling_a_function_call_ends_its_arguments() -> None:
    tool = {"type": "function", "name": "f", "parameters": {"properties": {"city": {"type": "string"}}}}
    harness = SimulatorHarness()
    harness.send("response.create", response={"tools": [tool], "tool_choice": "required"})
    piece = harness.until("response.function_call_arguments.delta")["delta"]
    events = harness.send("response.cancel")
    assert events[0]["type"] == "response.function_call_arguments.done"
    assert (events[0]["arguments"], events[-1]["response"]["status"]) == (piece, "cancelled")


def test_there_is_nothing_to_cancel_in_a_silent_session() -> None:
    harness = SimulatorHarness()
    answer = harness.send("response.cancel", event_id="mine")
    assert error_of(answer) == ("response_cancel_not_active", None)
    assert answer[0]["error"]["message"] == "Cancellation failed: no active response found"
    assert answer[0]["error"]["event_id"] == "mine"
    assert error_of(harness.send("response.cancel", response_id="resp_gone"))[0] == "response_cancel_not_active"


def test_speech_interrupts_the_response() -> None:
    harness = answering()
    harness.until("response.output_audio.delta")
    events = harness.append(speech(400))
    assert events[0]["type"] == "input_audio_buffer.speech_started"
    assert events[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}


def test_speech_that_may_not_interrupt_lets_the_response_end() -> None:
    harness = SimulatorHarness()
    detection = {"type": "server_vad", "interrupt_response": False}
    harness.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    harness.send("response.create")
    harness.until("response.output_audio.delta")
    harness.say()
    assert harness.until("response.done")["response"]["status"] == "completed"
    harness.run_until_idle()
    assert len(harness.all("response.created")) == 1


def test_a_response_out_of_band_runs_beside_the_other_and_leaves_no_item() -> None:
    harness = answering()
    harness.until("response.output_audio.delta")
    asked = {"conversation": "none", "metadata": {"topic": "aside"}, **TEXT}
    assert harness.send("response.create", response=asked) == []
    harness.run_until_idle()
    aside, main = sorted((event["response"] for event in harness.all("response.done")), key=lambda r: r["id"])[::-1]
    assert (aside["conversation_id"], aside["metadata"]) == (None, {"topic": "aside"})
    assert (main["conversation_id"] is None, main["status"]) == (False, "completed")
    announced = {event["item"]["id"] for event in harness.all("conversation.item.added")}
    assert aside["output"][0]["id"] not in announced
    assert main["output"][0]["id"] in announced


def test_a_response_out_of_band_is_cancelled_by_its_id() -> None:
    harness = SimulatorHarness()
    harness.send("response.create", response={"conversation": "none"})
    name = harness.until("response.created")["response"]["id"]
    assert error_of(harness.send("response.cancel"))[0] == "response_cancel_not_active"
    (done,) = harness.send("response.cancel", response_id=name)
    assert (done["response"]["id"], done["response"]["status"]) == (name, "cancelled")


def test_a_response_answers_its_own_input() -> None:
    harness = SimulatorHarness()
    harness.type("Hello")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Ahoy"}]}
    gone = {"type": "item_reference", "id": "gone"}
    harness.send("response.create", response={"conversation": "none", "input": [gone, item], **TEXT})
    assert "You said: Ahoy." in harness.until("response.output_text.done")["text"]


def test_a_response_speaks_with_its_own_voice_and_format() -> None:
    harness = SimulatorHarness()
    output = {"voice": "cedar", "format": {"type": "audio/pcmu"}}
    harness.send("response.create", response={"audio": {"output": output}})
    assert harness.until("response.created")["response"]["audio"]["output"] == output
    assert len(harness.until("response.output_audio.delta")["delta"]) == 1_068
    harness.until("response.done")
    harness.send("response.create")
    assert harness.until("response.done")["response"]["audio"]["output"]["voice"] == "marin"


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"modalities": ["text"]}, "unknown_parameter", "response.modalities"),
        ({"conversation": "other"}, "invalid_value", "response.conversation"),
        ({"max_output_tokens": 0}, "integer_below_min_value", "response.max_output_tokens"),
        ({"input": [{"type": "nonsense"}]}, "invalid_value", "response.input[0].type"),
        ([], "invalid_type", "response"),
    ],
)
def test_bad_settings_are_refused_and_begin_nothing(response: object, code: str, param: str) -> None:
    harness = SimulatorHarness()
    assert error_of(harness.send("response.create", response=response)) == (code, param)
    assert harness.run_until_idle() == []


def test_a_transcription_session_has_no_responses() -> None:
    assert error_of(SimulatorHarness(SessionKind.TRANSCRIPTION).send("response.create")) == ("invalid_value", "type")


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
def test_a_failed_response_has_its_error_without_an_error_event(code: str) -> None:
    harness = answering(behaviour=SessionBehaviour(reply="fail", failure=SERVICE_ERRORS[code]))
    done = harness.until("response.done")["response"]
    expected = SERVICE_ERRORS[code]
    error = {"type": expected.type, "code": expected.code, "message": expected.message}
    assert (done["status"], done["status_details"]) == ("failed", {"type": "failed", "error": error})
    assert harness.all("error") == []
    assert harness.send("response.create") == []


@pytest.mark.parametrize(("reply", "good"), [("fail", 2), ("silence", 1), ("silence", 0)])
def test_responses_fail_only_after_the_configured_number(reply: Literal["fail", "silence"], good: int) -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(reply=reply, fail_after=good))
    for _ in range(good + 1):
        harness.send("response.create")
        harness.run_until_idle()
    ends = [event["response"]["status"] for event in harness.all("response.done")]
    assert ends == ["completed"] * good + (["failed"] if reply == "fail" else [])
    assert harness.all("error") == []


def test_the_beta_dialect_has_its_own_names_and_shapes() -> None:
    harness = answering(dialect=Dialect.BETA)
    done = harness.until("response.done")["response"]
    deltas = {"response.audio.delta", "response.audio_transcript.delta"}
    assert deltas < set(harness.types)
    assert [name for name in harness.types if name not in deltas] == [
        "session.created",
        "conversation.item.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert (done["modalities"], done["voice"], done["output_audio_format"]) == (["audio", "text"], "marin", "pcm16")
    assert "audio" not in done
    assert done["output"][0]["content"][0]["type"] == "audio"


def test_a_response_with_no_input_of_its_own_reads_nothing_of_the_conversation() -> None:
    harness = SimulatorHarness()
    harness.type("Please call the weather")
    harness.send("response.create", response={**TEXT, "conversation": "none", "input": []})
    assert harness.until("response.output_text.done")["text"].startswith("Hello.")
    harness.run_until_idle()
    assert harness.one("response.done")["response"]["usage"]["input_tokens"] == 0


def test_usage_counts_the_whole_conversation() -> None:
    harness = SimulatorHarness()
    for text in ("x" * 40, "y" * 80):
        harness.type(text)
    harness.send("response.create", response=TEXT)
    first = harness.until("response.done")["response"]["usage"]
    assert first["input_tokens"] == 30
    harness.send("response.create", response=TEXT)
    second = harness.until("response.done")["response"]["usage"]
    assert second["input_tokens"] == pytest.approx(30 + first["output_tokens"], abs=20)
    assert second["input_tokens"] > 40


TOOL = {"type": "function", "name": "f", "parameters": {"properties": {"a": {"enum": ["x" * 400]}}}}
ASKED: list[tuple[Dialect, dict[str, Any]]] = [
    (Dialect.GA, {"output_modalities": ["text"], "max_output_tokens": 7}),
    (Dialect.GA, {"output_modalities": ["audio"], "max_output_tokens": 7}),
    (Dialect.GA, {"tools": [TOOL], "tool_choice": "required", "max_output_tokens": 7}),
    (Dialect.BETA, {"modalities": ["text"], "max_response_output_tokens": 7}),
]


@pytest.mark.parametrize(("dialect", "asked"), ASKED)
def test_a_response_ends_incomplete_at_its_token_limit(dialect: Dialect, asked: dict[str, Any]) -> None:
    harness = SimulatorHarness(dialect=dialect)
    harness.type("Tell me a story")
    harness.send("response.create", response=asked)
    done = harness.until("response.done")["response"]
    assert (done["status"], done["status_details"]) == (
        "incomplete",
        {"type": "incomplete", "reason": "max_output_tokens"},
    )
    assert 0 < done["usage"]["output_tokens"] <= 7
    assert done["output"][0]["status"] == "incomplete"
    assert harness.types.index("response.content_part.done" if "tools" not in asked else "response.output_item.done")


def test_the_limit_of_the_session_holds_for_its_responses_and_inf_is_none() -> None:
    harness = SimulatorHarness()
    harness.send("session.update", session={"type": "realtime", **TEXT, "max_output_tokens": 1})
    harness.type("Hello")
    harness.send("response.create")
    assert harness.until("response.done")["response"]["status"] == "incomplete"
    harness.send("response.create", response={"max_output_tokens": "inf"})
    assert harness.until("response.done")["response"]["status"] == "completed"
