"""Rules about sockets to the service: their listeners, and what is sent on them without a look. Values only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import arguments_of
from probes.lint.analysis.code import is_function, last_name, string_value
from probes.lint.languages import LanguageFamily
from probes.lint.rule import Found, Rule, Scope
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode

_USES_WS = re.compile(r"""from\s+['"]ws['"]|require\(\s*['"]ws['"]\s*\)""")
_SCRIPT_ONLY = (LanguageFamily.SCRIPT,)


def _uncaught_parses(code: RealtimeCode) -> Iterator[Found]:
    """Find JSON.parse of a frame directly in a listener for frames of `ws`, outside of any try."""
    if not _USES_WS.search(code.text):
        return
    for call in code.calls.get("parse", ()):
        if call.text().startswith("JSON.parse(") and _parses_frame(code, call):
            yield Found(call)


def _parses_frame(code: RealtimeCode, call: SgNode) -> bool:
    function = code.function_around(call)
    if function is None:
        return False
    for around in call.ancestors():
        if around.kind() == "try_statement":
            return False
        if around == function:
            break
    listener = function.parent()
    listening = listener.parent() if listener is not None else None
    if listening is None or last_name(listening.field("function")) not in {"on", "once"}:
        return False
    first = arguments_of(listening)[0]
    parameters = function.field("parameters") or function.field("parameter")
    names = re.findall(r"\w+", parameters.text()) if parameters is not None else []
    argument = arguments_of(call)
    return (
        string_value(first) == "message" and bool(argument) and re.findall(r"\w+", argument[0].text())[:1] == names[:1]
    )


JSON_PARSE_UNCAUGHT = Rule(
    id="json-parse-uncaught",
    severity=Severity.WARNING,
    scope=Scope.SERVICE,
    title="A frame that isn't JSON ends the process",
    cause="JSON.parse throws inside the listener, nothing catches it, and Node ends the process with every call in it.",
    fix="Put JSON.parse into try and catch; log and drop what can't be parsed",
    find=_uncaught_parses,
    families=_SCRIPT_ONLY,
    keywords=("json.parse",),
)

_UPSTREAM_URL = re.compile(r"api\.openai\.com/v1/realtime|openai\.azure\.com\S*/realtime|/openai/(?:v1/)?realtime")


def _deaf_sockets(code: RealtimeCode) -> Iterator[Found]:
    """Find sockets of `ws` to the service that nobody listens to for errors or for the close."""
    if not _USES_WS.search(code.text):
        return
    for made in code.of_kind("new_expression"):
        constructor, name = made.field("constructor"), _held_by(made)
        if constructor is None or last_name(constructor) != "WebSocket" or not name:
            continue
        first = next(iter(arguments_of(made)), None)
        if first is None or not any(map(_UPSTREAM_URL.search, [*code.values.texts(first), first.text()])):
            continue
        missing = [event for event in ("error", "close") if not _listens(code.text, name, event)]
        if missing and not _is_handed_on(code, name):
            yield Found(made)


def _held_by(made: SgNode) -> str:
    parent = made.parent()
    holder = None if parent is None else parent.field("name") or parent.field("left")
    return "" if holder is None else holder.text()


def _listens(text: str, name: str, event: str) -> bool:
    path = rf"{re.escape(name)}[?!]?"
    listener = rf"{path}\s*\.(?:on|once|addEventListener|addListener)\(\s*['\"`]{event}['\"`]"
    return bool(re.search(rf"{listener}|{path}\.on{event}\s*=", text))


def _is_handed_on(code: RealtimeCode, name: str) -> bool:
    """Whether the socket is returned, stored elsewhere or passed to a function, which may listen."""
    path = re.escape(name)
    returned = rf"return\s+(?:\{{[^}}]*\b)?{path}\b(?!\.)"
    return bool(re.search(rf"{returned}|[(,]\s*{path}\s*[,)]|[=:]\s*{path}\s*[;,\n}}]", code.text))


SOCKET_LISTENER_MISSING = Rule(
    id="socket-listener-missing",
    severity=Severity.WARNING,
    title="Nothing listens for the error or the close of a socket",
    cause="Without an error listener a failed connection ends the Node process; without a close listener the end "
    "of the session goes unnoticed, and the caller hears silence.",
    fix="Add both: ws.on('error', ...) and ws.on('close', (code, reason) => ...)",
    find=_deaf_sockets,
    families=_SCRIPT_ONLY,
    keywords=("websocket",),
)

_UPSTREAM_NAME = re.compile(r"(?i)(?:openai|upstream|\boai)\w*$")
#: Words of telephone providers' media streams, whose frames have an `event` and no `type`.
_MEDIA_STREAM = re.compile(r"""(?:get\(\s*|\[)?['"]event['"]|\.event\b""")
_PARSES = re.compile(r"^(?:JSON\.parse|json\.loads)\((.+)\)$", re.DOTALL)


def _foreign_messages(code: RealtimeCode) -> Iterator[Found]:
    """Find frames of a telephone provider that are sent on to the service as they came."""
    for verb in ("send", "send_text", "send_str"):
        for call in code.calls.get(verb, ()):
            function = call.field("function")
            holder = function.field("object") if function is not None else None
            if holder is not None and _UPSTREAM_NAME.search(holder.text()) and _sends_foreign(code, call):
                yield Found(call)


def _sends_foreign(code: RealtimeCode, call: SgNode) -> bool:
    arguments = arguments_of(call)
    found = re.fullmatch(r"(?:JSON\.stringify|json\.dumps)\(\s*(\w+)\s*\)", arguments[0].text()) if arguments else None
    if found is None:
        return False
    function = code.function_around(call)
    values = [binding.value.text() for binding in code.bindings.get(found[1], []) if binding.scope == function]
    parsed = bool(values) and all(map(_PARSES.match, values))
    changed = re.search(rf"\b{found[1]}(?:\.type|\[['\"]type['\"]\])\s*=[^=]", code.text)
    return parsed and changed is None and function is not None and _tests_media(code, found[1], function)


def _tests_media(code: RealtimeCode, name: str, function: SgNode) -> bool:
    text = function.text()
    reads_event = re.search(rf"\b{name}(?:\.get\(\s*['\"]event['\"]|\[['\"]event['\"]\]|\.event\b)", text)
    return bool(reads_event) and "media" in code.strings


FOREIGN_MESSAGE_SENT = Rule(
    id="untyped-message-sent",
    severity=Severity.WARNING,
    title="A telephone provider's frame is sent to the service as it came",
    cause="Frames of media streams have no type: the service answers each with the error invalid_request_error, and "
    "no audio reaches it.",
    fix='Send {"type": "input_audio_buffer.append", "audio": <payload of the media frame>}',
    find=_foreign_messages,
    keywords=("'media'", '"media"', "`media`"),
    and_keywords=(("send",),),
)


def _endless_reconnects(code: RealtimeCode) -> Iterator[Found]:
    """Find close handlers that connect again after a fixed time, whatever the reason, without an end."""
    for timer in code.calls.get("setTimeout", ()):
        arguments = arguments_of(timer)
        handler = _close_handler(timer)
        if len(arguments) < _TIMER_ARGUMENTS or handler is None or not _RECONNECTS.search(arguments[0].text()):
            continue
        delay = arguments[1].text()
        if delay in {"0", "1"} or (re.fullmatch(r"[\d_]+|[A-Z_]+", delay) and not _CAN_END.search(handler.text())):
            yield Found(timer)


_TIMER_ARGUMENTS = 2
_RECONNECTS = re.compile(r"(?i)(?:^|[\s.])(?:re)?_?(?:connect|open_?socket|start_?session)\w*(?:\(|$)")
#: Words of a handler that knows an end: it counts, asks for the code, or whether the close was wanted.
_CAN_END = re.compile(
    r"(?i)attempt|retr(?:y|ies)|max|\bcode\b|count|intentional|should|manual|stop|destroy|unmount|disposed|closing|shut|active"
)


def _close_handler(node: SgNode) -> SgNode | None:
    """Return the function around a node that runs when a socket closes."""
    for around in node.ancestors():
        if not is_function(around):
            continue
        parent = around.parent()
        left = parent.field("left") if parent is not None else None
        if left is not None and last_name(left) == "onclose":
            return around
        call = parent.parent() if parent is not None else None
        arguments = arguments_of(call) if call is not None and call.kind() == "call_expression" else []
        if arguments and string_value(arguments[0]) == "close":
            return around
    return None


RECONNECT_ENDLESS = Rule(
    id="reconnect-endless",
    severity=Severity.WARNING,
    title="A lost connection is reopened for ever, whatever the reason",
    cause="A refusal for a bad key, model or missing credit repeats on every attempt, and at a fixed interval all "
    "callers come back at once.",
    fix="Look at the close code and at the error before it, double the delay with jitter, and give up after a while",
    find=_endless_reconnects,
    families=_SCRIPT_ONLY,
    keywords=("settimeout",),
)
