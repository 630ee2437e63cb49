"""MCP servers of a session: their tools are listed, and called after the response that asks for them.

No MCP server is contacted. Each has the tools that `allowed_tools` names, or one, `look_up`, and every call succeeds
unless the behaviour says otherwise. The order of events is that of OpenAI's live tests and examples of 2026 (openai-
dotnet, openai-ruby, openai-agents-js): the tools come with `conversation.item.done`, after `mcp_list_tools.completed`;
a call runs after `response.done`, and the next response is the client's to request. Where an approval request stands in
its response, and what follows if it is refused, is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.simulator.session.conversation import ConversationItem
from bridge.simulator.session.state import McpTool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.simulator.session.state import SessionState

#: How long listing and calling take. Both are guesses: they depend on the server.
_LIST_SECONDS, _START_SECONDS, _CALL_SECONDS = 0.3, 0.02, 0.3
_DEFAULT_TOOL = "look_up"
_SCHEMA = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
#: The arguments of every call.
ARGUMENTS = '{"query": "example"}'
#: The error of each way in which a call can fail; the three types are those of the SDK.
_ERRORS: Mapping[str, Mapping[str, Any]] = {
    "protocol": {"type": "protocol_error", "code": -32603, "message": "Internal error"},
    "http": {"type": "http_error", "code": 503, "message": "Service Unavailable"},
    "execution": {"type": "tool_execution_error", "message": "The tool failed."},
}
_REFUSED = {"type": "tool_execution_error", "message": "The call was not approved."}


def list_tools(state: SessionState, tools: Sequence[Mapping[str, Any]] | None) -> None:
    """List the tools of each MCP server that is new to the session. They can be called once they are listed."""
    for tool in tools or ():
        if tool.get("type") == "mcp" and tool["server_label"] not in state.mcp_tools:
            state.mcp_tools[tool["server_label"]] = ()
            _list(state, tool)


def _list(state: SessionState, tool: Mapping[str, Any]) -> None:
    label = str(tool["server_label"])
    fields: dict[str, Any] = {"server_label": label, "tools": []}
    item = ConversationItem(id=state.new_id("item"), type="mcp_list_tools", status=None, fields=fields)
    previous = state.conversation.add(item)
    state.send("conversation.item.added", previous_item_id=previous, item=item.as_json(beta=False))
    state.send("mcp_list_tools.in_progress", item_id=item.id)

    def end() -> None:
        if state.behaviour.mcp == "unlisted":
            state.send("mcp_list_tools.failed", item_id=item.id)
        else:
            names = _allowed(tool) or (_DEFAULT_TOOL,)
            state.mcp_tools[label] = tuple(McpTool(label, name) for name in names)
            item.fields["tools"] = [
                {"name": name, "description": f"A tool of {label}.", "input_schema": _SCHEMA} for name in names
            ]
            state.send("mcp_list_tools.completed", item_id=item.id)
        _item_done(state, item, previous)

    state.call_later(state.paced(_LIST_SECONDS), end)


def _allowed(tool: Mapping[str, Any]) -> tuple[str, ...]:
    allowed = tool.get("allowed_tools") or ()
    names = allowed.get("tool_names") or () if isinstance(allowed, Mapping) else allowed
    return tuple(str(name) for name in names)


def listed_tools(state: SessionState, tools: Sequence[Mapping[str, Any]] | None) -> list[McpTool]:
    """Return the tools that can be called, of the MCP servers among `tools`."""
    labels = [tool.get("server_label") for tool in tools or () if tool.get("type") == "mcp"]
    return [known for label in labels for known in state.mcp_tools.get(str(label), ())]


def needs_approval(tools: Sequence[Mapping[str, Any]] | None, called: McpTool) -> bool:
    """Whether the client must approve a call. By default it must (OpenAPI)."""
    required = next(
        (tool.get("require_approval") for tool in tools or () if tool.get("server_label") == called.server_label), None
    )
    if not isinstance(required, Mapping):
        return required != "never"
    return called.name not in ((required.get("never") or {}).get("tool_names") or ())


@dataclass(frozen=True, slots=True)
class McpCall:
    """A call of an MCP tool, once its arguments are complete."""

    state: SessionState
    item: ConversationItem
    output_index: int
    previous_item_id: str | None

    def ask(self) -> ConversationItem:
        """Return the item that asks the client to approve the call. Its answer runs or ends the call."""
        fields = {name: self.item.fields[name] for name in ("server_label", "name", "arguments")}
        item_id = self.state.new_id("item")
        self.state.mcp_approvals[item_id] = lambda approved: self._answered(item_id, approved=approved)
        return ConversationItem(id=item_id, type="mcp_approval_request", status=None, fields=fields)

    def _answered(self, request_id: str, *, approved: bool) -> None:
        self.item.fields["approval_request_id"] = request_id
        if approved:
            self.run()
        else:
            self._end(_REFUSED)

    def run(self) -> None:
        """Run the call, which begins after the response that is ending now."""
        self.state.call_later(self.state.paced(_START_SECONDS), self._begin)

    def _begin(self) -> None:
        state, failure = self.state, _ERRORS.get(self.state.behaviour.mcp)
        state.send("response.mcp_call.in_progress", item_id=self.item.id, output_index=self.output_index)
        state.call_later(state.paced(_CALL_SECONDS), lambda: self._end(failure))

    def _end(self, failure: Mapping[str, Any] | None) -> None:
        if failure is None:
            self.item.fields["output"] = f"{self.item.fields['name']} found one result."
        else:
            self.item.fields["error"] = dict(failure)
        name = "response.mcp_call.completed" if failure is None else "response.mcp_call.failed"
        self.state.send(name, item_id=self.item.id, output_index=self.output_index)
        _item_done(self.state, self.item, self.previous_item_id)


def _item_done(state: SessionState, item: ConversationItem, previous: str | None) -> None:
    """End an item of the conversation, unless it is out of band or was deleted."""
    if state.conversation.get(item.id) is item:
        state.send("conversation.item.done", previous_item_id=previous, item=item.as_json(beta=False))
