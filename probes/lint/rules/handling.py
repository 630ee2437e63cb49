"""Rules about the events that a file handles: failures, errors, and responses of several parts. Values only."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from probes.lint.analysis.code import last_name
from probes.lint.analysis.handlers import EventUse, Role, realtime_names
from probes.lint.analysis.values import arguments_of, parameters_of
from probes.lint.rule import Found, Rule
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode

_RESPONSE_DONE = "response.done"
#: What a handler that plays or shows responses waits for, under the names of both dialects.
_DELTAS = re.compile(r"^response\.(?:output_)?(?:audio|text|audio_transcript)\.(?:delta|done)$")
#: Code that looks at how a response ended.
_READS_STATUS = re.compile(
    r"\.status\b(?!_?[cC]ode|\()|[\"']status[\"']\s*\]|get\(\s*[\"']status|status_?[dD]etails|[{,]\s*status\b[^:={]*\}\s*="
    r"|[\"'](?:failed|incomplete|cancelled|completed)[\"']|(?i:(?:response|event|data|message|msg)\w*)[?!]?\.error\b"
)
#: Code that looks for an error in any event.
_READS_ERROR = re.compile(r"(?i:event|data|message|msg|response|evt|payload)[?!]?\.error\b|get\(\s*[\"']error[\"']")
_SENDS = re.compile(
    r"(?i)^(?:send\w*|post_?message|emit|broadcast|dispatch\w*|put(?:_nowait)?|publish|forward\w*|yield)$"
)
#: Any function that gets every event may look at errors, unless it only logs.
_HANDS_ON = re.compile(
    r"^(?!(?:\w*log\w*|_?print\w*|debug|info|warn|stringify|dumps|parse|loads|isinstance|str|len)$)\w+$", re.IGNORECASE
)
_LOGS = re.compile(
    r"(?i)^(?:\w*log\w*|print|debug|info|warn(?:ing)?|error|trace|stringify|dumps|parse|loads|isinstance|str)$"
)
#: Names of sockets, whose error listeners are about the connection.
_SOCKET = re.compile(r"(?i)(?:ws|socket|sock|conn(?:ection)?|server|process|stream|recorder|player|audio|pc|app)\d*$")


def _by_function(code: RealtimeCode) -> dict[SgNode | None, list[EventUse]]:
    groups: dict[SgNode | None, list[EventUse]] = defaultdict(list)
    for use in realtime_names(code.events):
        if use.body is not None:
            groups[use.function].append(use)
    return groups


def _ignored_failures(code: RealtimeCode) -> Iterator[Found]:
    for function, uses in _by_function(code).items():
        if not any(_DELTAS.match(use.name) for use in uses):
            continue
        bodies = {body for use in uses if (body := use.body) is not None}
        done = [use for use in uses if use.name == _RESPONSE_DONE]
        if not done or _forwards_all(code, function, bodies):
            continue
        for use in done:
            if use.body is not None:
                for body in _code_of(code, use.body):
                    if not _looks_at_failure(code, body, _event_names(code, use, body), frozenset()):
                        yield Found(use.string)


def _code_of(code: RealtimeCode, body: SgNode) -> list[SgNode]:
    """Return what runs: the body itself, or the functions of this file that it names; empty if they are elsewhere."""
    if body.kind() in {"identifier", code.grammar.member}:
        return code.functions.get(last_name(body), [])[:1]
    return [body]


#: Names of events where the code doesn't show which variable holds one.
_USUAL_NAMES = frozenset({"event", "data", "message", "msg", "response", "evt", "e", "payload", "parsed"})
_BRANCHES = frozenset({"if_statement", "elif_clause", "switch_statement", "match_statement"})
_TYPE_OF = re.compile(r"(\w+)(?:[?!]?\.(?:type|get\(\s*['\"]type)\b|\[['\"]type)")


def _event_names(code: RealtimeCode, use: EventUse, body: SgNode) -> frozenset[str]:
    """Return the names of the variable whose type is compared: `event` of `event.type === "response.done"`."""
    if body.kind() in {"arrow_function", "function_expression", "function_definition", "method_definition", "lambda"}:
        return frozenset(parameters_of(body))
    for around in use.string.ancestors():
        subject = around.field("condition") or around.field("value") or around.field("subject")
        if subject is None or around.kind() not in {
            "if_statement",
            "elif_clause",
            "switch_statement",
            "match_statement",
        }:
            continue
        texts = [
            subject.text(),
            *(bound.value.text() for name in _words(subject) for bound in code.bindings.get(name, [])),
        ]
        found = next((match[1] for text in texts if (match := _TYPE_OF.search(text))), None)
        return frozenset({found}) if found else _USUAL_NAMES
    return _USUAL_NAMES


def _words(node: SgNode) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", node.text())[:10]


#: What stands before a response that is returned, passed, or made part of another object.
_HANDED_ON = re.compile(r"(?:[:(,]|\breturn)\s*$")


def _responses_in(text: str, names: frozenset[str]) -> list[str]:
    """Return what stands before each whole response in a text: `event.response` that no `.output` follows."""
    whole = re.compile(rf"\b(?:{'|'.join(map(re.escape, names)) or '(?!)'})[?!]?\.response\b(?!\s*\??[.\[])")
    return [text[max(0, found.start() - 20) : found.start()] for found in whole.finditer(text)]


def _looks_at_failure(code: RealtimeCode, body: SgNode, names: frozenset[str], seen: frozenset[str]) -> bool:
    """Whether code reads the status of a response, or hands the response to code that may."""
    if _READS_STATUS.search(body.text()) or any(map(_HANDED_ON.search, _responses_in(body.text(), names))):
        return True
    for call in _calls_in(code, body):
        called, arguments = last_name(call.field("function")), arguments_of(call)
        if _LOGS.match(called) or called in seen or not arguments or not _is_event(arguments[0], names):
            continue
        inner = code.functions.get(called)
        if inner is None:
            return True
        if any(_looks_at_failure(code, each, frozenset(parameters_of(each)), seen | {called}) for each in inner):
            return True
    return False


def _is_event(argument: SgNode, names: frozenset[str]) -> bool:
    """Whether an argument is an event or its response: a name, or `event.response`."""
    text = argument.text()
    found = re.fullmatch(r"(\w+)(?:[?!]?\.response|\[['\"]response['\"]\])?", text)
    if found is not None:
        return found[1] in names
    # Made into another object: `ResponseDone(**event)`, `cast(ResponseDone, event)`.
    inner = re.findall(r"(\w+)(?![\w.?!\[(])", text) if text.endswith(")") else []
    return not names.isdisjoint(inner)


def _calls_in(code: RealtimeCode, node: SgNode) -> list[SgNode]:
    waiting, found = [node], []
    while waiting:
        each = waiting.pop()
        if each.kind() == code.grammar.call:
            found.append(each)
        waiting.extend(child for child in each.children() if child.is_named())
    return found


def _forwards_all(
    code: RealtimeCode, function: SgNode | None, bodies: set[SgNode], verbs: re.Pattern[str] = _SENDS
) -> bool:
    """Whether a function hands every event on before or beside looking at it, as a proxy does."""
    if function is None:
        return False
    for call in _calls_in(code, function):
        arguments = arguments_of(call)
        if not arguments or not verbs.match(last_name(call.field("function"))):
            continue
        around = set(call.ancestors())
        if (
            not (around & bodies)
            and not _is_conditional(call, function)
            and _is_whole_event(code, arguments[0], function)
        ):
            return True
    return False


def _is_conditional(call: SgNode, function: SgNode) -> bool:
    below = set(call.ancestors())
    for around in call.ancestors():
        if around == function:
            return False
        if around.kind() in {"if_statement", "elif_clause", "switch_case", "case_clause"}:
            condition = around.field("condition")
            if condition is not None and (condition == call or condition in below):
                continue  # it is what is asked, not what depends on it
            if condition is None or not re.search(r"(?i)open|ready|connected|is_?alive", condition.text()):
                return True
    return False


def _is_whole_event(code: RealtimeCode, argument: SgNode, function: SgNode) -> bool:
    """Whether an argument is the frame or the event: a parameter, a loop's variable, or what was parsed of it."""
    text = re.sub(r"^(?:JSON\.stringify|json\.dumps|str)\((\w+)[^()]*\)$", r"\1", argument.text())
    text = re.sub(r"(?:\.toString\(\)|\.data|\.decode\(\)|\.model_dump(?:_json)?\([^()]*\)|\.to_json\(\))$", "", text)
    if not re.fullmatch(r"\w+", text):
        return False
    bound = code.bindings.get(text, [])
    parsed = any(
        binding.scope == function and re.search(r"parse|loads|recv", binding.value.text()) for binding in bound
    )
    looped = any(re.search(rf"\bfor\b[^\n:{{]*\b{text}\b\s+(?:in|of)\b", line) for line in function.text().splitlines())
    return parsed or looped or text in parameters_of(function)


