"""The rule about error events: whether anything in a file takes them. Values only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lint.analysis.forwarding import DELTAS, forwards_all, uses_by_function
from probes.lint.analysis.handlers import EventUse, Role
from probes.lint.rule import Found, Rule
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode

#: Code that looks for an error in any event.
_READS_ERROR = re.compile(r"(?i:event|data|message|msg|response|evt|payload)[?!]?\.error\b|get\(\s*[\"']error[\"']")
#: Any function that gets every event may look at errors, unless it only logs.
_HANDS_ON = re.compile(
    r"^(?!(?:\w*log\w*|_?print\w*|debug|info|warn|stringify|dumps|parse|loads|isinstance|str|len)$)\w+$", re.IGNORECASE
)
#: Names of sockets, whose error listeners are about the connection.
_SOCKET = re.compile(
    r"(?i)(?:ws|socket|sock|conn(?:ection)?|server|process|stream|recorder|player|audio|pc|dc|peer|channel|app)\d*$"
)


def _unhandled_errors(code: RealtimeCode) -> Iterator[Found]:
    if _handles_errors(code):
        return
    for function, uses in uses_by_function(code).items():
        names = {use.name for use in uses}
        enough = _ENOUGH_WITH_DELTAS if any(map(DELTAS.match, names)) else _ENOUGH_WITHOUT
        if len(names) < enough or (enough == _ENOUGH_WITHOUT and not names & _LIFECYCLE):
            continue
        first = min(uses, key=lambda use: (not DELTAS.match(use.name), _line_of(use)))
        bodies = {body for use in uses if (body := use.body) is not None}
        if not any(map(_has_default, uses[:_MAX_USES])) and not forwards_all(code, function, bodies, _HANDS_ON):
            yield Found(first.string)


#: A function that handles fewer events may be one of several that share the work.
_ENOUGH_WITH_DELTAS, _ENOUGH_WITHOUT = 2, 3
#: Chains are looked at from so many of their events; all events of one chain give the same answer.
_MAX_USES = 20
_LIFECYCLE = frozenset({"session.created", "session.updated", "response.created", "response.done"})
_READER_WORDS = (
    "response.output_",
    "response.audio",
    "response.text",
    "session.created",
    "session.updated",
    "response.done",
)


def _line_of(use: EventUse) -> int:
    return use.string.range().start.line


def _handles_errors(code: RealtimeCode) -> bool:
    """Whether anything in the file takes error events; the listeners of sockets are about connections."""
    if "server.*" in code.strings:  # a listener for all events
        return True
    for use in code.events:
        if use.name == "error" and use.role in {Role.HANDLED, Role.OTHER} and not _is_socket_listener(use.string):
            return True
    return bool(_READS_ERROR.search(code.text))


def _is_socket_listener(string: SgNode) -> bool:
    arguments = string.parent()
    call = arguments.parent() if arguments is not None else None
    function = call.field("function") if call is not None else None
    holder = function.field("object") if function is not None else None
    return holder is not None and bool(_SOCKET.search(holder.text()))


def _has_default(use: EventUse) -> bool:
    """Whether the chain or switch that a use belongs to has a branch for all other events that uses them."""
    for around in use.string.ancestors():
        match around.kind():
            case "switch_statement":
                return _uses_event(around, "switch_default")
            case "match_statement":
                return bool(re.search(r"case\s+(?:_|[a-z]\w*)\s*:(?!\s*(?:pass|continue)\b)", around.text()))
            case "if_statement":
                if _uses_event(around, "else_clause"):
                    return True
            case "function_definition" | "function_declaration" | "method_definition":
                return False
    # A table with a fallback looks like `HANDLERS.get(type, unhandled)`; what it does is not seen.
    parent = use.string.parent()
    return parent is not None and parent.kind() == "pair"


_NAMES_EVENT = re.compile(r"(?i)event|data|message|msg|response|evt|type")


def _uses_event(statement: SgNode, kind: str) -> bool:
    """Whether the last branch of a statement mentions the event, other than to test it again."""
    waiting = [statement]
    while waiting:
        node = waiting.pop()
        for child in node.children():
            if child.kind() == kind:
                inner = [each for each in child.children() if each.kind() == "if_statement"]
                if not inner and _NAMES_EVENT.search(child.text()[len("else") :]):
                    return True
                waiting += inner
            elif child.kind() == "switch_body":
                waiting.append(child)
    return False


ERROR_UNHANDLED = Rule(
    id="error-event-unhandled",
    severity=Severity.WARNING,
    title="Error events are not handled",
    cause="Refusals of key, model, credit and configuration arrive as an error event. If it is ignored, only "
    "silence or a close remains visible.",
    fix="Handle error: log code, param and message; a fatal error is followed by a close",
    find=_unhandled_errors,
    keywords=_READER_WORDS,
)
