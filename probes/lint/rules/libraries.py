"""Rules about libraries: calls that no longer exist, or that do something else than expected. Values only.

Sources: `ws` 8, `websockets` 14 and later, the `openai` packages of 2026-11.
"""

from __future__ import annotations

from probes.lint.languages import PYTHON, SCRIPT, Grammar, LanguageFamily, Pattern
from probes.lint.rule import RewriteText, Rule, Scope
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    call_of,
    entry,
    file_contains,
    file_uses_realtime,
    for_all_languages,
    for_python,
    for_script,
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
from probes.lint.sources.project import compiles_to_commonjs, major_version
from reports.model import Severity


def _import(source: str, default: str = "") -> Pattern:
    """Match an ES module import from `source`, with this default import if one is given."""
    parts: list[Pattern] = [
        {"kind": "import_statement"},
        {"has": {"field": "source", "regex": f"^['\"]{source}['\"]$"}},
    ]
    if default:
        parts.append(has_child({"kind": "import_clause", "has": {"kind": "identifier", "regex": f"^{default}$"}}))
    return all_of(*parts)


_WS_DEFAULT = _import("ws", "WebSocket")
_WS_NAMESPACE = all_of(_import("ws"), has_descendant({"kind": "namespace_import", "regex": r"\bWebSocket$"}))
SERVER_CONSTRUCTOR = Rule(
    id="websocket-server-constructor",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="WebSocket.Server doesn't exist in ES modules",
    cause="import WebSocket from 'ws' imports the client, import * as WebSocket what ws exports; WebSocket.Server is "
    "undefined in both and exists only on what require('ws') returns (it works in TypeScript that is compiled to "
    "CommonJS).",
    fix="import { WebSocketServer } from 'ws', then new WebSocketServer(...)",
    patterns=for_script(
        all_of(
            kind("member_expression"),
            matches_regex(r"^WebSocket\.Server$"),
            has_parent(kind("new_expression")),
            file_contains(any_of(_WS_DEFAULT, _WS_NAMESPACE)),
        )
    ),
    is_right_in=compiles_to_commonjs,
    keywords=("websocket.server",),
    autofix=(
        RewriteText(r"^WebSocket\.Server$", "WebSocketServer"),
        RewriteText(r"import WebSocket from", "import WebSocket, { WebSocketServer } from", where=_WS_DEFAULT),
        RewriteText(
            r"\{(?!(?:.|\n)*\bWebSocketServer\b)\s*",
            "{ WebSocketServer, ",
            where=all_of(_WS_DEFAULT, has_descendant(kind("named_imports"))),
        ),
        RewriteText(r"^", "import { WebSocketServer } from 'ws';\n", where=_WS_NAMESPACE),
    ),
)

_BROWSER_CODE = any_of(
    all_of(
        kind("member_expression"),
        matches_regex(r"^(?:navigator\.mediaDevices|window\.\w+|document\.\w+|globalThis\.document)$"),
    ),
    all_of(kind("string"), matches_regex(quoted("use client"))),
)
HEADERS_IN_BROWSER = Rule(
    id="headers-in-browser",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="A browser WebSocket is given headers",
    cause="Browsers have no such argument: they throw, or treat it as subprotocols. The key is never sent.",
    fix='Offer the subprotocols ["realtime", "openai-insecure-api-key." + clientSecret], or use WebRTC',
    patterns=for_script(
        all_of(
            kind("new_expression"),
            {"has": {"field": "constructor", "regex": r"^(?:window\.)?WebSocket$"}},
            {"has": {"field": "arguments", "has": {"kind": "object", "has": entry(SCRIPT, "headers")}}},
            file_contains(_BROWSER_CODE),
            none_of(file_contains(all_of(kind("string"), matches_regex(quoted("ws|react-native|isomorphic-ws"))))),
        )
    ),
    keywords=("headers",),
    and_keywords=(("websocket",), ("navigator.mediadevices", "window.", "document", "use client")),
)


