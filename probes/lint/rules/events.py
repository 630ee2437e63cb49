"""Rules about events: names that no longer exist, and forms that are refused. Values only.

Names come from `bridge/protocol/dialects/`; the answers of the service to unknown events were recorded in 2026-09.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.protocol.dialects.detection import BETA_TO_GA
from bridge.protocol.events.fields import CLIENT_EVENTS, OBSERVED_ACCEPTED_TYPES
from probes.lint.analysis.handlers import PREFIX, Role
from probes.lint.languages import SCRIPT, Grammar, Pattern
from probes.lint.rule import Found, ReplaceKeyword, Rule, Scope
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    any_word,
    call_of,
    entry,
    file_contains,
    file_names_other_service,
    for_all_languages,
    has_child,
    has_descendant,
    has_parent,
    kind,
    matches_regex,
    message,
    method_call,
    none_of,
    object_with,
    quoted,
    string_literal,
    string_matching,
)
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from probes.lint.analysis.sessions import RealtimeCode

#: The only renamed client event; the others are sent by the server.
_BETA_CLIENT_EVENT = "transcription_session.update"
#: Events that were split in two: which of them the code needs is a decision.
_SPLIT_EVENTS = {old: new for old, new in BETA_TO_GA.items() if len(new) > 1}
_RENAMED_EVENTS = {old: new[0] for old, new in BETA_TO_GA.items() if len(new) == 1 and old != _BETA_CLIENT_EVENT}

#: Usual names of a socket to the service, as opposed to one to the user's own bridge.
UPSTREAM_NAME_REGEX = r"(?i)(?:openai|upstream|\boai)\w*$"


def _old_names(code: RealtimeCode, names: Mapping[str, tuple[str, ...]]) -> Iterator[Found]:
    """Find old names in a file without the new ones; a file with both supports both dialects."""
    for use in code.events:
        news = names.get(use.name)
        if news is None or any(new in code.strings or PREFIX + new in code.strings for new in news):
            continue
        if use.role is Role.HANDLED:
            yield Found(use.string, word=use.name)
        elif use.role is not Role.LOGGED:
            # A type only describes, and what the file sends goes to somebody else.
            yield Found(use.string, Severity.INFO, use.name)


BETA_EVENT = Rule(
    id="beta-event",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="An event has its beta name",
    cause="The service sends it under another name. Code that waits for the old name gets no text, no audio and "
    "no error.",
    fix="Use the current name",
    find=lambda code: _old_names(code, {old: (new,) for old, new in _RENAMED_EVENTS.items()}),
    keywords=tuple(_RENAMED_EVENTS),
    replacements=_RENAMED_EVENTS,
    autofix=(ReplaceKeyword(),),
)
BETA_ITEM_EVENT = Rule(
    id="beta-item-event",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="Conversation items are expected under their beta event name",
    cause="The service now reports an item twice, when it is added and when it is done, and never under the old name.",
    fix="Handle conversation.item.added, or conversation.item.done for the complete item",
    find=lambda code: _old_names(code, _SPLIT_EVENTS),
    keywords=tuple(_SPLIT_EVENTS),
)


def _event_in_use(g: Grammar, name: str) -> Pattern:
    """Match the event in a message literal, or as the argument of a function that sends."""
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), has_child(string_literal(g, name)))
    sending = call_of(g, matches_regex(r"(?i)(?:send|emit)\w*$"))
    return all_of(any_of(message(g, name), all_of(sending, has_child(arguments))), none_of(file_names_other_service(g)))


BETA_EVENT_SENT = Rule(
    id="beta-event-sent",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="A transcription session is configured with the beta's event",
    cause="The event no longer exists: error invalid_value, and the session keeps its defaults.",
    fix='Send session.update with "type": "transcription" in the session, and the nested fields',
    patterns=for_all_languages(lambda g: _event_in_use(g, _BETA_CLIENT_EVENT)),
    keywords=(_BETA_CLIENT_EVENT,),
)

_KNOWN_EVENTS = sorted({*OBSERVED_ACCEPTED_TYPES, *(name for events in CLIENT_EVENTS.values() for name in events)})


def _json_encoded(g: Grammar, type_: Pattern) -> Pattern:
    """Match a message literal with such a type that is passed to the JSON encoder."""
    json = matches_regex(r"^(?:JSON\.stringify|json\.dumps)$")
    arguments = all_of(
        kind("arguments" if g is SCRIPT else "argument_list"), has_child(object_with(g, entry(g, "type", type_)))
    )
    return all_of(call_of(g, json), has_child(arguments))


def _sent_upstream(g: Grammar, value: Pattern) -> Pattern:
    """Match a call that sends this on a socket named after the service, or on one that this file opened to it."""
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), has_child(value))
    named = method_call(g, "send|sendMessage|send_text|send_str", UPSTREAM_NAME_REGEX)
    return all_of(any_of(named, _on_socket_opened_here(g, "send|send_text|send_str")), has_child(arguments))


_SERVICE_URL = r"wss://api\.openai\.com/v1/realtime"


def _url_by_variable(g: Grammar) -> Pattern:
    """Match arguments that start with a variable to which this file assigns the URL of the service."""
    declaration, name, value = (
        ("variable_declarator", "name", "value") if g is SCRIPT else ("assignment", "left", "right")
    )
    address = {"has": {"field": value, **all_of(kind(*g.string_kinds), matches_regex(_SERVICE_URL))}}
    named = {"kind": declaration, "all": [{"has": {"field": name, "pattern": "$ADDRESS"}}, address]}
    first = {"has": {"nthChild": 1, "kind": "identifier", "pattern": "$ADDRESS"}}
    # Not `file_contains`, which can't be nested: this is inside one already, and the variable must be the same.
    whole = {"inside": {**all_of(kind("program" if g is SCRIPT else "module"), has_descendant(named)), "stopBy": "end"}}
    return all_of(kind("arguments" if g is SCRIPT else "argument_list"), first, whole)


def _on_socket_opened_here(g: Grammar, verbs: str) -> Pattern:
    """Match a call of a method on a variable that holds a socket to the public service."""
    if g is SCRIPT:
        plain = {"kind": "new_expression", "regex": _SERVICE_URL}
        by_name = all_of(kind("new_expression"), has_child(_url_by_variable(g)))
        socket = {"has": {"field": "value", **any_of(plain, by_name)}}
        made = {"kind": "variable_declarator", "all": [{"has": {"field": "name", "pattern": "$SAME"}}, socket]}
    else:
        plain = {"regex": rf"connect\(\s*f?[\"']{_SERVICE_URL}"}
        connect = all_of(call_of(g, matches_regex(r"(?:^|\.)connect$")), has_child(_url_by_variable(g)))
        url = any_of(plain, has_child(connect))
        made = {
            "kind": "as_pattern",
            "all": [url, has_child({"kind": "as_pattern_target", "has": {"pattern": "$SAME"}})],
        }
    member = {
        "kind": g.member,
        "all": [
            {"has": {"field": "object", "pattern": "$SAME"}},
            {"has": {"field": g.name, "regex": f"^(?:{verbs})$"}},
        ],
    }
    return all_of(call_of(g, member), file_contains(made))


def _encoded_then_sent(g: Grammar, type_: Pattern) -> Pattern:
    """Match a message that is encoded into a variable which the same block sends upstream."""
    if g is not SCRIPT:
        sides = [{"has": {"field": "left", "pattern": "$HELD"}}, {"has": {"field": "right", **_json_encoded(g, type_)}}]
        held = {"kind": "assignment", "all": sides}
    else:
        sides = [{"has": {"field": "name", "pattern": "$HELD"}}, {"has": {"field": "value", **_json_encoded(g, type_)}}]
        held = {"kind": "variable_declarator", "all": sides}
    sent = all_of(method_call(g, "send|send_text|send_str", UPSTREAM_NAME_REGEX), has_descendant({"pattern": "$HELD"}))
    block = kind("statement_block", "program") if g is SCRIPT else kind("block", "module")
    return all_of(held, {"inside": {**all_of(block, has_descendant(sent)), "stopBy": "end"}})


def _unknown_event(g: Grammar) -> Pattern:
    unknown = all_of(
        string_matching(g, quoted(r"[a-z_]+(?:\.[a-z_]+)+")), none_of(matches_regex(quoted(any_word(*_KNOWN_EVENTS))))
    )
    ping = string_literal(g, "ping")
    return any_of(
        _event_in_use(g, "transcription_session.create"),
        _sent_upstream(g, _json_encoded(g, any_of(unknown, ping))),
        _encoded_then_sent(g, ping),
    )


UNKNOWN_EVENT = Rule(
    id="unknown-event",
    severity=Severity.FAIL,
    title="An event is sent that the service doesn't know",
    cause="The service answers with the error invalid_value and does nothing. There is no ping event (use "
    "WebSocket pings), and no event that creates a session: connecting does.",
    fix="Send one of its events: session.update to configure; for keepalive rely on WebSocket pings",
    patterns=for_all_languages(_unknown_event),
    keywords=("openai", "upstream", "oai", "transcription_session.create"),
    and_keywords=(
        ("json.stringify", "json.dumps", "transcription_session.create"),
        ("send", "transcription_session.create"),
    ),
)

_RAW_AUDIO_NAME = r"(?i)^(?:\w+\.)*\w*(?:chunk|pcm|audio_?(?:data|buffer|bytes)|audio)(?:16)?(?:\.buffer)?$"


def _sends_binary(g: Grammar) -> Pattern:
    raw = any_of(all_of(kind("identifier", g.member), matches_regex(_RAW_AUDIO_NAME)), *_bytes_expressions(g))
    first: Pattern = {"has": {"nthChild": 1, **raw}}
    sent = any_of(first, {"has": _bytes_parameter()}) if g is SCRIPT else first
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), sent)
    verbs = "send" if g is SCRIPT else "send|send_bytes|send_binary"
    return all_of(
        any_of(method_call(g, verbs, UPSTREAM_NAME_REGEX), _on_socket_opened_here(g, verbs)), has_child(arguments)
    )


#: Matches no node. It remains if a grammar supports none of the other alternatives.
_MATCHES_NOTHING: Pattern = {"regex": r"^\b$"}


def _bytes_parameter() -> Pattern:
    """Match a TypeScript parameter of a bytes type that is the only argument: with { binary: false } it is text."""
    type_ = {"has": {"field": "type", "regex": r"^:\s*(?:Buffer|ArrayBuffer|Uint8Array|Int16Array)$"}}
    parameter = {"kind": "required_parameter", "all": [{"has": {"field": "pattern", "pattern": "$BYTES"}}, type_]}
    taking = {"has": {"field": "parameters", **has_child(any_of(parameter, _MATCHES_NOTHING))}}
    function = {"inside": {**all_of(kind(*SCRIPT.functions), taking), "stopBy": kind(*SCRIPT.functions)}}
    alone = [{"nthChild": 1}, {"nthChild": {"position": 1, "reverse": True}}]
    return {"kind": "identifier", "all": [*alone, {"pattern": "$BYTES"}, function]}


def _bytes_expressions(g: Grammar) -> tuple[Pattern, ...]:
    if g is not SCRIPT:
        return (call_of(g, matches_regex(r"^(?:bytes|bytearray|base64\.b64decode|b64decode)$")),)
    typed = {
        "kind": "new_expression",
        "has": {"field": "constructor", "regex": "^(?:Uint8Array|Int16Array|Float32Array)$"},
    }
    return (all_of(call_of(g, matches_regex(r"^Buffer\.(?:from|concat|alloc)$"))), typed)


BINARY_AUDIO = Rule(
    id="binary-audio",
    severity=Severity.FAIL,
    title="Audio is sent to the service as a binary frame",
    cause="The service accepts only text frames: error invalid_event, and the speech is lost.",
    fix='Send {"type": "input_audio_buffer.append", "audio": <base64 of PCM16>}',
    patterns=for_all_languages(_sends_binary),
    keywords=("openai", "upstream", "oai"),
    and_keywords=(("send",),),
)


def _not_base64(g: Grammar) -> Pattern:
    if g is not SCRIPT:
        encoded = call_of(g, matches_regex(r"^(?:base64\.)?b64encode$"))
        shown = all_of(kind("call"), matches_regex(r"^(?:str|repr)\((?:base64\.)?b64encode\([^()]*\)\)$"))
        return any_of(encoded, shown, call_of(g, matches_regex("^(?:bytes|bytearray|list)$")))
    raw = call_of(g, matches_regex(r"^(?:Buffer\.(?:from|concat)|Array\.from)$"))
    return any_of(
        raw, *_bytes_expressions(g), all_of(kind("member_expression"), matches_regex(r"\.buffer$")), kind("array")
    )


AUDIO_NOT_BASE64 = Rule(
    id="audio-not-base64",
    severity=Severity.FAIL,
    title="Audio is put into a message without base64 encoding",
    cause="The field takes base64 text. Bytes can't be written as JSON, and what they are converted to is not audio.",
    fix='Encode it: Buffer.from(pcm).toString("base64"), base64.b64encode(pcm).decode()',
    patterns=for_all_languages(
        lambda g: all_of(entry(g, "audio", _not_base64(g)), has_parent(message(g, "input_audio_buffer.append")))
    ),
    keywords=("input_audio_buffer.append",),
)
