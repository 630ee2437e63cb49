"""Rules about how things end: closes, failures, retries. Values only; see `rules.py`."""

from __future__ import annotations

from probes.lint.rule import Family, Rule, Shape
from probes.lint.rules.patterns import (
    PYTHON,
    SCRIPT,
    Grammar,
    all_of,
    both,
    call_of,
    child,
    deep,
    in_file,
    kind,
    literal,
    looks_like,
    method,
    no,
    one_of,
    quoted,
    speaks_realtime,
    text,
    under,
    within,
)
from reports.model import Severity

_CONNECTS = r"(?i)^(?:(?:this|self)\.)?_?(?:re_?)?(?:connect|open_?socket|open_?connection)\w*$"
_FUNCTIONS = kind("arrow_function", "function_expression")


def _on_close() -> Shape:
    """The function that a script runs when a socket closes."""
    listener = all_of(
        method(SCRIPT, "on|once|addEventListener"), child(all_of(kind("arguments"), child(literal(SCRIPT, "close"))))
    )
    assigned = {"kind": "assignment_expression", "has": {"field": "left", "regex": r"\.onclose$"}}
    return all_of(_FUNCTIONS, one_of(under(all_of(kind("arguments"), under(listener))), under(assigned)))


def _waits(g: Grammar) -> Shape:
    regex = (
        r"(?i)setTimeout|sleep|delay|back_?off|retry|attempt|setInterval"
        if g is SCRIPT
        else r"(?i)sleep|back_?off|delay|retry|attempt"
    )
    return looks_like(regex)


def _reconnects_at_once() -> Shape:
    handler = all_of(_on_close(), no(_waits(SCRIPT)))
    whole = {"inside": {**handler, "stopBy": kind(*SCRIPT.functions)}}
    return all_of(call_of(SCRIPT, looks_like(_CONNECTS)), whole, speaks_realtime(SCRIPT))


def _loops_at_once() -> Shape:
    opened = call_of(
        PYTHON, looks_like(r"(?:^|\.)(?:websockets\.connect|realtime\.connect|ws_connect|create_connection)$")
    )
    caught = deep({"kind": "except_clause", "regex": r"(?:pass|continue|print\(.*\)|log\w*\.\w+\(.*\))\s*$"})
    endless = {"has": {"field": "condition", "regex": "^True$"}}
    return all_of(kind("while_statement"), endless, deep(opened), caught, no(_waits(PYTHON)), speaks_realtime(PYTHON))


RECONNECT_AT_ONCE = Rule(
    id="reconnect-at-once",
    severity=Severity.WARNING,
    title="A lost connection is opened again at once, again and again",
    why="What was refused for its key, model or credit is refused again in a second: a storm that hides the reason and "
    "uses up the limits.",
    fix="Wait longer each time (1 s, 2 s, 4 s, with chance in it), and stop at once at what can't get better",
    looks={Family.SCRIPT: _reconnects_at_once(), Family.PYTHON: _loops_at_once()},
    words=("onclose", '"close"', "'close'", "while true"),
)


def _fine_ends(g: Grammar) -> Shape:
    """1001 is told apart as an end that needs nothing: return on it, or reconnect only on others."""
    if g is not SCRIPT:
        return one_of(_closed_well(), _returns_on_1001(g))
    unless = all_of(
        kind("if_statement"),
        {"has": {"field": "condition", "regex": r"!==?\s*1001\b"}},
        {"has": {"field": "consequence", **_calls_again()}},
    )
    return one_of(unless, _returns_on_1001(g))


def _calls_again() -> Shape:
    again = looks_like(r"(?i)re_?connect|retry")
    call = call_of(SCRIPT, one_of(again, looks_like(_CONNECTS)))
    return one_of(deep(call), deep(all_of(kind("identifier"), again)))


