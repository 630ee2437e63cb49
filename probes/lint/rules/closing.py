"""Rules about how things end: closes, failures, retries. Values only; see `rules.py`."""

from __future__ import annotations

from probes.lint.rule import LanguageFamily, Pattern, Rule
from probes.lint.rules.patterns import (
    PYTHON,
    SCRIPT,
    Grammar,
    all_of,
    any_of,
    call_of,
    file_contains,
    file_uses_realtime,
    for_all_languages,
    has_ancestor,
    has_child,
    has_descendant,
    has_parent,
    kind,
    matches_regex,
    method_call,
    none_of,
    quoted,
    string_literal,
    string_matching,
)
from reports.model import Severity

_CONNECTS = r"(?i)^(?:(?:this|self)\.)?_?(?:re_?)?(?:connect|open_?socket|open_?connection)\w*$"
_FUNCTIONS = kind("arrow_function", "function_expression")


def _on_close() -> Pattern:
    """The function that a script runs when a socket closes."""
    listener = all_of(
        method_call(SCRIPT, "on|once|addEventListener"),
        has_child(all_of(kind("arguments"), has_child(string_literal(SCRIPT, "close")))),
    )
    assigned = {"kind": "assignment_expression", "has": {"field": "left", "regex": r"\.onclose$"}}
    return all_of(_FUNCTIONS, any_of(has_parent(all_of(kind("arguments"), has_parent(listener))), has_parent(assigned)))


def _waits(g: Grammar) -> Pattern:
    regex = (
        r"(?i)setTimeout|sleep|delay|back_?off|retry|attempt|setInterval"
        if g is SCRIPT
        else r"(?i)sleep|back_?off|delay|retry|attempt"
    )
    return matches_regex(regex)


def _reconnects_at_once() -> Pattern:
    handler = all_of(_on_close(), none_of(_waits(SCRIPT)))
    whole = {"inside": {**handler, "stopBy": kind(*SCRIPT.functions)}}
    return all_of(call_of(SCRIPT, matches_regex(_CONNECTS)), whole, file_uses_realtime(SCRIPT))


def _loops_at_once() -> Pattern:
    opened = call_of(
        PYTHON, matches_regex(r"(?:^|\.)(?:websockets\.connect|realtime\.connect|ws_connect|create_connection)$")
    )
    caught = has_descendant({"kind": "except_clause", "regex": r"(?:pass|continue|print\(.*\)|log\w*\.\w+\(.*\))\s*$"})
    endless = {"has": {"field": "condition", "regex": "^True$"}}
    return all_of(
        kind("while_statement"),
        endless,
        has_descendant(opened),
        caught,
        none_of(_waits(PYTHON)),
        file_uses_realtime(PYTHON),
    )


RECONNECT_AT_ONCE = Rule(
    id="reconnect-at-once",
    severity=Severity.WARNING,
    title="A lost connection is opened again at once, again and again",
    cause="What was refused for its key, model or credit is refused again in a second: a storm that hides the "
    "reason and "
    "uses up the limits.",
    fix="Wait longer each time (1 s, 2 s, 4 s, with chance in it), and stop at once at what can't get better",
    patterns={LanguageFamily.SCRIPT: _reconnects_at_once(), LanguageFamily.PYTHON: _loops_at_once()},
    keywords=("onclose", '"close"', "'close'", "while true"),
)


def _fine_ends(g: Grammar) -> Pattern:
    """1001 is told apart as an end that needs nothing: return on it, or reconnect only on others."""
    if g is not SCRIPT:
        return any_of(_closed_well(), _returns_on_1001(g))
    unless = all_of(
        kind("if_statement"),
        {"has": {"field": "condition", "regex": r"!==?\s*1001\b"}},
        {"has": {"field": "consequence", **_calls_again()}},
    )
    return any_of(unless, _returns_on_1001(g))


def _calls_again() -> Pattern:
    again = matches_regex(r"(?i)re_?connect|retry")
    call = call_of(SCRIPT, any_of(again, matches_regex(_CONNECTS)))
    return any_of(has_descendant(call), has_descendant(all_of(kind("identifier"), again)))


