"""Rules about the order of events: readiness, buffered audio, responses, errors. Values only.

Most are warnings: a single file shows signs of such a mistake, seldom the whole of it.
"""

from __future__ import annotations

from probes.lint.languages import PYTHON, SCRIPT, Grammar, LanguageFamily, Pattern
from probes.lint.rule import Rule
from probes.lint.rules.patterns import (
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
    message,
    method_call,
    none_of,
    string_literal,
)
from probes.lint.rules.responses import response_within_response
from reports.model import Severity

_FUNCTIONS = kind("arrow_function", "function_expression")


def _on_open() -> Pattern:
    """Match the function that runs when a socket opens."""
    listener = all_of(
        method_call(SCRIPT, "on|once|addEventListener"),
        has_child(all_of(kind("arguments"), has_child(string_literal(SCRIPT, "open")))),
    )
    assigned = {"kind": "assignment_expression", "has": {"field": "left", "regex": r"\.onopen$"}}
    argument = has_parent(all_of(kind("arguments"), has_parent(listener)))
    return all_of(_FUNCTIONS, any_of(argument, has_parent(assigned)))


def _open_handler(g: Grammar) -> Pattern:
    if g is SCRIPT:
        return _on_open()
    return {"kind": "function_definition", "has": {"field": "name", "regex": "^_?on_open$"}}


#: What a file with such a handler says.
_OPEN_WORDS = ("onopen", "on_open", '"open"', "'open'", "`open`")


def _directly_in(function: Pattern, functions: tuple[str, ...]) -> Pattern:
    """Match a node in this function, but not in a function inside it, such as a listener that it registers."""
    return {"inside": {**function, "stopBy": kind(*functions)}}


AUDIO_ON_OPEN = Rule(
    id="audio-on-open",
    severity=Severity.WARNING,
    title="Audio is sent as soon as the socket opens",
    cause="An open socket proves nothing: key, model and credit are checked afterwards, and the configuration is "
    "in effect only from session.updated on. Earlier audio is lost, or processed with the wrong settings.",
    fix="Buffer audio until session.updated arrives, then send the buffered audio in order",
    patterns=for_all_languages(
        lambda g: all_of(message(g, "input_audio_buffer.append"), _directly_in(_open_handler(g), g.functions))
    ),
    keywords=_OPEN_WORDS,
    and_keywords=(("input_audio_buffer.append",),),
)

#: `ready`, `isReady`, `client.openaiReadyState`, `self.session_ready`, `readyRef.current`.
_READY_NAME = r"(?i)(?:^|\.)_?(?:is_?)?(?:openai_?)?(?:session_?)?ready(?:_?state)?(?:ref\.current)?$"


def _ready_is_set(g: Grammar) -> Pattern:
    name = "assignment_expression" if g is SCRIPT else "assignment"
    sides = [{"has": {"field": "left", "regex": _READY_NAME}}, {"has": {"field": "right", "regex": "^(?:true|True)$"}}]
    return {"kind": name, "all": sides}


OPEN_IS_NOT_READY = Rule(
    id="open-is-not-ready",
    severity=Severity.WARNING,
    title="An open socket is treated as a ready session",
    cause="The service accepts every upgrade and refuses afterwards, in its first frame. A session is ready when "
    "session.updated has arrived.",
    fix="Set the flag when session.updated arrives; treat an error before that as a refusal",
    patterns=for_all_languages(
        lambda g: all_of(_ready_is_set(g), _directly_in(_open_handler(g), g.functions), file_uses_realtime(g))
    ),
    keywords=("ready",),
    and_keywords=(_OPEN_WORDS,),
)

_FLUSH_NAME = r"(?i)^(?:(?:this|self)\.)?_?(?:flush|drain|process|send)_?\w*(?:buffer|queue|pending|held)\w*$"


def _flush_call(g: Grammar) -> Pattern:
    return call_of(g, matches_regex(_FLUSH_NAME))


def _flushes(g: Grammar) -> Pattern:
    """Match a statement that sends what is buffered: the call, or one under a condition."""
    return all_of(kind("expression_statement", "if_statement"), has_descendant(_flush_call(g)))