FAILURE_IGNORED = Rule(
    id="failed-response-ignored",
    severity=Severity.WARNING,
    title="The status of a response isn't checked",
    cause="A response that fails (no credit, rate limit, server error) ends in response.done with status failed "
    "and without an error event: the caller hears silence.",
    fix="In response.done check response.status, and if it is failed, response.status_details.error",
    find=_ignored_failures,
    keywords=(_RESPONSE_DONE,),
)


def _unhandled_errors(code: RealtimeCode) -> Iterator[Found]:
    if _handles_errors(code):
        return
    for function, uses in _by_function(code).items():
        names = {use.name for use in uses}
        enough = _ENOUGH_WITH_DELTAS if any(map(_DELTAS.match, names)) else _ENOUGH_WITHOUT
        if len(names) < enough or (enough == _ENOUGH_WITHOUT and not names & _LIFECYCLE):
            continue
        first = min(uses, key=lambda use: (not _DELTAS.match(use.name), _line_of(use)))
        bodies = {body for use in uses if (body := use.body) is not None}
        if not any(map(_has_default, uses[:_MAX_USES])) and not _forwards_all(code, function, bodies, _HANDS_ON):
            yield Found(first.string)


#: A function that handles fewer events may be one of several that share the work.
_ENOUGH_WITH_DELTAS, _ENOUGH_WITHOUT = 2, 3
#: Chains are looked at from so many of their events; all events of one chain give the same answer.
_MAX_USES = 20
_LIFECYCLE = frozenset({"session.created", "session.updated", "response.created", _RESPONSE_DONE})
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
                if not inner and re.search(
                    r"(?i)\b\w*(?:event|data|message|msg|response|evt|type)\w*\b", child.text()[4:]
                ):
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