def _returns_on_1001(g: Grammar) -> Shape:
    left = r"===?\s*1001\b" if g is SCRIPT else r"(?:==\s*1001\b|in\s*[(\[{][^)\]}]*\b1001\b)"
    condition = {"has": {"field": "condition", "regex": left}}
    returning = {"has": {"field": "consequence", "regex": r"^(?:\{\s*)?return\b[^;{}]*;?(?:\s*\})?$"}}
    return all_of(kind("if_statement"), condition, returning)


def _closed_well() -> Shape:
    """`except ConnectionClosedOK: return`: 1001 arrives as such, and is the service's maximum duration."""
    named = looks_like(r"^except\s+(?:[\w.]+\.)?ConnectionClosedOK\b")
    nothing = child(
        {"kind": "block", "regex": r"^(?:(?:logg(?:er|ing)\.\w+|print)\(.*\)\s*)?(?:pass|return|break)\s*$"}
    )
    return all_of(kind("except_clause"), named, nothing)


CLOSE_AS_FINE = Rule(
    id="close-as-fine",
    severity=Severity.WARNING,
    title="The close that ends a session for its age is taken for a good end",
    why="At its maximum duration (60 minutes; 30 on Azure) the service closes with 1001, which libraries call a clean "
    "close. The caller is in the middle of a sentence.",
    fix="Only a close that was asked for is an end: open a fresh session on any other, or before session.expires_at",
    looks=both(lambda g: all_of(_fine_ends(g), speaks_realtime(g))),
    words=("1001", "connectionclosedok"),
)


def _retried_quota(g: Grammar) -> Shape:
    number = all_of(kind("number" if g is SCRIPT else "integer"), looks_like("^1013$"))
    collection = one_of(kind(*g.lists), *([] if g is SCRIPT else [kind("set")]))
    names = r"(?i)retr|recover|reconnect|transient|temporary"
    holder = (
        {"kind": "variable_declarator", "has": {"field": "name", "regex": names}}
        if g is SCRIPT
        else {"kind": "assignment", "has": {"field": "left", "regex": names}}
    )
    listed = all_of(number, under(collection), within(holder))
    test = {"has": {"field": "condition", "regex": r"insufficient_quota|===?\s*1013\b"}}
    again = {"has": {"field": "consequence", **one_of(deep(_called_again(g)), _called_again(g))}}
    return one_of(
        listed, all_of(kind("if_statement"), test, no({"has": {"field": "condition", "regex": r"!==?|\bnot\b"}}), again)
    )


def _called_again(g: Grammar) -> Shape:
    return call_of(g, looks_like(r"(?i)(?:retry|re_?connect)\w*$"))


QUOTA_RETRIED = Rule(
    id="quota-retried",
    severity=Severity.WARNING,
    title="A close for want of credit is tried again",
    why="The service says insufficient_quota with close 1013, which elsewhere means: try again later. Credit does not "
    "come back by trying.",
    fix="Read error.code before the close code: stop on insufficient_quota and on the other billing codes",
    looks=both(lambda g: all_of(_retried_quota(g), speaks_realtime(g))),
    words=("1013", "insufficient_quota"),
)

_HANDLED = "response.done"


def _awaits(g: Grammar, *types: str) -> Shape:
    """The place where one of these events is told from others."""
    if g is SCRIPT:
        compared = {"kind": "binary_expression", "has": {"field": "operator", "regex": "^===?$"}}
        case = {"kind": "switch_case"}
        listener = all_of(kind("arguments"), under(method(g, "on|once|addEventListener")))
        return all_of(literal(g, *types), under(one_of(case, compared, listener)))
    return all_of(literal(g, *types), under(one_of(kind("comparison_operator"), kind("case_pattern"))))


def _ignores_failure(g: Grammar) -> Shape:
    # Not only `status`: whoever hands the response on may look at it elsewhere.
    looked = one_of(
        text(g, quoted("failed|incomplete|status|status_details")),
        all_of(
            kind("property_identifier") if g is SCRIPT else kind("identifier"),
            looks_like(r"^(?:status|statusDetails|status_details)$"),
        ),
    )
    handles = in_file(
        _awaits(
            g,
            "response.output_audio.delta",
            "response.audio.delta",
            "response.output_text.delta",
            "response.text.delta",
        ),
    )
    return all_of(_awaits(g, _HANDLED), no(in_file(looked)), handles)


