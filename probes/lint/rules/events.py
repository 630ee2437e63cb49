"""Rules about events: names that nobody knows any more, and forms that are refused. Values only; see `rules.py`.

Names come from the protocol's own tables; what the service answers to strangers was recorded in 2026-09.
"""

from __future__ import annotations

from bridge.protocol.dialects.detection import BETA_TO_GA
from bridge.protocol.events.fields import CLIENT_EVENTS, OBSERVED_ACCEPTED_TYPES
from probes.lint.rule import Pattern, ReplaceKeyword, Rule
from probes.lint.rules.patterns import (
    SCRIPT,
    Grammar,
    all_of,
    any_of,
    any_word,
    call_of,
    entry,
    file_contains,
    file_names_other_service,
    for_all_languages,
    for_script,
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

#: A beta client event; the other renamed ones come from the server.
_SENT = "transcription_session.update"
#: One event became two: which of them is meant only the reader knows.
_TWO = {old: new for old, new in BETA_TO_GA.items() if len(new) > 1}
_ONE = {old: new[0] for old, new in BETA_TO_GA.items() if len(new) == 1 and old != _SENT}

#: What a socket to the service is called; a socket to one's own bridge is called otherwise.
UPSTREAM_NAME_REGEX = r"(?i)(?:openai|upstream|\boai)\w*$"


def _only_old(g: Grammar, old: str, new: tuple[str, ...]) -> Pattern:
    """The old name in a file that does not know the new one: who knows both speaks both dialects."""
    responses = file_contains(call_of(g, matches_regex(r"\bresponses\.(?:create|stream)$")))
    known = (none_of(file_contains(string_literal(g, name))) for name in new)
    # The Responses API has events of its own under some of these names.
    return all_of(string_literal(g, old), *known, none_of(responses), none_of(file_names_other_service(g)))


BETA_EVENT = Rule(
    id="beta-event",
    severity=Severity.FAIL,
    title="An event has the name that it had in the beta",
    cause="The service sends it under another name. Who waits for the old one gets no text and no sound, and no error.",
    fix="Listen to the name of today",
    patterns=for_all_languages(lambda g: any_of(*(_only_old(g, old, (new,)) for old, new in _ONE.items()))),
    keywords=tuple(_ONE),
    replacements=_ONE,
    autofix=(ReplaceKeyword(),),
)
BETA_ITEM_EVENT = Rule(
    id="beta-item-event",
    severity=Severity.FAIL,
    title="Conversation items are awaited under their name in the beta",
    cause="The service tells of an item twice now, when it begins and when it is whole, and under the old name never.",
    fix="Listen to conversation.item.added, or to conversation.item.done for the whole item",
    patterns=for_all_languages(lambda g: any_of(*(_only_old(g, old, new) for old, new in _TWO.items()))),
    keywords=tuple(_TWO),
)


def _sent_at_all(g: Grammar, name: str) -> Pattern:
    """The event, made as a message or named to a function that sends."""
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), has_child(string_literal(g, name)))
    sending = call_of(g, matches_regex(r"(?i)(?:send|emit)\w*$"))
    return all_of(any_of(message(g, name), all_of(sending, has_child(arguments))), none_of(file_names_other_service(g)))


BETA_EVENT_SENT = Rule(
    id="beta-event-sent",
    severity=Severity.FAIL,
    title="A transcription session is configured by the beta's event",
    cause="The event is gone: error invalid_value, and the session goes on with its defaults.",
    fix='Send session.update with "type": "transcription" in its session, and the nested fields',
    patterns=for_all_languages(lambda g: _sent_at_all(g, _SENT)),
    keywords=(_SENT,),
)

_KNOWN = sorted({*OBSERVED_ACCEPTED_TYPES, *(name for events in CLIENT_EVENTS.values() for name in events)})


def _encoded(g: Grammar, type_: Pattern) -> Pattern:
    """A message with such a type, turned into JSON on the spot."""
    json = matches_regex(r"^(?:JSON\.stringify|json\.dumps)$")
    arguments = all_of(
        kind("arguments" if g is SCRIPT else "argument_list"), has_child(object_with(g, entry(g, "type", type_)))
    )
    return all_of(call_of(g, json), has_child(arguments))


