"""The limits of a session, whatever its client sends: time, memory, nesting, numbers."""

from __future__ import annotations

import json
import math

import pytest

from bridge.simulator.errors.service_errors import SERVICE_ERRORS
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.session import ServerEvent
from tests.memory import held_bytes
from tests.simulator.session_harness import Event, SimulatorHarness, error_of


@pytest.mark.parametrize("rate", [1e300, math.inf])
def test_a_storm_at_any_rate_still_yields(rate: float) -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(errors_per_second=rate))
    harness.send("session.update", session={"type": "realtime"})
    assert len(harness.wait(0.1)) == pytest.approx(100, abs=1)


def test_overdue_calls_run_in_batches_and_client_events_are_handled_between_them() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(errors_per_second=1_000))
    harness.send("session.update", session={"type": "realtime"})
    late = harness.now + 3_000
    assert len(harness.session.wake(late)) == 1_000
    answer = harness.session.receive('{"type":"input_audio_buffer.clear"}', late)[-1]
    assert isinstance(answer, ServerEvent)
    assert answer.type == "input_audio_buffer.cleared"
    assert harness.session.next_wake is not None
    assert harness.session.next_wake < late


def test_early_frames_are_kept_up_to_a_limit() -> None:
    harness = SimulatorHarness(open_session=False)
    audio = "A" * (20 * 2**20)
    for _ in range(3):
        harness.send("input_audio_buffer.append", audio=audio)
    harness.type("Hello")
    harness.wait(1)
    assert harness.types == ["session.created"]
    harness.send("input_audio_buffer.commit")
    assert harness.one("input_audio_buffer.committed")
    (item,) = harness.all("conversation.item.added")
    assert item["item"]["role"] == "user"


def test_a_refused_session_keeps_no_frames() -> None:
    harness = SimulatorHarness(
        behaviour=SessionBehaviour(refusal=SERVICE_ERRORS["invalid_api_key"]), open_session=False
    )
    for _ in range(20):
        harness.send("input_audio_buffer.append", audio="A" * 2**20)
    assert held_bytes(harness) < 4 * 2**20


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "response.create", "bogus": 1}, "bogus"),
        ({"type": "input_audio_buffer.clear", "session": {}}, "session"),
        ({"type": "session.close", "why": "tired"}, "why"),
        ({"x" * 5_000: 1, "type": "response.cancel"}, "x" * 200),
    ],
)
def test_a_field_that_an_event_does_not_have_is_refused_and_the_event_with_it(event: Event, param: str) -> None:
    harness = SimulatorHarness()
    answer = harness.frame(json.dumps(event))
    assert error_of(answer) == ("unknown_parameter", param)
    assert answer[0]["error"]["message"] == f"Unknown parameter: '{param}'."
    assert harness.close is None


def deep(levels: int) -> str:
    """A JSON schema of nested objects, deeper than an encoder would write it."""
    return '{"type":"object","properties":{"a":' * levels + '{"type":"string"}' + "}}" * levels


@pytest.mark.parametrize("levels", [40, 330, 400, 20_000])
def test_parameters_nested_without_end_are_refused_and_fewer_levels_are_sampled(levels: int) -> None:
    harness = SimulatorHarness()
    tools = '"tools":[{"type":"function","name":"f","parameters":' + deep(levels) + "}]}}"
    updated = harness.frame('{"type":"session.update","session":{"type":"realtime",' + tools)
    created = harness.frame('{"type":"response.create","response":{"tool_choice":"required",' + tools)
    if levels == 40:
        assert updated[0]["type"] == "session.updated"
        assert harness.until("response.function_call_arguments.done")["arguments"].count('"a"') == 40
    elif levels < 1_000:
        assert error_of(updated) == ("invalid_value", "session.tools[0].parameters")
        assert error_of(created) == ("invalid_value", "response.tools[0].parameters")
    else:
        assert error_of(updated) == error_of(created) == ("invalid_json", None)


def test_a_pause_longer_than_any_session_is_refused() -> None:
    harness = SimulatorHarness()
    for number in (int("9" * 400), 3_600_001):
        turns = {"type": "server_vad", "silence_duration_ms": number}
        answer = harness.send(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": turns}}}
        )
        path = "session.audio.input.turn_detection.silence_duration_ms"
        assert error_of(answer) == ("integer_above_max_value", path)
        assert len(answer[0]["error"]["message"]) < 500