def _returns_on_1001(g: Grammar) -> Pattern:
    left = r"===?\s*1001\b" if g is SCRIPT else r"(?:==\s*1001\b|in\s*[(\[{][^)\]}]*\b1001\b)"
    condition = {"has": {"field": "condition", "regex": left}}
    returning = {"has": {"field": "consequence", "regex": r"^(?:\{\s*)?return\b[^;{}]*;?(?:\s*\})?$"}}
    return all_of(kind("if_statement"), condition, returning)


def _closed_well() -> Pattern:
    """`except ConnectionClosedOK: return`: 1001 arrives as such, and is the service's maximum duration."""
    named = matches_regex(r"^except\s+(?:[\w.]+\.)?ConnectionClosedOK\b")
    nothing = has_child(
        {"kind": "block", "regex": r"^(?:(?:logg(?:er|ing)\.\w+|print)\(.*\)\s*)?(?:pass|return|break)\s*$"}
    )
    return all_of(kind("except_clause"), named, nothing)


CLOSE_AS_FINE = Rule(
    id="close-as-fine",
    severity=Severity.WARNING,
    title="The close that ends a session for its age is taken for a good end",
    cause="At its maximum duration (60 minutes; 30 on Azure) the service closes with 1001, which libraries call "
    "a clean "
    "close. The caller is in the middle of a sentence.",
    fix="Only a close that was asked for is an end: open a fresh session on any other, or before session.expires_at",
    patterns=for_all_languages(lambda g: all_of(_fine_ends(g), file_uses_realtime(g))),
    keywords=("1001", "connectionclosedok"),
)


def _retried_quota(g: Grammar) -> Pattern:
    number = all_of(kind("number" if g is SCRIPT else "integer"), matches_regex("^1013$"))
    collection = any_of(kind(*g.list_kinds), *([] if g is SCRIPT else [kind("set")]))
    names = r"(?i)retr|recover|reconnect|transient|temporary"
    holder = (
        {"kind": "variable_declarator", "has": {"field": "name", "regex": names}}
        if g is SCRIPT
        else {"kind": "assignment", "has": {"field": "left", "regex": names}}
    )
    listed = all_of(number, has_parent(collection), has_ancestor(holder))
    test = {"has": {"field": "condition", "regex": r"insufficient_quota|===?\s*1013\b"}}
    again = {"has": {"field": "consequence", **any_of(has_descendant(_called_again(g)), _called_again(g))}}
    return any_of(
        listed,
        all_of(kind("if_statement"), test, none_of({"has": {"field": "condition", "regex": r"!==?|\bnot\b"}}), again),
    )


def _called_again(g: Grammar) -> Pattern:
    return call_of(g, matches_regex(r"(?i)(?:retry|re_?connect)\w*$"))


QUOTA_RETRIED = Rule(
    id="quota-retried",
    severity=Severity.WARNING,
    title="A close for want of credit is tried again",
    cause="The service says insufficient_quota with close 1013, which elsewhere means: try again later. Credit "
    "does not "
    "come back by trying.",
    fix="Read error.code before the close code: stop on insufficient_quota and on the other billing codes",
    patterns=for_all_languages(lambda g: all_of(_retried_quota(g), file_uses_realtime(g))),
    keywords=("1013", "insufficient_quota"),
)

_HANDLED = "response.done"


def _awaits(g: Grammar, *types: str) -> Pattern:
    """The place where one of these events is told from others."""
    if g is SCRIPT:
        compared = {"kind": "binary_expression", "has": {"field": "operator", "regex": "^===?$"}}
        case = {"kind": "switch_case"}
        listener = all_of(kind("arguments"), has_parent(method_call(g, "on|once|addEventListener")))
        return all_of(string_literal(g, *types), has_parent(any_of(case, compared, listener)))
    return all_of(string_literal(g, *types), has_parent(any_of(kind("comparison_operator"), kind("case_pattern"))))


def _ignores_failure(g: Grammar) -> Pattern:
    # Not only `status`: whoever hands the response on may look at it elsewhere.
    looked = any_of(
        string_matching(g, quoted("failed|incomplete|status|status_details")),
        all_of(
            kind("property_identifier") if g is SCRIPT else kind("identifier"),
            matches_regex(r"^(?:status|statusDetails|status_details)$"),
        ),
    )
    handles = file_contains(
        _awaits(
            g,
            "response.output_audio.delta",
            "response.audio.delta",
            "response.output_text.delta",
            "response.text.delta",
        ),
    )
    return all_of(_awaits(g, _HANDLED), none_of(file_contains(looked)), handles)


