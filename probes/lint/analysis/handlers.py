"""Which events a file handles, in whatever form: if chains, switch and match, dispatch tables, listeners.

Events may carry the prefix `server.`, which openai-realtime-api-beta and its descendants put before their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import arguments_of
from probes.lint.analysis.code import is_function, last_name, string_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.analysis.code import Code

PREFIX = "server."
_EVENT_NAME = re.compile(r"^(?:server\.)?(?:error|[a-z_]+(?:\.[a-z_]+)+)$")
_LISTENERS = frozenset(
    {"on", "once", "addEventListener", "addListener", "add_listener", "waitForNext", "wait_for_next"}
)
_MEMBERSHIP = frozenset({"includes", "has", "indexOf", "some"})
_LOGGING = re.compile(r"(?i)^(?:\w*log\w*|print\w*|debug\w*|info|warn(?:ing)?|trace|write(?:ln)?|record\w*|addLog)$")
_LISTS = frozenset({"array", "list", "tuple", "set"})
#: Nodes between a comparison and the statement whose condition it belongs to.
_CONDITIONS = frozenset(
    {"parenthesized_expression", "binary_expression", "boolean_operator", "not_operator", "comparison_operator"}
    | {"call_expression", "call", "member_expression", "attribute", "arguments", "argument_list", *_LISTS}
    | {"unary_expression", "union_pattern", "case_pattern"}
)


#: How many cases without statements are followed to the one that has some.
_MAX_FALL_THROUGH = 30


class Role(Enum):
    """What a file does with the name of an event."""

    HANDLED = auto()
    """It compares with it, listens for it, or finds a handler by it."""
    TYPE = auto()
    """A type names it."""
    LOGGED = auto()
    SENT = auto()
    """It is the type of a message that the file builds."""
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class EventUse:
    """One mention of an event's name."""

    name: str
    """Without the prefix."""
    string: SgNode
    role: Role
    body: SgNode | None
    """What runs for the event, if it is handled here: a block, a case, a function, or the name of one."""
    function: SgNode | None
    """The function around the mention."""


def event_uses(code: Code) -> list[EventUse]:
    """Return every mention of an event's name, in order of their names."""
    return [
        _use(code, value.removeprefix(PREFIX), node)
        for value, nodes in code.strings.items()
        if _EVENT_NAME.match(value)
        for node in nodes
    ]


def _use(code: Code, name: str, node: SgNode) -> EventUse:
    role, body = _role(code, node)
    return EventUse(name, node, role, body, code.function_around(node))


def _role(code: Code, node: SgNode) -> tuple[Role, SgNode | None]:
    parent = node.parent()
    if parent is None:
        return Role.OTHER, None
    match parent.kind():
        case "literal_type" | "type" | "generic_type" | "type_parameter":
            return Role.TYPE, None
        case "subscript" if parent.text().startswith(("Literal", "typing.Literal", "t.Literal")):
            return Role.TYPE, None
        case "pair":
            return _role_in_pair(parent, node)
        case "arguments" | "argument_list":
            return _role_in_call(parent)
        case "switch_case":
            return Role.HANDLED, _case_body(parent)
        case "binary_expression" | "comparison_operator" | "case_pattern" | "union_pattern":
            return Role.HANDLED, _consequence(parent)
        case kind if kind in _LISTS:
            return _role_in_list(code, parent)
        case "keyword_argument":
            return Role.SENT, None
        case _:
            return Role.OTHER, None


def _role_in_pair(pair: SgNode, node: SgNode) -> tuple[Role, SgNode | None]:
    key = pair.field("key")
    if key == node:
        return Role.HANDLED, pair.field("value")
    return (Role.SENT if key is not None and string_value(key) == "type" else Role.OTHER), None


def _role_in_call(arguments: SgNode) -> tuple[Role, SgNode | None]:
    call = arguments.parent()
    called = last_name(call.field("function")) if call is not None else ""
    if call is not None and called in _LISTENERS:
        handlers = arguments_of(call)[1:]
        return Role.HANDLED, handlers[0] if handlers else _decorated(call)
    if called == "Literal":
        return Role.TYPE, None
    return (Role.LOGGED if _LOGGING.match(called) else Role.OTHER), None


def _decorated(call: SgNode) -> SgNode | None:
    decorator = call.parent()
    around = decorator.parent() if decorator is not None and decorator.kind() == "decorator" else None
    return around.field("definition") if around is not None else None


def _role_in_list(code: Code, listed: SgNode) -> tuple[Role, SgNode | None]:
    """A list counts if something is looked up in it, there or by its name; a list of what to log does not."""
    around = listed.parent()
    if around is None:
        return Role.OTHER, None
    if around.kind() in {"comparison_operator", "member_expression"}:
        return Role.HANDLED, _consequence(around)
    holder = next((each for each in listed.ancestors() if each.field("name") or each.field("left")), None)
    named = None if holder is None or is_function(holder) else holder.field("name") or holder.field("left")
    name = "" if named is None else named.text()
    if re.search(r"(?i)log|ignore|silent|quiet|noisy|skip", name):
        return Role.LOGGED, None
    return (Role.HANDLED if re.fullmatch(r"[\w.]+", name) and _is_looked_up(code, name) else Role.OTHER), None


def _is_looked_up(code: Code, name: str) -> bool:
    """Whether the file looks something up in a list, by the name of the list. It is searched once for each name."""
    if name not in code.looked_up:
        lookup = rf"\bin\s+{re.escape(name)}\b|\b{re.escape(name)}\.(?:{'|'.join(_MEMBERSHIP)})\("
        code.looked_up[name] = re.search(lookup, code.text) is not None
    return code.looked_up[name]


def _case_body(case: SgNode) -> SgNode:
    """Return the case whose statements run: the first one below with any."""
    for _ in range(_MAX_FALL_THROUGH):
        if len([child for child in case.children() if child.is_named() and child.kind() != "comment"]) != 1:
            break
        below = case.next()
        while below is not None and below.kind() == "comment":
            below = below.next()
        if below is None or below.kind() not in {"switch_case", "switch_default"}:
            break
        case = below
    return case


def _consequence(node: SgNode) -> SgNode | None:
    """Return what runs if the condition that a node belongs to holds."""
    for around in node.ancestors():
        match around.kind():
            case "if_statement" | "elif_clause" | "case_clause":
                return around.field("consequence")
            case kind if kind not in _CONDITIONS:
                return None
    return None


def realtime_names(uses: list[EventUse]) -> Iterator[EventUse]:
    """Yield the uses that handle an event of the service; `error` is an event of many things."""
    yield from (use for use in uses if use.role is Role.HANDLED and use.name != "error")