READY_BEFORE_FLUSH = Rule(
    id="ready-before-flush",
    severity=Severity.WARNING,
    title="New audio may overtake buffered audio",
    cause="The session is marked ready first, and the buffered audio is sent afterwards: with one await in "
    "between, live chunks overtake it and words change places.",
    fix="Send the buffered audio first, queue new chunks behind it, and set ready when the queue is empty",
    patterns=for_all_languages(
        lambda g: all_of(
            kind("expression_statement"), has_child(_ready_is_set(g)), {"precedes": {**_flushes(g), "stopBy": "end"}}
        )
    ),
    keywords=("ready",),
    and_keywords=(("flush", "drain", "process", "send"), ("buffer", "queue", "pending", "held")),
)


#: `pendingAudioChunks`, `buffered_audio`, `micQueue`: queues of audio to send. An `audioQueue` may be for playback.
_AUDIO_QUEUE = (
    r"(?i)(?:(?:pending|queued|buffered|held|early|waiting|outgoing)_?\w*(?:audio|chunks?|frames?|pcm|payloads?)"
    r"|(?:pending|queued|buffered|held|waiting|outgoing)_?(?:openai|oai|upstream|realtime)_?(?:messages?|events?)"
    r"|(?:mic|microphone|input_?audio|speech_?in|outgoing|upstream)_?\w*(?:queue|buffer|pending|backlog)"
    r"|(?:audio|pcm)_?(?:chunks?_?)?(?:pending|backlog|to_?send))"
)
#: Each of these names has one of these words; `mic` stands for the microphone as well.
_QUEUE_WORDS = (
    *("pending", "queued", "buffered", "held", "early", "waiting", "outgoing", "mic", "inputaudio", "input_audio"),
    *("speechin", "speech_in", "upstream", "backlog", "tosend", "to_send"),
)
_EVENT_FAMILIES = ("input_audio_buffer.", "response.", "session.")
_QUEUE_NAME = f"(?:{_AUDIO_QUEUE})" + r"\w*(?:\.current)?$"


def _grows_unbounded(g: Grammar) -> Pattern:
    """Match a chunk that is appended to a queue whose length the same function never limits.

    Taking from the queue elsewhere is no limit: it is what happens when the socket opens.
    """
    limits = (
        r"\.length\s*(?:>|>=|<|<=)\s*[1-9A-Za-z_]|\.(?:shift|splice)\(|(?i:max|limit)"
        if g is SCRIPT
        else r"\blen\([^()]*\)\s*(?:>|>=|<|<=)\s*[1-9A-Za-z_]|\.(?:pop|popleft)\(|(?i:max|limit)"
    )
    function = kind(*(name for name in g.functions if name != "lambda"))
    limited = {"inside": {**all_of(function, matches_regex(limits)), "stopBy": function}}
    bounded = file_contains(call_of(g, matches_regex(r"deque$|Ring|Bounded")))
    put = method_call(g, "push" if g is SCRIPT else "append", _QUEUE_NAME)
    # The SDK's connection.input_audio_buffer.append(audio=...) sends.
    sends = method_call(g, "append", r"(?i)(?:^|\.)input_?audio_?buffer$")
    return all_of(
        put, none_of(sends), has_ancestor(function), none_of(limited), none_of(bounded), _file_mentions_realtime(g)
    )


def _file_mentions_realtime(g: Grammar) -> Pattern:
    """Match if the file uses the Realtime API or names it."""
    named = kind("identifier", "property_identifier", "type_identifier") if g is SCRIPT else kind("identifier")
    return any_of(file_uses_realtime(g), file_contains(all_of(named, matches_regex("(?i)openai|realtime"))))


def _queue_without_limit() -> Pattern:
    """Match the creation of an audio queue without a size limit."""
    made = call_of(PYTHON, matches_regex(r"^(?:asyncio\.|queue\.)?(?:Queue|SimpleQueue)$"))
    empty = {"has": {"field": "arguments", "regex": r"^\(\s*\)$"}}
    infinite = all_of(
        call_of(PYTHON, matches_regex(r"^(?:trio\.|anyio\.)?(?:open_memory_channel|create_memory_object_stream)$")),
        {"has": {"field": "arguments", "regex": r"^\(\s*(?:math\.inf|inf|float\(.inf.\))\s*\)$"}},
    )
    audio = {"inside": {"kind": "assignment", "has": {"field": "left", "regex": _AUDIO_QUEUE}}}
    return all_of(any_of(all_of(made, empty), infinite), audio, _file_mentions_realtime(PYTHON))


