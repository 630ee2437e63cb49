"""Function calls and MCP tools through the official SDK: called, answered, forced, forbidden, approved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from openai.types.realtime import (
    ConversationItemDone,
    McpListToolsCompleted,
    RealtimeErrorEvent,
    RealtimeMcpApprovalRequest,
    RealtimeMcpToolCall,
    ResponseCreatedEvent,
    ResponseDoneEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseMcpCallCompleted,
    ResponseTextDoneEvent,
)

from bridge.simulator.embedded import simulator_in_thread
from tests.simulator.sdk_client import SDK_DEPRECATION_FILTER, SdkSession, connect_sdk

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import RealtimeConnection

    from bridge.simulator.embedded import RunningSimulator

pytestmark = SDK_DEPRECATION_FILTER

BALANCE: Any = {
    "type": "function",
    "name": "get_balance",
    "description": "Look up the balance of an account.",
    "parameters": {
        "type": "object",
        "properties": {"account": {"type": "string", "enum": ["savings", "checking"]}, "cents": {"type": "boolean"}},
        "required": ["account"],
    },
}


def ask(connection: RealtimeConnection, text: str, **session: Any) -> None:
    whole: Any = {"type": "realtime", "output_modalities": ["text"], "tools": [BALANCE], **session}
    connection.session.update(session=whole)
    part: Any = {"type": "input_text", "text": text}
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": [part]})
    connection.response.create()


def called(sdk: SdkSession[RealtimeConnection]) -> ResponseFunctionCallArgumentsDoneEvent:
    """Wait for the function call and for the end of its response."""
    call = sdk.until(ResponseFunctionCallArgumentsDoneEvent)
    sdk.until(ResponseDoneEvent)
    return call


def test_a_function_is_called_and_its_output_answered(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "What is my balance?")
        call = called(sdk)
        sdk.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": '{"euros": 1234}'}
        )
        sdk.connection.response.create()
        answer = sdk.until(ResponseTextDoneEvent)
        sdk.until(ResponseDoneEvent)

    assert call.name == "get_balance"
    assert json.loads(call.arguments) == {"account": "savings", "cents": True}
    assert "".join(event.delta for event in sdk.of(ResponseFunctionCallArgumentsDeltaEvent)) == call.arguments
    assert "1234" in answer.text
    first, second = (event.response for event in sdk.of(ResponseDoneEvent))
    outputs: list[Any] = [*(first.output or []), *(second.output or [])]
    assert [(item.type, item.status) for item in outputs] == [("function_call", "completed"), ("message", "completed")]
    items = [cast("Any", event.item).type for event in sdk.of(ConversationItemDone)]
    assert items == ["message", "function_call", "function_call_output", "message"]


def test_the_events_of_a_call_come_in_order(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "What is my balance?")
        called(sdk)

    assert sdk.steps[sdk.steps.index("response.created") :] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


def test_a_forced_function_is_called_whatever_was_said(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "Hello.", tool_choice={"type": "function", "name": "get_balance"})
        assert called(sdk).name == "get_balance"


def test_no_function_is_called_where_none_may_be(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "What is my balance?", tool_choice="none")
        output: list[Any] = sdk.until(ResponseDoneEvent).response.output or []

    assert [item.type for item in output] == ["message"]


def test_asking_for_the_next_answer_before_the_call_is_done_is_refused() -> None:
    with simulator_in_thread() as slow_simulator, connect_sdk(slow_simulator) as sdk:
        ask(sdk.connection, "What is my balance?")
        sdk.until(ResponseCreatedEvent)
        sdk.connection.response.create()
        error = sdk.until(RealtimeErrorEvent).error
        assert called(sdk).name == "get_balance"

    assert error.code == "conversation_already_has_active_response"


def test_the_output_of_a_call_that_was_never_made_is_refused(realtime_simulator: RunningSimulator) -> None:
    with connect_sdk(realtime_simulator) as sdk:
        ask(sdk.connection, "What is my balance?")
        called(sdk)
        before = sdk.counts["conversation.item.added"]
        sdk.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": "call_unknown", "output": "{}"}, event_id="orphan"
        )
        error = sdk.until(RealtimeErrorEvent).error

    assert error.event_id == "orphan"
    assert "call_unknown" in error.message
    assert sdk.counts["conversation.item.added"] == before == 2


def test_a_tool_of_an_mcp_server_is_listed_approved_and_called(realtime_simulator: RunningSimulator) -> None:
    server: Any = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example/sse"}
    with connect_sdk(realtime_simulator) as sdk:
        sdk.connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "tools": [server]})
        sdk.until(McpListToolsCompleted)
        sdk.connection.response.create(response={"tool_choice": {"type": "mcp", "server_label": "docs"}})
        call, request = sdk.until(ResponseDoneEvent).response.output or []
        assert isinstance(call, RealtimeMcpToolCall)
        assert isinstance(request, RealtimeMcpApprovalRequest)
        sdk.connection.conversation.item.create(
            item={"type": "mcp_approval_response", "id": "yes", "approval_request_id": request.id, "approve": True}
        )
        assert sdk.until(ResponseMcpCallCompleted).item_id == call.id
        ended = sdk.until(ConversationItemDone).item
        assert isinstance(ended, RealtimeMcpToolCall)
        assert (ended.output, ended.approval_request_id) == ("look_up found one result.", request.id)
        sdk.connection.response.create()
        assert "look_up found one result." in sdk.until(ResponseTextDoneEvent).text