FAILURE_IGNORED = Rule(
    id="failed-response-ignored",
    severity=Severity.WARNING,
    title="Nobody looks whether a response failed",
    why="A response that fails (no credit, rate limit, a fault of the service) ends in response.done with status "
    "failed and without an error event: the caller hears silence.",
    fix="In response.done look at response.status, and at response.status_details.error where it is failed",
    looks=both(_ignores_failure),
    words=(_HANDLED,),
)


def _realtime_switch() -> Shape:
    return all_of(
        kind("switch_statement"),
        deep(
            {
                "kind": "switch_case",
                "has": {
                    "field": "value",
                    **literal(SCRIPT, _HANDLED, "response.created", "session.created", "session.updated"),
                },
            }
        ),
    )


ERROR_UNHANDLED = Rule(
    id="error-event-unhandled",
    severity=Severity.WARNING,
    title="Error events fall through",
    why="Refusals of key, model, credit and configuration arrive as an error event; without it only silence or a close "
    "is left to see.",
    fix="Handle error: log code, param and message; what ends the session is followed by a close",
    looks={
        Family.SCRIPT: all_of(
            _realtime_switch(),
            no(deep(kind("switch_default"))),
            no(in_file(text(SCRIPT, quoted("error")))),
        ),
        Family.PYTHON: all_of(
            kind("match_statement"),
            deep(
                all_of(
                    kind("case_pattern"),
                    deep(literal(PYTHON, _HANDLED, "response.created", "session.created", "session.updated")),
                )
            ),
            no(deep(all_of(kind("case_pattern"), looks_like("^_$|^[a-z_]+$")))),
            no(in_file(text(PYTHON, quoted("error")))),
        ),
    },
    words=(_HANDLED, "response.created", "session.created", "session.updated"),
)


def _ends_on_error(g: Grammar) -> Shape:
    close = call_of(g, looks_like(r"(?i)(?:ws|socket|openai\w*|upstream|connection|conn)\??\.close$"))
    if g is SCRIPT:
        case = all_of(
            {"kind": "switch_case", "has": {"field": "value", **literal(g, "error")}}, within(_any_realtime_switch())
        )
        return all_of(close, _straight_in(case, ("if_statement", *SCRIPT.functions)))
    block = {"kind": "block", "inside": {**_error_test(), "field": "consequence"}}
    return all_of(close, _straight_in(one_of(block), ("if_statement", "function_definition")), speaks_realtime(g))


def _error_test() -> Shape:
    return all_of(
        kind("if_statement", "elif_clause"),
        {"has": {"field": "condition", "regex": r"(?:type|kind)\W*\s*==\s*['\"]error['\"]$"}},
    )


def _any_realtime_switch() -> Shape:
    """A switch over events, whichever of them it knows."""
    name = r"(?:response|session|input_audio_buffer|conversation\.item)\.[a-z_.]+"
    value = {"field": "value", **text(SCRIPT, quoted(name))}
    return all_of(kind("switch_statement"), deep({"kind": "switch_case", "has": value}))


def _straight_in(shape: Shape, stops: tuple[str, ...]) -> Shape:
    return {"inside": {**shape, "stopBy": kind(*stops)}}


ERROR_ENDS_SESSION = Rule(
    id="error-ends-session",
    severity=Severity.WARNING,
    title="Any error event ends the session",
    why="Most errors only refuse one message (response_cancel_not_active is an everyday one) and the session goes on. "
    "What is fatal is followed by the service's own close.",
    fix="Log it and go on; leave the end to the close",
    looks=both(_ends_on_error),
    words=('"error"', "'error'"),
)
