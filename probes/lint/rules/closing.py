"""Rules about closes, failures and retries. Values only."""

from __future__ import annotations

from probes.lint.languages import PYTHON, SCRIPT, Grammar, LanguageFamily, Pattern
from probes.lint.rule import Rule
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    call_of,
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

_CONNECT_NAME = r"(?i)^(?:(?:this|self)\.)?_?(?:re_?)?(?:connect|open_?socket|open_?connection)\w*$"
_FUNCTIONS = kind("arrow_function", "function_expression")


def _on_close() -> Pattern:
    """Match the function that runs when a socket closes."""
    listener = all_of(
        method_call(SCRIPT, "on|once|addEventListener"),
        has_child(all_of(kind("arguments"), has_child(string_literal(SCRIPT, "close")))),
    )
    assigned = {"kind": "assignment_expression", "has": {"field": "left", "regex": r"\.onclose$"}}
    return all_of(_FUNCTIONS, any_of(has_parent(all_of(kind("arguments"), has_parent(listener))), has_parent(assigned)))


def _mentions_delay(g: Grammar) -> Pattern:
    regex = (
        r"(?i)setTimeout|sleep|delay|back_?off|retry|attempt|setInterval"
        if g is SCRIPT
        else r"(?i)sleep|back_?off|delay|retry|attempt"
    )
    return matches_regex(regex)


def _reconnects_without_delay() -> Pattern:
    handler = all_of(_on_close(), none_of(_mentions_delay(SCRIPT)))
    whole = {"inside": {**handler, "stopBy": kind(*SCRIPT.functions)}}
    return all_of(call_of(SCRIPT, matches_regex(_CONNECT_NAME)), whole, file_uses_realtime(SCRIPT))


def _loops_without_delay() -> Pattern:
    opened = call_of(
        PYTHON, matches_regex(r"(?:^|\.)(?:websockets\.connect|realtime\.connect|ws_connect|create_connection)$")
    )
    # A connection that only some message opens is no attempt of the loop.
    always = all_of(
        opened, none_of({"inside": {**kind("if_statement", "match_statement"), "stopBy": kind("while_statement")}})
    )
    swallows = has_descendant(
        {"kind": "except_clause", "regex": r"(?:pass|continue|print\(.*\)|log\w*\.\w+\(.*\))\s*$"}
    )
    endless = {"has": {"field": "condition", "regex": "^True$"}}
    return all_of(
        kind("while_statement"),
        endless,
        has_descendant(always),
        swallows,
        none_of(_mentions_delay(PYTHON)),
        file_uses_realtime(PYTHON),
    )


RECONNECT_AT_ONCE = Rule(
    id="reconnect-at-once",
    severity=Severity.WARNING,
    title="A lost connection is reopened immediately, again and again",
    cause="A refusal for a bad key, model or missing credit repeats on every attempt. The reconnect storm hides "
    "the reason and uses up the rate limits.",
    fix="Use exponential backoff with jitter (1 s, 2 s, 4 s), and stop at once on errors that a retry can't fix",
    patterns={LanguageFamily.SCRIPT: _reconnects_without_delay(), LanguageFamily.PYTHON: _loops_without_delay()},
    keywords=("onclose", '"close"', "'close'", "while true"),
)


def _treats_1001_as_normal(g: Grammar) -> Pattern:
    """Match code that treats 1001 as a normal end: it returns on 1001, or reconnects only on other codes."""
    if g is not SCRIPT:
        return any_of(_ignores_closed_ok(), _returns_on_1001(g))
    unless = all_of(
        kind("if_statement"),
        {"has": {"field": "condition", "regex": r"!==?\s*1001\b"}},
        {"has": {"field": "consequence", **_reconnect_call()}},
    )
    return any_of(unless, _returns_on_1001(g))


def _reconnect_call() -> Pattern:
    reconnects = matches_regex(r"(?i)re_?connect|retry")
    call = call_of(SCRIPT, any_of(reconnects, matches_regex(_CONNECT_NAME)))
    return any_of(has_descendant(call), has_descendant(all_of(kind("identifier"), reconnects)))


