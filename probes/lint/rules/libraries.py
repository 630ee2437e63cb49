"""Rules about libraries: calls that are gone, or do something else than they seem to. Values only; see `rules.py`.

Facts: `ws` 8, `websockets` 14 and later, the `openai` packages of 2026-11.
"""

from __future__ import annotations

from probes.lint.rule import Family, Rewrite, Rule, Shape
from probes.lint.rules.patterns import (
    PYTHON,
    SCRIPT,
    Grammar,
    all_of,
    both,
    call_of,
    child,
    deep,
    entry,
    in_file,
    kind,
    literal,
    looks_like,
    method,
    no,
    one_of,
    python,
    quoted,
    script,
    speaks_realtime,
    text,
    under,
    within,
)
from reports.model import Severity


def _import(source: str, default: str = "") -> Shape:
    """An import statement of ES modules, of a default name where one is given."""
    parts: list[Shape] = [{"kind": "import_statement"}, {"has": {"field": "source", "regex": f"^['\"]{source}['\"]$"}}]
    if default:
        parts.append(child({"kind": "import_clause", "has": {"kind": "identifier", "regex": f"^{default}$"}}))
    return all_of(*parts)


_WS_DEFAULT = _import("ws", "WebSocket")
SERVER_CONSTRUCTOR = Rule(
    id="websocket-server-constructor",
    severity=Severity.FAIL,
    title="A WebSocket server is made of a constructor that ES modules have not",
    why="import WebSocket from 'ws' brings the client; WebSocket.Server is undefined there and exists only in what "
    "require('ws') returns (TypeScript that is compiled to that gets away with it).",
    fix="import { WebSocketServer } from 'ws', then new WebSocketServer(...)",
    looks=script(
        all_of(
            kind("member_expression"),
            looks_like(r"^WebSocket\.Server$"),
            under(kind("new_expression")),
            in_file(_WS_DEFAULT),
        )
    ),
    words=("websocket.server",),
    edits=(
        Rewrite(r"^WebSocket\.Server$", "WebSocketServer"),
        Rewrite(r"import WebSocket from", "import WebSocket, { WebSocketServer } from", where=_WS_DEFAULT),
        Rewrite(
            r"\{(?!(?:.|\n)*\bWebSocketServer\b)\s*",
            "{ WebSocketServer, ",
            where=all_of(_WS_DEFAULT, deep(kind("named_imports"))),
        ),
    ),
)

_BROWSER = one_of(
    all_of(
        kind("member_expression"),
        looks_like(r"^(?:navigator\.mediaDevices|window\.\w+|document\.\w+|globalThis\.document)$"),
    ),
    all_of(kind("string"), looks_like(quoted("use client"))),
)
HEADERS_IN_BROWSER = Rule(
    id="headers-in-browser",
    severity=Severity.FAIL,
    title="A browser's WebSocket is given headers",
    why="Browsers have no such argument: they throw, or take it for subprotocols. The key never leaves.",
    fix='Offer the subprotocols ["realtime", "openai-insecure-api-key." + clientSecret], or use WebRTC',
    looks=script(
        all_of(
            kind("new_expression"),
            {"has": {"field": "constructor", "regex": r"^(?:window\.)?WebSocket$"}},
            {"has": {"field": "arguments", "has": {"kind": "object", "has": entry(SCRIPT, "headers")}}},
            in_file(_BROWSER),
            no(in_file(all_of(kind("string"), looks_like(quoted("ws|react-native|isomorphic-ws"))))),
        )
    ),
    words=("headers",),
)


def _listens_wrongly() -> Shape:
    parameter = {
        "any": [
            {"kind": "identifier", "pattern": "$EVENT"},
            {"kind": "required_parameter", "has": {"pattern": "$EVENT"}},
        ]
    }
    parameters: Shape = {"kind": "formal_parameters", "has": {"nthChild": 1, **parameter}}
    single: Shape = {"has": {"field": "parameter", "pattern": "$EVENT"}}
    reads = {
        "kind": "member_expression",
        "all": [{"has": {"field": "object", "pattern": "$EVENT"}}, {"has": {"field": "property", "regex": "^data$"}}],
    }
    return all_of(
        kind("arrow_function", "function_expression"),
        one_of(child(parameters), single),
        {"has": {"field": "body", **one_of(reads, deep(reads))}},
    )


MESSAGE_DATA = Rule(
    id="message-event-data",
    severity=Severity.FAIL,
    title="A listener takes what ws gives it for a browser's event",
    why="on('message') of ws hands over the data itself and whether it was binary; its .data is undefined.",
    fix="Take (data, isBinary) and use data; or listen by addEventListener('message', event => event.data)",
    looks=script(
        all_of(
            method(SCRIPT, "on", r"(?i)(?:ws|socket|sock|client|connection|upstream)$"),
            child(all_of(kind("arguments"), child(literal(SCRIPT, "message")), child(_listens_wrongly()))),
            in_file(
                one_of(
                    _import("ws"),
                    all_of(kind("call_expression"), looks_like(r"^require\(['\"]ws['\"]\)$")),
                    # A type that only this library has.
                    {"kind": "required_parameter", "regex": r":\s*WebSocket\.MessageEvent\b"},
                )
            ),
        )
    ),
    words=("message",),
)