FAILURE_IGNORED = Rule(
    id="failed-response-ignored",
    severity=Severity.WARNING,
    title="Nobody looks whether a response failed",
    cause="A response that fails (no credit, rate limit, a fault of the service) ends in response.done with status "
    "failed and without an error event: the caller hears silence.",
    fix="In response.done look at response.status, and at response.status_details.error where it is failed",
    patterns=for_all_languages(_ignores_failure),
    keywords=(_HANDLED,),
)


def _realtime_switch() -> Pattern:
    return all_of(
        kind("switch_statement"),
        has_descendant(
            {
                "kind": "switch_case",
                "has": {
                    "field": "value",
                    **string_literal(SCRIPT, _HANDLED, "response.created", "session.created", "session.updated"),
                },
            }
        ),
    )


ERROR_UNHANDLED = Rule(
    id="error-event-unhandled",
    severity=Severity.WARNING,
    title="Error events fall through",
    cause="Refusals of key, model, credit and configuration arrive as an error event; without it only silence "
    "or a close "
    "is left to see.",
    fix="Handle error: log code, param and message; what ends the session is followed by a close",
    patterns={
        LanguageFamily.SCRIPT: all_of(
            _realtime_switch(),
            none_of(has_descendant(kind("switch_default"))),
            none_of(file_contains(string_matching(SCRIPT, quoted("error")))),
        ),
        LanguageFamily.PYTHON: all_of(
            kind("match_statement"),
            has_descendant(
                all_of(
                    kind("case_pattern"),
                    has_descendant(
                        string_literal(PYTHON, _HANDLED, "response.created", "session.created", "session.updated")
                    ),
                )
            ),
            none_of(has_descendant(all_of(kind("case_pattern"), matches_regex("^_$|^[a-z_]+$")))),
            none_of(file_contains(string_matching(PYTHON, quoted("error")))),
        ),
    },
    keywords=(_HANDLED, "response.created", "session.created", "session.updated"),
)


def _ends_on_error(g: Grammar) -> Pattern:
    close = call_of(g, matches_regex(r"(?i)(?:ws|socket|openai\w*|upstream|connection|conn)\??\.close$"))
    if g is SCRIPT:
        case = all_of(
            {"kind": "switch_case", "has": {"field": "value", **string_literal(g, "error")}},
            has_ancestor(_any_realtime_switch()),
        )
        return all_of(close, _straight_in(case, ("if_statement", *SCRIPT.functions)))
    block = {"kind": "block", "inside": {**_error_test(), "field": "consequence"}}
    return all_of(close, _straight_in(any_of(block), ("if_statement", "function_definition")), file_uses_realtime(g))


def _error_test() -> Pattern:
    return all_of(
        kind("if_statement", "elif_clause"),
        {"has": {"field": "condition", "regex": r"(?:type|kind)\W*\s*==\s*['\"]error['\"]$"}},
    )


def _any_realtime_switch() -> Pattern:
    """A switch over events, whichever of them it knows."""
    name = r"(?:response|session|input_audio_buffer|conversation\.item)\.[a-z_.]+"
    value = {"field": "value", **string_matching(SCRIPT, quoted(name))}
    return all_of(kind("switch_statement"), has_descendant({"kind": "switch_case", "has": value}))


def _straight_in(shape: Pattern, stops: tuple[str, ...]) -> Pattern:
    return {"inside": {**shape, "stopBy": kind(*stops)}}


ERROR_ENDS_SESSION = Rule(
    id="error-ends-session",
    severity=Severity.WARNING,
    title="Any error event ends the session",
    cause="Most errors only refuse one message (response_cancel_not_active is an everyday one) and the session "
    "goes on. "
    "What is fatal is followed by the service's own close.",
    fix="Log it and go on; leave the end to the close",
    patterns=for_all_languages(_ends_on_error),
    keywords=('"error"', "'error'"),
)