def _reads_event_data() -> Pattern:
    parameter = {
        "any": [
            {"kind": "identifier", "pattern": "$EVENT"},
            {"kind": "required_parameter", "has": {"pattern": "$EVENT"}},
        ]
    }
    parameters: Pattern = {"kind": "formal_parameters", "has": {"nthChild": 1, **parameter}}
    single: Pattern = {"has": {"field": "parameter", "pattern": "$EVENT"}}
    reads = {
        "kind": "member_expression",
        "all": [{"has": {"field": "object", "pattern": "$EVENT"}}, {"has": {"field": "property", "regex": "^data$"}}],
    }
    return all_of(
        kind("arrow_function", "function_expression"),
        any_of(has_child(parameters), single),
        {"has": {"field": "body", **any_of(reads, has_descendant(reads))}},
    )


MESSAGE_DATA = Rule(
    id="message-event-data",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="A ws listener treats its argument as a browser event",
    cause="on('message') of ws passes the data itself and whether it is binary; its .data is undefined.",
    fix="Take (data, isBinary) and use data; or use addEventListener('message', event => event.data)",
    patterns=for_script(
        all_of(
            method_call(SCRIPT, "on", r"(?i)(?:ws|socket|sock|client|connection|upstream)$"),
            has_child(
                all_of(kind("arguments"), has_child(string_literal(SCRIPT, "message")), has_child(_reads_event_data()))
            ),
            file_contains(
                any_of(
                    _import("ws"),
                    all_of(kind("call_expression"), matches_regex(r"^require\(['\"]ws['\"]\)$")),
                    # A type that only ws has.
                    {"kind": "required_parameter", "regex": r":\s*WebSocket\.MessageEvent\b"},
                )
            ),
        )
    ),
    keywords=("message",),
    and_keywords=(("'ws'", '"ws"', "websocket.messageevent"),),
)

_WEBSOCKETS_IMPORT = all_of(kind("import_statement", "import_from_statement"), matches_regex(r"\bwebsockets\b"))
#: Code that tries one name and, on a TypeError, the other: right with every version.
_TRIES_BOTH_NAMES = has_ancestor(
    all_of(kind("try_statement"), has_child({"kind": "except_clause", "regex": r"^except\b[^:\n]*\bTypeError\b"}))
)
_LEGACY_IMPORT = all_of(kind("import_statement", "import_from_statement"), matches_regex(r"websockets\.legacy"))
#: The version of websockets that renamed the argument.
_RENAMED_IN = 14
EXTRA_HEADERS = Rule(
    id="extra-headers",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="Headers are passed under a name that websockets no longer accepts",
    cause="connect(extra_headers=...) belongs to the legacy implementation; since websockets 14 it raises TypeError.",
    fix="Rename it to additional_headers",
    patterns=for_python(
        all_of(
            {"kind": "identifier", "regex": "^extra_headers$", "nthChild": 1},
            has_parent(
                all_of(
                    kind("keyword_argument"),
                    has_parent(
                        all_of(
                            kind("argument_list"),
                            has_parent(call_of(PYTHON, matches_regex(r"^(?:websockets\.(?:\w+\.)*)?connect$"))),
                        )
                    ),
                )
            ),
            file_contains(_WEBSOCKETS_IMPORT),
            none_of(file_contains(_LEGACY_IMPORT)),
            none_of(_TRIES_BOTH_NAMES),
        )
    ),
    is_right_in=lambda file: (major_version(file, "websockets") or _RENAMED_IN) < _RENAMED_IN,
    keywords=("extra_headers",),
    and_keywords=(("websockets",),),
    autofix=(RewriteText("^extra_headers$", "additional_headers"),),
)

