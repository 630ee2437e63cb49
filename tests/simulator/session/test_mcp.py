"""MCP servers: what the events of listing, calling and approving are, and their order."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.ordering.checker import OrderChecker
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import Event, SimulatorHarness, error_of

SERVER = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example/sse", "require_approval": "never"}
LISTED = ["conversation.item.added", "mcp_list_tools.in_progress", "mcp_list_tools.completed", "conversation.item.done"]


def session(server: Event = SERVER, *, listed: bool = True, **behaviour: Any) -> SimulatorHarness:
    """A session with text answers and one MCP server, once its tools are listed."""
    harness = SimulatorHarness(behaviour=SessionBehaviour(**behaviour))
    harness.send("session.update", session={"type": "realtime", "output_modalities": ["text"], "tools": [server]})
    if listed:
        harness.wait(1)
    return harness


def ask(harness: SimulatorHarness, text: str = "Look it up.", **response: Any) -> Event:
    """Ask for a response and return it."""
    harness.type(text)
    harness.send("response.create", response=response)
    done: Event = harness.until("response.done")["response"]
    return done


def tools_of(harness: SimulatorHarness) -> list[str]:
    [item] = [event["item"] for event in harness.all("conversation.item.done") if "tools" in event["item"]]
    return [tool["name"] for tool in item["tools"]]


def in_order(harness: SimulatorHarness) -> bool:
    checker = OrderChecker(Dialect.GA, SessionKind.CONVERSATION)
    return [found for event in harness.events for found in checker.feed(event)] + checker.finish() == []


def test_the_tools_of_a_server_are_listed_after_the_update() -> None:
    harness = session()
    assert harness.types == ["session.created", "session.updated", *LISTED]
    begun, done = harness.one("conversation.item.added")["item"], harness.one("conversation.item.done")["item"]
    assert begun == {"id": done["id"], "type": "mcp_list_tools", "server_label": "docs", "tools": []}
    assert [tool["name"] for tool in done["tools"]] == ["look_up"]
    assert harness.one("mcp_list_tools.completed")["item_id"] == done["id"]


def test_a_server_is_listed_once() -> None:
    harness = session()
    harness.send("session.update", session={"type": "realtime", "instructions": "Be brief.", "tools": [SERVER]})
    harness.wait(1)
    assert len(harness.all("mcp_list_tools.completed")) == 1


@pytest.mark.parametrize("allowed", [["roll", "read"], {"tool_names": ["roll", "read"]}])
def test_the_tools_of_a_server_are_the_allowed_ones(allowed: object) -> None:
    assert tools_of(session({**SERVER, "allowed_tools": allowed})) == ["roll", "read"]


@pytest.mark.parametrize("allowed", [None, {"read_only": True}])
def test_a_server_without_named_tools_has_one(allowed: object) -> None:
    assert tools_of(session({**SERVER, "allowed_tools": allowed})) == ["look_up"]


def test_a_client_secret_can_bring_a_server() -> None:
    config = {"type": "realtime", "tools": [SERVER]}
    harness = SimulatorHarness(config=config)
    harness.wait(1)
    assert harness.types == ["session.created", *LISTED]


def test_a_response_can_bring_a_server_which_later_ones_can_use() -> None:
    harness = SimulatorHarness()
    asked: dict[str, Any] = {"output_modalities": ["text"], "tools": [SERVER], "tool_choice": "required"}
    assert [item["type"] for item in ask(harness, **asked)["output"]] == ["message"], "nothing is listed yet"
    harness.wait(1)
    assert [item["type"] for item in ask(harness, **asked)["output"]] == ["mcp_call"]


def test_a_call_runs_after_the_response_that_asks_for_it_and_the_next_response_reads_what_it_found() -> None:
    harness = session()
    first = len(harness.events)
    response = ask(harness)
    harness.wait(1)
    assert harness.types_from(first) == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.output_item.done",
        "response.done",
        "response.mcp_call.in_progress",
        "rate_limits.updated",
        "response.mcp_call.completed",
        "conversation.item.done",
    ]
    [call] = response["output"]
    assert (call["type"], call["server_label"], call["name"]) == ("mcp_call", "docs", "look_up")
    assert not {"status", "output", "error"} & call.keys()
    assert call["arguments"] == harness.one("response.mcp_call_arguments.done")["arguments"]
    completed = harness.one("response.mcp_call.completed")
    assert (completed["item_id"], completed["output_index"]) == (call["id"], 0)
    ended = harness.all("conversation.item.done")[-1]["item"]
    assert ended == {**call, "output": "look_up found one result."}
    harness.send("response.create")
    assert harness.until("response.output_text.done")["text"].startswith("The tool answered: look_up found one result.")
    assert in_order(harness)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("protocol", {"type": "protocol_error", "code": -32603, "message": "Internal error"}),
        ("http", {"type": "http_error", "code": 503, "message": "Service Unavailable"}),
        ("execution", {"type": "tool_execution_error", "message": "The tool failed."}),
    ],
)
def test_a_call_can_fail_in_three_ways(how: str, error: Event) -> None:
    harness = session(mcp=how)
    assert ask(harness)["status"] == "completed"
    harness.wait(1)
    assert harness.all("response.mcp_call.completed") == []
    failed = harness.one("response.mcp_call.failed")
    ended = harness.all("conversation.item.done")[-1]["item"]
    assert (failed["item_id"], ended["error"], "output" in ended) == (ended["id"], error, False)
    harness.send("response.create")
    assert harness.until("response.output_text.done")["text"].startswith(f"The tool answered: {error['message']}")
    assert in_order(harness)


def test_a_server_whose_tools_cannot_be_listed_has_none_to_call() -> None:
    harness = session(mcp="unlisted")
    assert harness.types[2:] == [*LISTED[:2], "mcp_list_tools.failed", "conversation.item.done"]
    assert harness.one("conversation.item.done")["item"]["tools"] == []
    assert [item["type"] for item in ask(harness, tool_choice="required")["output"]] == ["message"]
    assert in_order(harness)


@pytest.mark.parametrize("choice", [{"server_label": "docs"}, {"server_label": "docs", "name": "look_up"}])
def test_a_tool_choice_can_name_a_server_or_its_tool(choice: Event) -> None:
    chosen = {"type": "mcp", **choice}
    assert [item["type"] for item in ask(session(), "Hello.", tool_choice=chosen)["output"]] == ["mcp_call"]


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "mcp", "server_label": "other"},
        {"type": "mcp", "server_label": "docs", "name": "other"},
        {"type": "function", "name": "look_up"},
        "none",
    ],
)
def test_no_tool_is_called_that_the_tool_choice_does_not_name(choice: object) -> None:
    assert [item["type"] for item in ask(session(), tool_choice=choice)["output"]] == ["message"]


def approve(harness: SimulatorHarness, *, yes: bool) -> list[Event]:
    request = next(e["item"] for e in harness.events if e.get("item", {}).get("type") == "mcp_approval_request")
    answer = {"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": yes}
    return harness.send("conversation.item.create", item=answer)


@pytest.mark.parametrize(
    ("required", "asks"),
    [
        ("always", True),
        (None, True),
        ({"always": {"tool_names": ["look_up"]}}, True),
        ("never", False),
        ({"never": {"tool_names": ["look_up"]}}, False),
    ],
)
def test_a_call_needs_approval_unless_the_tool_never_does(required: object, asks: bool) -> None:
    harness = session({**SERVER, "require_approval": required})
    response = ask(harness)
    harness.wait(1)
    kinds = [item["type"] for item in response["output"]]
    assert kinds == (["mcp_call", "mcp_approval_request"] if asks else ["mcp_call"])
    assert bool(harness.all("response.mcp_call.completed")) is not asks
    assert in_order(harness)


def test_a_call_runs_once_it_is_approved() -> None:
    harness = session({**SERVER, "require_approval": "always"})
    call, request = ask(harness)["output"]
    assert {**request, "id": "", "type": ""} == {**call, "id": "", "type": ""}
    harness.wait(5)
    answered = approve(harness, yes=True)
    assert [event["type"] for event in answered] == ["conversation.item.added", "conversation.item.done"]
    assert harness.until("response.mcp_call.completed")["item_id"] == call["id"]
    ended = harness.all("conversation.item.done")[-1]["item"]
    assert (ended["approval_request_id"], ended["output"]) == (request["id"], "look_up found one result.")
    harness.send("response.create")
    assert harness.until("response.output_text.done")["text"].startswith("The tool answered: look_up found one result.")
    assert in_order(harness)


def test_a_response_that_does_not_wait_for_its_call_has_no_answer_yet() -> None:
    harness = session({**SERVER, "require_approval": "always"})
    ask(harness)
    harness.send("response.create")
    assert harness.until("response.output_text.done")["text"].startswith("The tool answered: nothing yet.")


def test_a_call_that_is_not_approved_fails() -> None:
    harness = session({**SERVER, "require_approval": "always"})
    ask(harness)
    answered = approve(harness, yes=False)
    assert [event["type"] for event in answered][2:] == ["response.mcp_call.failed", "conversation.item.done"]
    assert answered[-1]["item"]["error"]["message"] == "The call was not approved."
    again = approve(harness, yes=True)
    assert [event["type"] for event in again] == ["conversation.item.added", "conversation.item.done"], "no effect"
    assert in_order(harness)


def test_an_approval_of_nothing_is_refused() -> None:
    answer = {"type": "mcp_approval_response", "approval_request_id": "item_x", "approve": True}
    refused = session().send("conversation.item.create", item=answer)
    assert error_of(refused) == ("invalid_value", "item.approval_request_id")


def test_a_call_whose_response_is_cancelled_does_not_run() -> None:
    harness = session()
    harness.type("Look it up.")
    harness.send("response.create")
    harness.until("response.mcp_call_arguments.delta")
    harness.send("response.cancel")
    harness.wait(1)
    assert harness.all("response.mcp_call.in_progress") == []
    assert harness.all("conversation.item.done")[-1]["item"]["type"] == "mcp_call"
    assert in_order(harness)


def test_a_call_whose_item_is_deleted_ends_without_it() -> None:
    harness = session()
    [call] = ask(harness)["output"]
    harness.send("conversation.item.delete", item_id=call["id"])
    harness.wait(1)
    assert harness.all("response.mcp_call.completed")
    assert harness.all("conversation.item.done")[-1]["item"]["type"] == "message"
    assert in_order(harness)


def test_a_call_out_of_band_is_in_no_conversation() -> None:
    harness = session()
    ask(harness, conversation="none")
    harness.wait(1)
    assert harness.all("response.mcp_call.completed")
    assert [event["item"]["type"] for event in harness.all("conversation.item.done")] == ["mcp_list_tools", "message"]
    assert in_order(harness)
