"""Rules about keys and secrets: where they must not appear, and what is mistaken for one. Values only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import arguments_of
from probes.lint.analysis.code import string_value
from probes.lint.languages import SCRIPT, Grammar, Pattern
from probes.lint.rule import Found, Rule, Scope
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    assigned_to,
    call_of,
    entry,
    file_contains,
    for_all_languages,
    for_script,
    has_child,
    has_descendant,
    has_parent,
    kind,
    matches_regex,
    none_of,
    string_matching,
)
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ast_grep_py import SgNode

    from probes.lint.analysis.sessions import RealtimeCode

KEY_IN_SOURCE = Rule(
    id="key-in-source",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="The source contains an API key",
    cause="Anyone who reads the code, its history or a bundle made from it can use the key at your expense.",
    fix="Revoke the key, then read the new one from the environment or a secret store",
    patterns=for_all_languages(
        lambda g: all_of(
            string_matching(
                g, r"^[A-Za-z]{0,2}['\"`]{1,3}(?:Bearer )?sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}['\"`]{1,3}$"
            ),
            # Placeholders typed by hand lack digits, or capitals among them.
            *map(matches_regex, ("sk-.*[0-9]", "sk-.*[A-Z]", "sk-.*[a-z]")),
            none_of(matches_regex(r"(?i)xxxx|0000|your|example|placeholder|test|fake|dummy|should|1234567|abcdef")),
        )
    ),
    keywords=("'sk-", '"sk-', "`sk-", "bearer sk-"),
)

_PUBLISHED_VARIABLE = (
    r"(?:VITE|NEXT_PUBLIC|REACT_APP|EXPO_PUBLIC|NUXT_PUBLIC|GATSBY|VUE_APP|PUBLIC)_\w*OPENAI\w*(?:KEY|SECRET|TOKEN)"
)
KEY_IN_BUNDLE = Rule(
    id="key-in-bundle",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="An API key is read from a variable that bundlers publish",
    cause="Bundlers copy variables with this prefix into the code that every browser downloads.",
    fix="Keep the key on a server, create a client secret there (/v1/realtime/client_secrets) and pass that to "
    "the browser",
    patterns=for_script(
        all_of(
            {"kind": "member_expression"},
            {"has": {"field": "object", "regex": r"^(?:process\.env|import\.meta\.env)$"}},
            {"has": {"field": "property", "regex": f"^{_PUBLISHED_VARIABLE}$"}},
        )
    ),
    keywords=("openai",),
    and_keywords=(("vite_", "public_", "react_app_", "gatsby_", "vue_app_"),),
)

KEY_IN_SUBPROTOCOL = Rule(
    id="key-in-subprotocol",
    severity=Severity.WARNING,
    title="An API key is sent in the subprotocol meant for client secrets",
    cause="The subprotocol is made for browsers, where anyone can read a permanent key.",
    fix="Send a client secret there (ek_..., from /v1/realtime/client_secrets); on a server send Authorization: Bearer",
    patterns=for_all_languages(
        lambda g: string_matching(
            g,
            r"openai-insecure-api-key\.(?:sk-|\$?\{(?:[^}]*[.\[\"'])?(?:[A-Z_]*OPENAI_API_KEY|OPENAI_KEY)\b)",
        )
    ),
    keywords=("openai-insecure-api-key.",),
)

_SECRET_NAMES = r"(?i)ephemeral|\bek\b|ek_|client_?secret|secret|token"  # noqa: S105 - names, not a value
BROWSER_KEY_ALLOWED = Rule(
    id="browser-key-allowed",
    severity=Severity.WARNING,
    scope=Scope.LANGUAGE,
    title="The protection against API keys in browsers is switched off",
    cause="With this option a permanent API key runs in a web page, where anyone can read it.",
    fix="Create a client secret on a server, pass it to the browser and use it as the key",
    patterns=for_script(
        all_of(
            entry(SCRIPT, "dangerouslyAllowBrowser|useInsecureApiKey|dangerouslyAllowAPIKeyInBrowser", kind("true")),
            none_of(has_parent(has_child(entry(SCRIPT, "apiKey", matches_regex(_SECRET_NAMES))))),
        )
    ),
    keywords=("dangerouslyallow", "useinsecureapikey"),
)

_KEY_FROM_ENVIRONMENT = (
    r"^(?:process\.env\.OPENAI_API_KEY|process\.env\[['\"]OPENAI_API_KEY['\"]\]"
    r"|os\.environ\[['\"]OPENAI_API_KEY['\"]\]|os\.environ\.get\(['\"]OPENAI_API_KEY['\"]\)"
    r"|os\.getenv\(['\"]OPENAI_API_KEY['\"]\)|OPENAI_API_KEY)$"
)


def _logs_key(g: Grammar) -> Pattern:
    log = matches_regex(r"^(?:console|logger|log|logging)\.(?:log|debug|info|warn|warning|error)$|^print$")
    shown = all_of(
        kind("string"), has_descendant(all_of(kind("interpolation"), has_child(matches_regex(_KEY_FROM_ENVIRONMENT))))
    )
    arguments = "arguments" if g is SCRIPT else "argument_list"
    held = has_child(any_of(matches_regex(_KEY_FROM_ENVIRONMENT), *([_template_key()] if g is SCRIPT else [shown])))
    return all_of(call_of(g, log), has_child(all_of(kind(arguments), held)))


def _template_key() -> Pattern:
    whole = all_of(kind("template_substitution"), has_child(matches_regex(_KEY_FROM_ENVIRONMENT)))
    return all_of(kind("template_string"), has_child(whole))


KEY_LOGGED = Rule(
    id="key-logged",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="The API key is logged",
    cause="Logs are stored, copied and read by more people than are allowed to use the key.",
    fix="Log whether the key is set, or its last four characters",
    patterns=for_all_languages(_logs_key),
    keywords=("openai_api_key",),
)

_TOKEN_NAMES = r"(?i)(?:^|[._])(?:token|auth_?token|bearer_?token|client_?secret|ephemeral_?(?:key|token)|secret)$"  # noqa: S105 - names, not a value
_SESSION_ID = r"^(?:this\.|self\.)?(?:session_?id|(?:\w+\.)*\w*session\w*(?:\?)?\.id|\w*session\w*\[['\"]id['\"]\])$"
SESSION_ID_AS_TOKEN = Rule(
    id="session-id-as-token",
    severity=Severity.FAIL,
    title="A session id is used as a token",
    cause="The id (sess_...) is only a name and grants no access: invalid_api_key, close 3000.",
    fix="Use the client secret: the top-level field value (in the beta: client_secret.value)",
    patterns=for_all_languages(
        lambda g: all_of(
            matches_regex(f"(?i){_SESSION_ID}"),
            assigned_to(g, _TOKEN_NAMES),
            file_contains(string_matching(g, r"/v1/realtime|/realtime/(?:client_secrets|sessions)|realtime\?model=")),
        )
    ),
    keywords=("/realtime", "realtime?model="),
    and_keywords=(("token", "secret", "ephemeral"), ("session",)),
)

_GA_MINT_PATH = "/realtime/client_secrets"
_NESTED_SECRET = re.compile(
    r"""^([\w.?!]+?)[?!]?(?:\.client_secret[?!]?\.value|\[["']client_secret["']\]\[["']value["']\])$"""
)
#: What stands before the field may be long; a longer path is no plain read of an answer.
_LONGEST_SECRET_PATH = 120


def _nested_secrets(code: RealtimeCode) -> Iterator[Found]:
    """Find `data.client_secret.value` in a file that never reads `data.value`: one with both takes either answer."""
    if not _MINTS.search(code.text) or _MINTS_BETA.search(code.text):
        return
    for node in code.of_kind(code.grammar.member, "subscript", "subscript_expression"):
        found = _NESTED_SECRET.match(node.text()[-_LONGEST_SECRET_PATH:])
        parent = node.parent()
        if found is None or (parent is not None and parent.kind() in _READS_ON):
            continue
        if not re.search(rf"\b{re.escape(found[1])}[?!]?(?:\.value\b|\[['\"]value|\.get\(['\"]value)", code.text):
            yield Found(node)


_MINTS = re.compile(rf"{_GA_MINT_PATH}['\"`?\s]")
_MINTS_BETA = re.compile(r"/realtime/(?:transcription_)?sessions['\"`?]")
#: What is read on, or is one of several choices.
_READS_ON = frozenset(
    {"member_expression", "attribute", "binary_expression", "boolean_operator", "ternary_expression"}
    | {"conditional_expression"}
)
NESTED_SECRET = Rule(
    id="nested-client-secret",
    severity=Severity.FAIL,
    title="The client secret is read from the beta's field",
    cause="/v1/realtime/client_secrets returns the secret in the top-level field value; there is no client_secret "
    "in its answer.",
    fix="Read value instead of client_secret.value",
    find=_nested_secrets,
    keywords=(_GA_MINT_PATH,),
)


def _mints_without_type(g: Grammar) -> Pattern:
    """Match a session without a type in a request for a client secret, or in the SDK's call for one."""
    session = all_of(
        kind(g.object),
        none_of(has_child(entry(g, "type"))),
        none_of(has_child(kind("spread_element" if g is SCRIPT else "dictionary_splat"))),
        {"inside": entry(g, "session")},
    )
    posted = all_of(kind(g.call), has_descendant(string_matching(g, rf"{_GA_MINT_PATH}['\"`?]")))
    verb = call_of(g, matches_regex(r"(?i)\bclient_?secrets\.create$"))
    return all_of(session, {"inside": {**any_of(posted, verb), "stopBy": "end"}})


MINT_WITHOUT_TYPE = Rule(
    id="mint-without-type",
    severity=Severity.FAIL,
    title="A client secret is requested for a session without a type",
    cause="session.type is required: missing_required_parameter, status 400.",
    fix='Add "type": "realtime" or "type": "transcription"',
    patterns=for_all_languages(_mints_without_type),
    keywords=("client_secrets", "clientsecrets"),
)


_HANDED_NAMES = re.compile(r"(?i)^(?:client_?secret|ephemeral_?(?:key|token)|api_?key|openai_?api_?key)$")
_ANSWERS = re.compile(r"(?:^|\.)(?:json|jsonify|JSONResponse|Response|send|reply)$")
_KEY_NAME = re.compile(r"(?:^|[.\[\"'(])OPENAI_API_KEY(?:[\"')\]]|$)")


def _handed_out_keys(code: RealtimeCode) -> Iterator[Found]:
    """Find the key itself as the value of a client secret, or in what a handler answers."""
    for pair in code.of_kind("pair"):
        key, value = pair.field("key"), pair.field("value")
        if key is None or value is None or not _HANDED_NAMES.match(string_value(key)):
            continue
        is_secret = re.match(r"(?i)client|ephemeral", string_value(key)) is not None
        inner = code.values.fields_of(value).named("value") if value.kind() == code.grammar.object else []
        given = [value, *(entry.value for entry in inner)]
        if any(_is_key(code, each) for each in given) and (is_secret or _is_answer(code, pair)):
            yield Found(pair)


def _is_key(code: RealtimeCode, value: SgNode) -> bool:
    """Whether an expression is the permanent key: the variable of the environment, by itself or through a name."""
    if value.kind() in {code.grammar.object, *code.grammar.string_kinds}:
        return False
    if _KEY_NAME.search(value.text()[-_LONGEST_KEY_EXPRESSION:]):
        return True
    bound = code.bindings.get(value.text(), []) if value.kind() == "identifier" else []
    return any(_KEY_NAME.search(binding.value.text()[-_LONGEST_KEY_EXPRESSION:]) for binding in bound)


_LONGEST_KEY_EXPRESSION = 60


def _is_answer(code: RealtimeCode, pair: SgNode) -> bool:
    call = next((each for each in pair.ancestors() if each.kind() in {code.grammar.call, "new_expression"}), None)
    function = None if call is None else call.field("function") or call.field("constructor")
    return function is not None and bool(_ANSWERS.search(function.text()))


KEY_HANDED_OUT = Rule(
    id="key-handed-out",
    severity=Severity.FAIL,
    scope=Scope.LANGUAGE,
    title="The API key itself is handed out as a client secret",
    cause="Every visitor of the page can read the permanent key and use it at your expense.",
    fix="Create a client secret (POST /v1/realtime/client_secrets) and hand out its value, which ends after minutes",
    find=_handed_out_keys,
    keywords=("openai_api_key",),
)

_LOGGED_SECRET = re.compile(
    r"(?i)(?:^|[\w.\]?)\[\"'])(?:ephemeral_?(?:key|token)|client_?secret(?:['\"]\])?(?:\??\.value|\[['\"]value['\"]\])?)['\"\]]*$"
)
_LOG_CALL = re.compile(r"^(?:console|logger|log|logging)\.(?:log|debug|info|warn|warning|error)$|^print$")


def _logged_secrets(code: RealtimeCode) -> Iterator[Found]:
    for verb in ("log", "debug", "info", "warn", "warning", "error", "print"):
        for call in code.calls.get(verb, ()):
            function = call.field("function")
            if function is not None and _LOG_CALL.match(function.text()):
                shown = [each for argument in arguments_of(call) for each in _shown(argument)]
                if any(_LOGGED_SECRET.search(each.text()) for each in shown if each.kind() in _PATHS):
                    yield Found(call)


_PATHS = frozenset({"identifier", "member_expression", "attribute", "subscript", "subscript_expression"})


def _shown(argument: SgNode) -> list[SgNode]:
    """Return an argument and, in a template, the expressions in it."""
    parts = [part for part in argument.children() if part.kind() in {"template_substitution", "interpolation"}]
    return [argument, *(inner for part in parts for inner in part.children())]


SECRET_LOGGED = Rule(
    id="secret-logged",
    severity=Severity.WARNING,
    scope=Scope.LANGUAGE,
    title="A client secret is logged",
    cause="Whoever reads the log within its lifetime can open sessions at your expense.",
    fix="Log that a secret was received, and when it ends",
    find=_logged_secrets,
    keywords=("ephemeral", "client_secret", "clientsecret"),
)