BETA_SDK_CALL = Rule(
    id="beta-sdk-call",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="The SDK's beta client is used",
    cause="It sends OpenAI-Beta: realtime=v1, and the service refuses every such connection with close 4000.",
    fix="Use client.realtime; event names and session fields change with it",
    patterns=for_all_languages(
        lambda g: all_of(
            kind(g.member),
            matches_regex(r"\.beta\.realtime$"),
            none_of(matches_regex(r"\s")),
            has_parent(kind(g.member)),
        )
    ),
    keywords=("beta.realtime",),
    autofix=(RewriteText(r"\.beta\.realtime$", ".realtime"),),
    is_safe=False,
)

BETA_SDK_IMPORT = Rule(
    id="beta-sdk-import",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="The SDK's beta classes are imported",
    cause="They speak the beta dialect, which the service has refused since 2026-05-12. Releases of the "
    "SDK still have them (Python 3.57 does), so nothing else tells.",
    fix="Import them from openai/realtime (Python: openai.types.realtime); event names change with it",
    patterns={
        LanguageFamily.SCRIPT: any_of(
            all_of(
                string_matching(SCRIPT, quoted(r"openai/beta/realtime(?:/\w+)?|@openai/realtime-api-beta")),
                has_parent(
                    any_of(
                        kind("import_statement"),
                        all_of(
                            kind("arguments"),
                            has_parent(any_of(call_of(SCRIPT, matches_regex("^(?:require|import)$")))),
                        ),
                    )
                ),
            ),
        ),
        LanguageFamily.PYTHON: all_of(
            kind("dotted_name"),
            # The types alone break nothing: they are still there, and code that speaks GA may use them.
            matches_regex(r"^openai\.resources\.beta\.realtime(?:\.|$)"),
            has_ancestor(kind("import_from_statement", "import_statement")),
        ),
    },
    keywords=("openai/beta/realtime", "@openai/realtime-api-beta", "openai.resources.beta.realtime"),
    autofix=(
        RewriteText("openai/beta/realtime", "openai/realtime"),
        RewriteText(r"^openai\.resources\.beta\.realtime(?=$|\.realtime$)", "openai.resources.realtime"),
    ),
    is_safe=False,
)


def _blocks(g: Grammar) -> Pattern:
    """Match a blocking call directly in the function that reads the socket."""
    if g is SCRIPT:
        call = call_of(
            g,
            matches_regex(r"^(?:\w+\.)?(?:execSync|execFileSync|spawnSync|readFileSync|writeFileSync|appendFileSync)$"),
        )
        listener = method_call(g, "on|addEventListener", r"(?i)(?:ws|socket|sock|openai\w*|upstream|connection)$")
        named = has_child(all_of(kind("arguments"), has_child(string_literal(g, "message"))))
        return all_of(call, has_ancestor(all_of(listener, named)))
    call = call_of(
        g,
        matches_regex(
            r"^(?:time\.sleep|requests\.(?:get|post|put|patch|delete|request)|subprocess\.(?:run|check_output|check_call|call)|os\.system|urllib\.request\.urlopen)$"
        ),
    )
    reading = any_of(
        all_of(kind("for_statement"), matches_regex(r"^async\s+for\b")),
        method_call(g, "recv|receive|receive_json|receive_text|receive_str"),
    )
    own = {"inside": {**kind("function_definition"), "stopBy": kind("function_definition", "lambda")}}
    coroutine = all_of(kind("function_definition"), matches_regex(r"^async\s"), has_descendant(reading))
    return all_of(call, own, {"inside": {**coroutine, "stopBy": kind("function_definition", "lambda")}})


BLOCKING_CALL = Rule(
    id="blocking-call",
    severity=Severity.WARNING,
    title="A blocking call holds up the code that reads the socket",
    cause="While it blocks, no audio is read and no ping is answered: the connection ends with 1011 or 1006.",
    fix="Await an async version (asyncio.sleep, an async HTTP client), or run it in a thread: asyncio.to_thread(...)",
    patterns=for_all_languages(lambda g: all_of(_blocks(g), file_uses_realtime(g))),
    keywords=("time.sleep", "requests.", "subprocess.", "os.system", "urlopen", "sync("),
)