UNBOUNDED_AUDIO_QUEUE = Rule(
    id="unbounded-audio-queue",
    severity=Severity.WARNING,
    title="The queue of buffered audio has no limit",
    cause="Audio takes 48 kB/s. While no session opens, the queue fills the memory with outdated audio.",
    fix="Limit it by duration and age, drop the oldest, and report how much was dropped",
    patterns={
        LanguageFamily.SCRIPT: _grows_unbounded(SCRIPT),
        LanguageFamily.PYTHON: any_of(_grows_unbounded(PYTHON), _queue_without_limit()),
    },
    keywords=("audio", "chunk", "pcm", "mic", "outgoing", "upstream", "speech"),
    and_keywords=(_QUEUE_WORDS, ("push", "append", "queue", "memory"), ("openai", "realtime", *_EVENT_FAMILIES)),
)

_SINCE_ERROR = r"(?i)-\s*(?:\w+\.)*_?last_?(?:error|err)\w*\s*>=?|-\s*(?:\w+\.)*\w*error_?(?:time|at|sent)\w*\s*>=?"


def _dropping_throttle(g: Grammar) -> Pattern:
    """Match `if (now - lastError > window) send(...)` without an else that keeps or sends what is held back."""
    condition = {"has": {"field": "condition", "regex": _SINCE_ERROR}}
    sends = matches_regex(r"(?i)\b(?:send\w*|emit\w*|write|notify\w*)\(|\.send(?:_\w+)?\(")
    body = {"has": {"field": "consequence", **sends}}
    branches = kind("else_clause") if g is SCRIPT else kind("else_clause", "elif_clause")
    other = has_child(all_of(branches, none_of(_only_logs(g))))
    return all_of(kind("if_statement"), condition, body, none_of(other))


def _only_logs(g: Grammar) -> Pattern:
    """Match a branch whose only statement is a call that logs."""
    logged = {"regex": r"(?i)^(?:await\s+)?(?:console|log\w*|print)(?:\.\w+)?\("}
    block = kind("statement_block" if g is SCRIPT else "block")
    statement = all_of(kind("expression_statement"), logged)
    alone = all_of(statement, {"nthChild": {"position": 1, "reverse": True}}, {"nthChild": 1})
    return has_child(any_of(statement, all_of(block, has_child(alone))))


_TOOL_DONE = "response.function_call_arguments.done"


def _tool_branch(g: Grammar) -> Pattern:
    """Match the code that runs when the arguments of a function call are complete."""
    if g is SCRIPT:
        case = {"kind": "switch_case", "has": {"field": "value", **string_literal(g, _TOOL_DONE)}}
        test = {"has": {"field": "condition", **has_descendant(string_literal(g, _TOOL_DONE))}}
        then = {"kind": "statement_block", "inside": {"kind": "if_statement", "field": "consequence", **test}}
        return any_of(case, then)
    case = {"kind": "case_clause", "has": all_of(kind("case_pattern"), has_descendant(string_literal(g, _TOOL_DONE)))}
    clause = kind("if_statement", "elif_clause")
    test = {"has": {"field": "condition", **has_descendant(string_literal(g, _TOOL_DONE))}}
    return any_of(case, {"kind": "block", "inside": {**all_of(clause, test), "field": "consequence"}})


RESPONSE_TOO_EARLY = Rule(
    id="response-too-early",
    severity=Severity.WARNING,
    title="The next response is requested before the current one has ended",
    cause="When the arguments of a call are complete, the response that made it is still running: "
    "conversation_already_has_active_response, and the caller waits in vain.",
    fix="Send the function's output at once, and response.create after response.done",
    patterns=for_all_languages(
        lambda g: all_of(message(g, "response.create"), _directly_in(_tool_branch(g), g.functions))
    ),
    find=response_within_response,
    keywords=(_TOOL_DONE, "response.output_item.done"),
)

ERROR_THROTTLE_DROPS = Rule(
    id="error-throttle-drops",
    severity=Severity.WARNING,
    title="The error throttle drops errors",
    cause="It forwards the first error and discards the following ones. The last one, which says how the "
    "session ended, may be among them.",
    fix="Keep the worst error that is held back, send it when the window opens, and always let fatal errors through",
    patterns=for_all_languages(_dropping_throttle),
    keywords=("lasterr", "last_err", "errortime", "error_time", "errorat", "error_at", "errorsent", "error_sent"),
)