_IMPORTED = all_of(kind("import_statement", "import_from_statement"), looks_like(r"\bwebsockets\b"))
_OLD = all_of(kind("import_statement", "import_from_statement"), looks_like(r"websockets\.legacy"))
EXTRA_HEADERS = Rule(
    id="extra-headers",
    severity=Severity.FAIL,
    title="Headers are handed over under a name that websockets no longer knows",
    why="connect(extra_headers=...) is of the old implementation; since websockets 14 it ends in a TypeError.",
    fix="Call it additional_headers",
    looks=python(
        all_of(
            {"kind": "identifier", "regex": "^extra_headers$"},
            under(
                all_of(
                    kind("keyword_argument"),
                    under(
                        all_of(
                            kind("argument_list"),
                            under(call_of(PYTHON, looks_like(r"^(?:websockets\.(?:\w+\.)*)?connect$"))),
                        )
                    ),
                )
            ),
            in_file(_IMPORTED),
            no(in_file(_OLD)),
        )
    ),
    words=("extra_headers",),
    edits=(Rewrite("^extra_headers$", "additional_headers"),),
)

BETA_SDK_CALL = Rule(
    id="beta-sdk-call",
    severity=Severity.FAIL,
    title="The SDK's beta client is used",
    why="It sends OpenAI-Beta: realtime=v1: the service refuses every connection with close 4000.",
    fix="Use client.realtime; event names and the session's shape change with it",
    looks=both(
        lambda g: all_of(
            kind(g.member),
            looks_like(r"\.beta\.realtime$"),
            no(looks_like(r"\s")),
            under(kind(g.member)),
        )
    ),
    words=("beta.realtime",),
    edits=(Rewrite(r"\.beta\.realtime$", ".realtime"),),
)

BETA_SDK_IMPORT = Rule(
    id="beta-sdk-import",
    severity=Severity.FAIL,
    title="The SDK's beta classes are imported",
    why="They speak the beta, which the service refuses since 2026-05-12, and later releases are without them.",
    fix="Import them from openai/realtime (Python: openai.types.realtime); event names change with it",
    looks={
        Family.SCRIPT: one_of(
            all_of(
                text(SCRIPT, quoted(r"openai/beta/realtime(?:/\w+)?|@openai/realtime-api-beta")),
                under(
                    one_of(
                        kind("import_statement"),
                        all_of(kind("arguments"), under(one_of(call_of(SCRIPT, looks_like("^(?:require|import)$"))))),
                    )
                ),
            ),
        ),
        Family.PYTHON: all_of(
            kind("dotted_name"),
            looks_like(r"^openai\.(?:types|resources)\.beta\.realtime(?:\.|$)"),
            within(kind("import_from_statement", "import_statement")),
        ),
    },
    words=("beta",),
    edits=(
        Rewrite("openai/beta/realtime", "openai/realtime"),
        Rewrite(r"^openai\.(types|resources)\.beta\.realtime", r"openai.\1.realtime"),
    ),
)


def _blocks(g: Grammar) -> Shape:
    """A call that waits without letting others go on, right in what reads the socket."""
    if g is SCRIPT:
        call = call_of(
            g, looks_like(r"^(?:\w+\.)?(?:execSync|execFileSync|spawnSync|readFileSync|writeFileSync|appendFileSync)$")
        )
        listener = method(g, "on|addEventListener", r"(?i)(?:ws|socket|sock|openai\w*|upstream|connection)$")
        named = child(all_of(kind("arguments"), child(literal(g, "message"))))
        return all_of(call, within(all_of(listener, named)))
    call = call_of(
        g,
        looks_like(
            r"^(?:time\.sleep|requests\.(?:get|post|put|patch|delete|request)|subprocess\.(?:run|check_output|check_call|call)|os\.system|urllib\.request\.urlopen)$"
        ),
    )
    reading = one_of(
        all_of(kind("for_statement"), looks_like(r"^async\s+for\b")),
        method(g, "recv|receive|receive_json|receive_text|receive_str"),
    )
    own = {"inside": {**kind("function_definition"), "stopBy": kind("function_definition", "lambda")}}
    coroutine = all_of(kind("function_definition"), looks_like(r"^async\s"), deep(reading))
    return all_of(call, own, {"inside": {**coroutine, "stopBy": kind("function_definition", "lambda")}})


BLOCKING_CALL = Rule(
    id="blocking-call",
    severity=Severity.WARNING,
    title="What reads the socket is held up by a call that blocks",
    why="While it waits, no audio is read and no ping is answered: the connection ends with 1011 or 1006.",
    fix="Await it (asyncio.sleep, an async HTTP client), or hand it to a thread: asyncio.to_thread(...)",
    looks=both(lambda g: all_of(_blocks(g), speaks_realtime(g))),
    words=("time.sleep", "requests.", "subprocess.", "os.system", "urlopen", "sync("),
)
