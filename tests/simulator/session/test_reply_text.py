"""What responses say, and when they call a function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.conversation import ConversationItem
from bridge.simulator.session.reply_text import FunctionCall, TextReply, choose_reply
from bridge.simulator.session.state import SessionSetup, SessionState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.simulator.session.state import McpTool

SETUP = SessionSetup(dialect=Dialect.GA, kind=SessionKind.CONVERSATION, model="gpt-realtime", unix_time=0)


def state(*items: ConversationItem, **behaviour: Any) -> SessionState:
    made = SessionState(SETUP, SessionBehaviour(**behaviour), seed=1, now=0.0)
    for item in items:
        made.conversation.add(item)
    return made


def user(text: str, audio_ms: float = 0.0) -> ConversationItem:
    return ConversationItem(id=text, role="user", content=[{"type": "input_text", "text": text}], audio_ms=audio_ms)


def tools(*names: str, parameters: Any = None) -> dict[str, Any]:
    return {"tools": [{"type": "function", "name": name, "parameters": parameters} for name in names]}


def answer(
    made: SessionState, settings: dict[str, Any], context: Sequence[ConversationItem] | None = None
) -> TextReply | FunctionCall | McpTool:
    return choose_reply(made, settings, made.conversation.items if context is None else context)


def text_of(answer: TextReply | FunctionCall | McpTool) -> str:
    assert isinstance(answer, TextReply)
    return answer.text


def called(answer: TextReply | FunctionCall | McpTool) -> str:
    assert isinstance(answer, FunctionCall)
    return answer.name


def test_the_reply_states_what_came() -> None:
    output = ConversationItem(id="o", type="function_call_output", fields={"call_id": "c", "output": "sunny"})
    assert text_of(answer(state(), {})).startswith("Hello.")
    assert text_of(answer(state(user("Ahoy")), {})).startswith("You said: Ahoy.")
    assert text_of(answer(state(user("", 2_340)), {})).startswith("I heard 2.3 seconds of speech.")
    assert text_of(answer(state(output), {})).startswith("The tool answered: sunny.")
    assert text_of(answer(state(user("")), {})).startswith("I am listening.")


def test_a_long_text_is_not_repeated_in_full() -> None:
    assert len(text_of(answer(state(user("x" * 10_000)), {}))) < 300


def test_a_configured_reply_is_given_whatever_came() -> None:
    assert text_of(answer(state(user("Ahoy"), reply_text="Fine."), {})) == "Fine."


def test_what_the_response_does_not_read_is_not_answered() -> None:
    weather = state(user("weather"))
    assert text_of(answer(weather, tools("get_weather"), [])).startswith("Hello.")


def test_the_input_of_the_response_counts_before_the_conversation() -> None:
    assert text_of(answer(state(user("Ahoy")), {}, [user("one"), user("two")])).startswith("You said: two.")


def test_a_function_is_called_when_the_words_mention_it() -> None:
    settings = tools("set_timer", "get_weather")
    assert called(answer(state(user("How is the Weather?")), settings)) == "get_weather"
    assert isinstance(answer(state(user("get it, set it")), settings), TextReply)


@pytest.mark.parametrize(
    ("choice", "name"),
    [("required", "a_first"), ({"type": "function", "name": "b_second"}, "b_second")],
)
def test_a_function_is_called_when_it_must_be(choice: object, name: str) -> None:
    assert called(answer(state(), {**tools("a_first", "b_second"), "tool_choice": choice})) == name


def test_no_function_is_called_when_none_may_be() -> None:
    weather = state(user("weather"))
    assert isinstance(answer(weather, {**tools("get_weather"), "tool_choice": "none"}), TextReply)
    assert isinstance(answer(weather, {"tools": [{"type": "mcp", "server_label": "weather"}]}), TextReply)
    assert isinstance(answer(weather, {**tools("a"), "tool_choice": {"type": "function", "name": "gone"}}), TextReply)


def test_a_session_of_calls_calls_whatever_was_said_but_not_after_an_output() -> None:
    output = ConversationItem(id="o", type="function_call_output", fields={"call_id": "c", "output": "1"})
    assert called(answer(state(user("Hi"), reply="function"), tools("f"))) == "f"
    assert isinstance(answer(state(output, reply="function"), tools("f")), TextReply)


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [
        (None, {}),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "array"}, "c": {"type": "null"}}},
            {"a": 1, "b": ["example"], "c": None},
        ),
        ({"properties": {"unit": {"enum": ["C", "F"]}, "on": {"type": "boolean"}}}, {"unit": "C", "on": True}),
        ({"properties": {"x": {"type": ["number", "null"]}, "y": True}}, {"x": 1.5, "y": "example"}),
        ({"properties": ["no", "mapping"]}, {}),
        ({"properties": {"x": {"type": "string", "enum": 5}}}, {"x": "example"}),
        ({"properties": {"x": {"properties": {"y": {"type": "string"}}}}}, {"x": {"y": "example"}}),
    ],
)
def test_arguments_fit_the_parameters_however_odd_these_are(parameters: object, arguments: object) -> None:
    given = answer(state(), {**tools("f", parameters=parameters), "tool_choice": "required"})
    assert isinstance(given, FunctionCall)
    assert json.loads(given.arguments) == arguments