def _sent_upstream(g: Grammar, value: Pattern) -> Pattern:
    """A call that sends this to a socket with the service's name, or to one that this file opened to the service."""
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), has_child(value))
    named = method_call(g, "send|sendMessage|send_text|send_str", UPSTREAM_NAME_REGEX)
    return all_of(any_of(named, _opened_here(g, "send|send_text|send_str")), has_child(arguments))


_SERVICE = r"wss://api\.openai\.com/v1/realtime"


def _of_a_named_address(g: Grammar) -> Pattern:
    """The arguments of a call whose first one is a name that this file gives to the service's address."""
    kept, name, value = ("variable_declarator", "name", "value") if g is SCRIPT else ("assignment", "left", "right")
    address = {"has": {"field": value, **all_of(kind(*g.string_kinds), matches_regex(_SERVICE))}}
    named = {"kind": kept, "all": [{"has": {"field": name, "pattern": "$ADDRESS"}}, address]}
    first = {"has": {"nthChild": 1, "kind": "identifier", "pattern": "$ADDRESS"}}
    # No in_file: this stands within one, for few calls, and the name must be the call's own.
    whole = {"inside": {**all_of(kind("program" if g is SCRIPT else "module"), has_descendant(named)), "stopBy": "end"}}
    return all_of(kind("arguments" if g is SCRIPT else "argument_list"), first, whole)


def _opened_here(g: Grammar, verbs: str) -> Pattern:
    """A call on a variable that holds a socket to the public service."""
    if g is SCRIPT:
        plain = {"kind": "new_expression", "regex": _SERVICE}
        by_name = all_of(kind("new_expression"), has_child(_of_a_named_address(g)))
        socket = {"has": {"field": "value", **any_of(plain, by_name)}}
        made = {"kind": "variable_declarator", "all": [{"has": {"field": "name", "pattern": "$SAME"}}, socket]}
    else:
        plain = {"regex": rf"connect\(\s*f?[\"']{_SERVICE}"}
        connect = all_of(call_of(g, matches_regex(r"(?:^|\.)connect$")), has_child(_of_a_named_address(g)))
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


def _held_then_sent(g: Grammar, type_: Pattern) -> Pattern:
    """A message that is encoded into a variable, and sent upstream under that name in the same block."""
    if g is not SCRIPT:
        sides = [{"has": {"field": "left", "pattern": "$HELD"}}, {"has": {"field": "right", **_encoded(g, type_)}}]
        held = {"kind": "assignment", "all": sides}
    else:
        sides = [{"has": {"field": "name", "pattern": "$HELD"}}, {"has": {"field": "value", **_encoded(g, type_)}}]
        held = {"kind": "variable_declarator", "all": sides}
    sent = all_of(method_call(g, "send|send_text|send_str", UPSTREAM_NAME_REGEX), has_descendant({"pattern": "$HELD"}))
    block = kind("statement_block", "program") if g is SCRIPT else kind("block", "module")
    return all_of(held, {"inside": {**all_of(block, has_descendant(sent)), "stopBy": "end"}})


def _unknown_event(g: Grammar) -> Pattern:
    strange = all_of(
        string_matching(g, quoted(r"[a-z_]+(?:\.[a-z_]+)+")), none_of(matches_regex(quoted(any_word(*_KNOWN))))
    )
    ping = string_literal(g, "ping")
    return any_of(
        _sent_at_all(g, "transcription_session.create"),
        _sent_upstream(g, _encoded(g, any_of(strange, ping))),
        _held_then_sent(g, ping),
    )


UNKNOWN_EVENT = Rule(
    id="unknown-event",
    severity=Severity.FAIL,
    title="An event is sent that the service does not know",
    cause="It answers with error invalid_value and does nothing. There is no ping (WebSocket pings keep the line), and "
    "no event that creates a session: the connection does.",
    fix="Send one of its events: session.update configures; for a sign of life trust the WebSocket's own pings",
    patterns=for_all_languages(_unknown_event),
    keywords=("openai", "upstream", "oai", "transcription_session.create"),
)

_RAW = r"(?i)^(?:\w+\.)*\w*(?:chunk|pcm|audio_?(?:data|buffer|bytes)|audio)(?:16)?(?:\.buffer)?$"