_FIRST_OUTPUT = re.compile(
    r"response(?:[?!]?\.|\[['\"])output(?:['\"]\])?(?:\?\.)?\[0\](?:[?!]?\.|(?:\?\.)?\[['\"])content\b|\.output\[0\]\.content\b"
)


def _first_output_only(code: RealtimeCode) -> Iterator[Found]:
    done = [use.body for use in code.events if use.name == _RESPONSE_DONE and use.role is Role.HANDLED and use.body]
    for node in code.of_kind(code.grammar.member, "subscript", "subscript_expression") if done else ():
        text = node.text()[:_LONGEST_PATH]
        if text.rstrip("'\"]").endswith("content") and _FIRST_OUTPUT.search(text):
            around = node.ancestors()
            if any(body in around for body in done):
                yield Found(node)


#: A longer path is no plain `event.response.output[0].content`.
_LONGEST_PATH = 200


FIRST_OUTPUT_ONLY = Rule(
    id="first-output-only",
    severity=Severity.WARNING,
    title="Only the first item of a response is read",
    cause="A response may hold several messages: a commentary first, then the final answer (phase), and function "
    "calls. Whoever reads output[0] misses the answer.",
    fix="Go through all of response.output; the last message whose phase is not commentary is the answer",
    find=_first_output_only,
    keywords=("output[0]", "output?.[0]"),
)


def _response_within_response(code: RealtimeCode) -> Iterator[Found]:
    """Find response.create in the handler of response.output_item.done: the response that made the item still runs."""
    for use in code.events:
        if use.name != "response.output_item.done" or use.role is not Role.HANDLED or use.body is None:
            continue
        for message in code.messages("response.create"):
            around = list(message.ancestors())
            if use.body in around and "function_call" in use.body.text() and not _is_later(around, use.body):
                yield Found(message)


def _is_later(around: list[SgNode], body: SgNode) -> bool:
    """Whether a timer or another listener runs the code."""
    below = around[: around.index(body)]
    return any(
        node.kind() in {"call_expression", "call"}
        and last_name(node.field("function")) in {"setTimeout", "once", "on", "call_later", "create_task"}
        for node in below
    )


RESPONSE_WITHIN_RESPONSE = _response_within_response