def _returns_on_1001(g: Grammar) -> Pattern:
    left = r"===?\s*1001\b" if g is SCRIPT else r"(?:==\s*1001\b|in\s*[(\[{][^)\]}]*\b1001\b)"
    condition = {"has": {"field": "condition", "regex": left}}
    returning = {"has": {"field": "consequence", "regex": r"^(?:\{\s*)?return\b[^;{}]*;?(?:\s*\})?$"}}
    return all_of(kind("if_statement"), condition, returning)


def _ignores_closed_ok() -> Pattern:
    """Match `except ConnectionClosedOK: return`, which also catches the 1001 of the maximum duration."""
    named = matches_regex(r"^except\s+(?:[\w.]+\.)?ConnectionClosedOK\b")
    nothing = has_child(
        {"kind": "block", "regex": r"^(?:(?:logg(?:er|ing)\.\w+|print)\(.*\)\s*)?(?:pass|return|break)\s*$"}
    )
    return all_of(kind("except_clause"), named, nothing)


CLOSE_AS_FINE = Rule(
    id="close-as-fine",
    severity=Severity.WARNING,
    title="The close at the maximum session duration is treated as a normal end",
    cause="At its maximum duration (60 minutes; 30 on Azure) the service closes with 1001, which libraries report "
    "as a clean close. The caller may be in the middle of a sentence.",
    fix="Treat only a close that you requested as the end: on any other, or before session.expires_at, open a new "
    "session",
    patterns=for_all_languages(lambda g: all_of(_treats_1001_as_normal(g), file_uses_realtime(g))),
    keywords=("1001", "connectionclosedok"),
)


def _ends_on_error(g: Grammar) -> Pattern:
    named = call_of(g, matches_regex(r"(?i)(?:ws|socket|openai\w*|upstream|connection|conn)\??\.close$"))
    # Code that returns before it closes has let the everyday errors through.
    passed = {"kind": "if_statement", "regex": r"\b(?:return|continue|break)\b", "stopBy": "end"}
    statement = all_of(kind("expression_statement"), {"follows": passed})
    awaited = all_of(kind("await_expression" if g is SCRIPT else "await"), {"inside": statement})
    close = all_of(named, none_of({"inside": any_of(statement, awaited)}))
    if g is SCRIPT:
        case = all_of(
            {"kind": "switch_case", "has": {"field": "value", **string_literal(g, "error")}},
            has_ancestor(_any_realtime_switch()),
        )
        return all_of(close, _directly_in(case, ("if_statement", *SCRIPT.functions)))
    block = {"kind": "block", "inside": {**_error_test(), "field": "consequence"}}
    return all_of(close, _directly_in(any_of(block), ("if_statement", "function_definition")), file_uses_realtime(g))


def _error_test() -> Pattern:
    return all_of(
        kind("if_statement", "elif_clause"),
        {"has": {"field": "condition", "regex": r"(?:type|kind)\W*\s*==\s*['\"]error['\"]$"}},
    )


def _any_realtime_switch() -> Pattern:
    """Match a switch over Realtime events of any kind."""
    name = r"(?:response|session|input_audio_buffer|conversation\.item)\.[a-z_.]+"
    value = {"field": "value", **string_matching(SCRIPT, quoted(name))}
    return all_of(kind("switch_statement"), has_descendant({"kind": "switch_case", "has": value}))


def _directly_in(pattern: Pattern, stops: tuple[str, ...]) -> Pattern:
    return {"inside": {**pattern, "stopBy": kind(*stops)}}


ERROR_ENDS_SESSION = Rule(
    id="error-ends-session",
    severity=Severity.WARNING,
    title="Every error event ends the session",
    cause="Most errors refuse only one message (response_cancel_not_active is a common one), and the session goes "
    "on. After a fatal error the service closes the connection itself.",
    fix="Log the error and continue; end the session when the service closes it",
    patterns=for_all_languages(_ends_on_error),
    keywords=('"error"', "'error'"),
    and_keywords=(("close",),),
)