def _binary(g: Grammar) -> Pattern:
    raw = any_of(all_of(kind("identifier", g.member), matches_regex(_RAW)), *_surely_binary(g))
    first: Pattern = {"has": {"nthChild": 1, **raw}}
    among = any_of(first, {"has": _declared_binary()}) if g is SCRIPT else first
    arguments = all_of(kind("arguments" if g is SCRIPT else "argument_list"), among)
    verbs = "send" if g is SCRIPT else "send|send_bytes|send_binary"
    return all_of(any_of(method_call(g, verbs, UPSTREAM_NAME_REGEX), _opened_here(g, verbs)), has_child(arguments))


#: What no node is: it stays where a grammar knows none of the alternatives.
_NOTHING: Pattern = {"regex": r"^\b$"}


def _declared_binary() -> Pattern:
    """A parameter of TypeScript that is bytes, passed on as it came: alone, for with { binary: false } it is text."""
    type_ = {"has": {"field": "type", "regex": r"^:\s*(?:Buffer|ArrayBuffer|Uint8Array|Int16Array)$"}}
    parameter = {"kind": "required_parameter", "all": [{"has": {"field": "pattern", "pattern": "$BYTES"}}, type_]}
    taking = {"has": {"field": "parameters", **has_child(any_of(parameter, _NOTHING))}}
    function = {"inside": {**all_of(kind(*SCRIPT.functions), taking), "stopBy": kind(*SCRIPT.functions)}}
    alone = [{"nthChild": 1}, {"nthChild": {"position": 1, "reverse": True}}]
    return {"kind": "identifier", "all": [*alone, {"pattern": "$BYTES"}, function]}


def _surely_binary(g: Grammar) -> tuple[Pattern, ...]:
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
    title="Audio goes to the service as a binary frame",
    cause="The service reads text frames only: error invalid_event, and the speech is lost.",
    fix='Send {"type": "input_audio_buffer.append", "audio": <base64 of PCM16>}',
    patterns=for_all_languages(_binary),
    keywords=("openai", "upstream", "oai"),
)


def _no_base64(g: Grammar) -> Pattern:
    if g is not SCRIPT:
        encoded = call_of(g, matches_regex(r"^(?:base64\.)?b64encode$"))
        shown = all_of(kind("call"), matches_regex(r"^(?:str|repr)\((?:base64\.)?b64encode\([^()]*\)\)$"))
        return any_of(encoded, shown, call_of(g, matches_regex("^(?:bytes|bytearray|list)$")))
    raw = call_of(g, matches_regex(r"^(?:Buffer\.(?:from|concat)|Array\.from)$"))
    return any_of(
        raw, *_surely_binary(g), all_of(kind("member_expression"), matches_regex(r"\.buffer$")), kind("array")
    )


AUDIO_NOT_BASE64 = Rule(
    id="audio-not-base64",
    severity=Severity.FAIL,
    title="Audio is put into a message without being made base64 text",
    cause="The field takes base64 text. Bytes do not fit into JSON, and what becomes of them there is no audio.",
    fix='Encode it: Buffer.from(pcm).toString("base64"), base64.b64encode(pcm).decode()',
    patterns=for_all_languages(
        lambda g: all_of(entry(g, "audio", _no_base64(g)), has_parent(message(g, "input_audio_buffer.append")))
    ),
    keywords=("input_audio_buffer.append",),
)


def _sound_by_exception() -> Pattern:
    size = {
        "kind": "member_expression",
        "all": [
            {"has": {"field": "object", "pattern": "$EVENT.data"}},
            {"has": {"field": "property", "regex": "^(?:size|byteLength|arrayBuffer)$"}},
        ],
    }
    parsed = {"has": {"field": "body", **has_descendant({"pattern": "JSON.parse($EVENT.data)"})}}
    return all_of({"kind": "try_statement"}, parsed, {"has": {"field": "handler", **has_descendant(size)}})


AUDIO_BY_EXCEPTION = Rule(
    id="sound-by-exception",
    severity=Severity.WARNING,
    title="What does not parse as JSON is taken for sound",
    cause="Every mistake made while a message is handled ends up there as well, and is never seen.",
    fix="Look at the kind of frame first: typeof event.data === 'string' is JSON, anything else is sound",
    patterns=for_script(_sound_by_exception()),
    keywords=("json.parse",),
)
