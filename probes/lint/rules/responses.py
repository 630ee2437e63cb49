"""Rules about responses: how they ended, what is in them, and when the next one may be requested. Values only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import arguments_of, parameters_of
from probes.lint.analysis.code import last_name
from probes.lint.analysis.forwarding import DELTAS, calls_in, forwards_all, uses_by_function
from probes.lint.analysis.handlers import EventUse, Role
from probes.lint.rule import Found, Rule
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode

_RESPONSE_DONE = "response.done"
#: Code that looks at how a response ended.
_READS_STATUS = re.compile(
    r"\.status\b(?!_?[cC]ode|\()|[\"']status[\"']\s*\]|get\(\s*[\"']status|status_?[dD]etails|[{,]\s*status\b[^:={]*\}\s*="
    r"|[\"'](?:failed|incomplete|cancelled|completed)[\"']|(?i:(?:response|event|data|message|msg)\w*)[?!]?\.error\b"
)
_LOGS = re.compile(
    r"(?i)^(?:\w*log\w*|print|debug|info|warn(?:ing)?|error|trace|stringify|dumps|parse|loads|isinstance|str)$"
)

#: Code that looks for function calls in a response, and takes one without any for an answer.
_READS_CALLS = re.compile(r"\boutput\b[\s\S]*?[\"']function_call[\"']")


def _ignored_failures(code: RealtimeCode) -> Iterator[Found]:
    for function, uses in uses_by_function(code).items():
        bodies = {body for use in uses if (body := use.body) is not None}
        done = [use for use in uses if use.name == _RESPONSE_DONE]
        if not any(DELTAS.match(use.name) for use in uses):
            done = [use for use in done if use.body is not None and _READS_CALLS.search(use.body.text())]
        if not done or forwards_all(code, function, bodies):
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
        if subject is None or around.kind() not in _BRANCHES:
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
    for call in calls_in(code, body):
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


_CALL_IS_COMPLETE = frozenset({"response.output_item.done", "response.function_call_arguments.done"})
#: Code that knows about a response that still runs, and may wait for its end.
_AWAITS_END = re.compile(
    r"(?i)active|in_?progress|pending|queue|(?<!a)wait|is_?(?:responding|speaking)|response_?done|busy"
)


def response_within_response(code: RealtimeCode) -> Iterator[Found]:
    """Find response.create where a function call is complete: the response that made the call still runs.

    In the branch itself, or in a function of this file that the branch calls.
    """
    messages = [(message, list(message.ancestors())) for message in code.messages("response.create")]
    for use in code.events if messages else ():
        if use.name not in _CALL_IS_COMPLETE or use.role is not Role.HANDLED or use.body is None:
            continue
        bodies = [] if use.name != "response.output_item.done" else [use.body]
        bodies += [function for function in _called_by(code, use.body) if not _AWAITS_END.search(function.text())]
        for body in bodies:
            if use.name == "response.output_item.done" and "function_call" not in use.body.text() + body.text():
                continue
            for message, around in messages:
                if body in around and not _is_later(around, body):
                    yield Found(message)


def _called_by(code: RealtimeCode, body: SgNode) -> Iterator[SgNode]:
    """Yield the functions of this file that code calls by a name that only one function has."""
    for call in calls_in(code, body):
        named = code.functions.get(last_name(call.field("function")), [])
        if len(named) == 1 and _is_called_here(call.field("function")):
            yield named[0]


def _is_called_here(function: SgNode | None) -> bool:
    """Whether a function is called by its name alone, or on the object itself."""
    return function is not None and re.fullmatch(r"(?:(?:this|self)\.)?#?\w+", function.text()) is not None


def _is_later(around: list[SgNode], body: SgNode) -> bool:
    """Whether a timer or another listener runs the code."""
    below = around[: around.index(body)]
    return any(
        node.kind() in {"call_expression", "call"}
        and last_name(node.field("function")) in {"setTimeout", "once", "on", "call_later", "create_task"}
        for node in below
    )
