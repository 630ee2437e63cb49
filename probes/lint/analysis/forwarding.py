"""What a file does with all events, as opposed to one: by function, and whether a function hands each one on."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import arguments_of, parameters_of
from probes.lint.analysis.code import last_name
from probes.lint.analysis.handlers import EventUse, realtime_names

if TYPE_CHECKING:
    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode

#: What a handler that plays or shows responses waits for, under the names of both dialects.
DELTAS = re.compile(r"^response\.(?:output_)?(?:audio|text|audio_transcript)\.(?:delta|done)$")
SENDS = re.compile(
    r"(?i)^(?:send\w*|post_?message|emit|broadcast|dispatch\w*|put(?:_nowait)?|publish|forward\w*|yield)$"
)


def uses_by_function(code: RealtimeCode) -> dict[SgNode | None, list[EventUse]]:
    """Return the events that are handled, by the function that does it."""
    groups: dict[SgNode | None, list[EventUse]] = defaultdict(list)
    for use in realtime_names(code.events):
        if use.body is not None:
            groups[use.function].append(use)
    return groups


def calls_in(code: RealtimeCode, node: SgNode) -> list[SgNode]:
    """Return the calls in a node, at any depth."""
    waiting, found = [node], []
    while waiting:
        each = waiting.pop()
        if each.kind() == code.grammar.call:
            found.append(each)
        waiting.extend(child for child in each.children() if child.is_named())
    return found


def forwards_all(
    code: RealtimeCode, function: SgNode | None, bodies: set[SgNode], verbs: re.Pattern[str] = SENDS
) -> bool:
    """Whether a function hands every event on before or beside looking at it, as a proxy does."""
    if function is None:
        return False
    for call in calls_in(code, function):
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
