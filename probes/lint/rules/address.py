"""Rules about connecting: URLs, and the models that they name. Values only.

Sources: the OpenAPI description of 2026-08, recordings of 2026-09, Azure's migration guide of 2026-02.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.lint.analysis.calls import arguments_of
from probes.lint.analysis.code import string_value
from probes.lint.languages import PYTHON, SCRIPT, Grammar, Pattern
from probes.lint.rule import Found, RewriteText, Rule, Scope
from probes.lint.rules.patterns import (
    all_of,
    any_of,
    call_of,
    entry,
    file_contains,
    for_all_languages,
    has_ancestor,
    has_child,
    has_parent,
    kind,
    matches_regex,
    method_call,
    none_of,
    object_with,
    quoted,
    string_literal,
    string_matching,
)
from reports.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.lint.analysis.sessions import RealtimeCode


def arguments_kind(g: Grammar) -> Pattern:
    """Match the arguments of a call."""
    return kind("arguments" if g is SCRIPT else "argument_list")


#: The start of a string with a URL below the socket's.
_BELOW_SOCKET_URL = r"^[A-Za-z]{0,2}['\"`]wss://api\.openai\.com/v1/realtime/"
#: Ids of models; those of realtime models contain that word, which is excluded separately.
_OTHER_MODEL = r"(?:gpt|whisper|o[1-9])[\w.-]*"

AUTHORIZATION_IN_URL = Rule(
    id="authorization-in-url",
    severity=Severity.FAIL,
    title="A URL contains an Authorization header",
    cause="The service ignores credentials in the query and answers as if none were sent (close 3000), and the "
    "token ends up in every log on the way.",
    fix="Send the header Authorization: Bearer; in a browser the subprotocol openai-insecure-api-key.<client secret>",
    patterns=for_all_languages(
        lambda g: all_of(
            string_matching(g, r"(?i)[?&]authorization=(?:bearer|basic|\$\{|\{)"),
            matches_regex(r"wss?://|https://|[$\w]*\{"),
        )
    ),
    keywords=("uthorization=",),
)

KEY_IN_URL = Rule(
    id="key-in-url",
    severity=Severity.FAIL,
    title="The service's URL contains a key",
    cause="The service ignores credentials in the query and answers as if none were sent (close 3000), and the "
    "key ends up in every log on the way.",
    fix="Send the header Authorization: Bearer; in a browser the subprotocol openai-insecure-api-key.<client secret>",
    patterns=for_all_languages(
        lambda g: string_matching(
            g, r"(?i)api\.openai\.com/v1/\S*[?&](?:api[-_]?key|key|token|access_token|client_secret|ephemeral_key)="
        )
    ),
    keywords=("api.openai.com",),
    and_keywords=(("key=", "token=", "secret="),),
)

SESSION_ID_IN_PATH = Rule(
    id="session-id-in-path",
    severity=Severity.FAIL,
    title="A session id is part of the socket's path",
    cause="Sessions have no URL of their own: a WebSocket to /v1/realtime opens a new session. The id returned "
    "with a client secret only names what the secret was created for.",
    fix="Open wss://api.openai.com/v1/realtime?model=MODEL with the client secret as bearer token",
    patterns=for_all_languages(
        lambda g: any_of(
            string_matching(g, rf"{_BELOW_SOCKET_URL}(?:\$?\{{|sess_|sessions\b)"),
            all_of(
                string_matching(g, rf"{_BELOW_SOCKET_URL}(?:sessions/)?['\"`]$"),
                {
                    "inside": {
                        "kind": "binary_expression" if g is SCRIPT else "binary_operator",
                        "has": {"field": "right", "regex": r"(?i)(?:session|\bid$|_id$|\.id$)"},
                    }
                },
            ),
        )
    ),
    keywords=("/v1/realtime/",),
)


def _query_of_url(query: str) -> Pattern:
    """Match a string with this query that continues the URL of the socket: `f"wss://..." f"?..."`."""
    url = {"kind": "concatenated_string", "regex": r"wss?://[^/\s]*\.openai\.(?:azure\.)?com"}
    return all_of(string_matching(PYTHON, rf"^[A-Za-z]{{0,2}}['\"]{query}"), has_parent(url))


MODEL_WITH_INTENT = Rule(
    id="model-with-intent",
    severity=Severity.FAIL,
    title="A transcription URL also names a model",
    cause="With intent=transcription the query must not contain a model: invalid_model, close 4000.",
    fix="Keep only ?intent=transcription, and set the model in session.update: audio.input.transcription.model",
    patterns=for_all_languages(
        lambda g: any_of(
            string_matching(
                g,
                r"^[A-Za-z]{0,2}['\"`](?:wss?://(?:[^/\s]*\.openai\.(?:azure\.)?com)|\$?\{)[^\s]*realtime\?"
                r"(?:\S*&)?(?:intent=transcription&(?:\S*&)?model=|model=[^&\s]*&(?:\S*&)?intent=transcription)",
            ),
            object_with(g, entry(g, "intent", string_literal(g, "transcription")), entry(g, "model")),
            *([] if g is SCRIPT else [_query_of_url(r"\?intent=transcription&(?:\S*&)?model=")]),
        )
    ),
    keywords=("transcription",),
    and_keywords=(("intent",),),
)


def _opens_conversation(g: Grammar) -> Pattern:
    """Match a call that opens or mints a conversation session, by the names that SDKs and their users give it."""
    called = matches_regex(r"(?i)(?:realtime\.connect|createRealtimeSession|create_realtime_session|RealtimeSession)$")
    opened = call_of(g, called)
    if g is not SCRIPT:
        return opened
    made = all_of(
        kind("new_expression"), {"has": {"field": "constructor", "regex": "^(?:OpenAIRealtime|RealtimeSession)"}}
    )
    return any_of(opened, made)


WRONG_MODEL = Rule(
    id="wrong-model",
    severity=Severity.FAIL,
    title="A realtime conversation is opened with a model that doesn't support it",
    cause="The conversation socket serves only realtime models: invalid_model, close 4000.",
    fix="Use a realtime model (sherpa-probe models lists them); a transcription model belongs in "
    "audio.input.transcription.model, on ?intent=transcription",
    patterns=for_all_languages(
        lambda g: any_of(
            all_of(
                string_matching(g, rf"wss?://api\.openai\.com/v1/realtime\?(?:\S*&)?model={_OTHER_MODEL}(?:[&'\"`]|$)"),
                none_of(matches_regex(r"model=[\w.-]*realtime|intent=")),
            ),
            all_of(
                string_matching(g, quoted(_OTHER_MODEL)),
                none_of(matches_regex("realtime")),
                {"inside": {**entry(g, "model"), "stopBy": none_of(g.transparent)}},
                has_ancestor(_opens_conversation(g)),
                none_of(has_ancestor(entry(g, "transcription|input_audio_transcription|inputAudioTranscription"))),
            ),
        )
    ),
    keywords=("gpt-", "whisper"),
    and_keywords=(
        ("/v1/realtime?", "realtime.connect", "realtimesession", "create_realtime_session", "openairealtime"),
    ),
)

SDP_ADDRESS = Rule(
    id="sdp-address",
    severity=Severity.FAIL,
    scope=Scope.BETA,
    title="An SDP offer is sent to the beta's URL",
    cause="POST /v1/realtime accepted SDP offers in the beta; today it answers beta_api_shape_disabled.",
    fix="Post the offer to https://api.openai.com/v1/realtime/calls; the answer has status 201",
    patterns=for_all_languages(
        lambda g: all_of(
            string_matching(g, r"^[A-Za-z]{0,2}['\"`]https://api\.openai\.com/v1/realtime(?:\?[^'\"`]*)?['\"`]$"),
            file_contains(string_matching(g, quoted("application/sdp"))),
        )
    ),
    keywords=("application/sdp",),
    autofix=(RewriteText(r"(/v1/realtime)(?:\?[^'\"`]*)?(['\"`])$", r"\1/calls\2"),),
    is_safe=False,
)


def _sends_request(g: Grammar) -> Pattern:
    """Match a call that sends a request, not one that registers a route."""
    named = call_of(g, matches_regex(r"(?i)^(?:await\s+)?(?:fetch|(?:\w+\.)*(?:post|request|fetch))$"))
    return all_of(named, none_of(call_of(g, matches_regex(r"(?i)^(?:\w+\.)*(?:app|router|server)\.post$"))))


_BETA_MINT_PATHS = r"(?:transcription_)?sessions"


def _posts_to_beta_address(code: RealtimeCode) -> Iterator[Found]:
    """Find addresses that are put together and then posted to: `f"{base}/v1/realtime/sessions"`."""
    for verb in ("post", "fetch"):
        for call in code.calls.get(verb, ()):
            first = next(iter(arguments_of(call)), None)
            for node in code.values.strings(first) if first is not None else ():
                if _BETA_MINT_PATH.search(string_value(node)):
                    yield Found(node)


_BETA_MINT_PATH = re.compile(r"(?:\}|^)(?:/openai)?/v1/realtime/(?:transcription_)?sessions$")
MINT_ADDRESS = Rule(
    id="beta-mint-address",
    severity=Severity.WARNING,
    scope=Scope.BETA,
    title="A client secret is requested at the beta's URL",
    cause="These URLs return a session of the beta's shape with a secret that is valid for one minute. The beta "
    "has ended, and they may disappear any day.",
    fix='Post {"session": {"type": "realtime", ...}} to /v1/realtime/client_secrets; the secret is the top-level '
    "field value",
    patterns=for_all_languages(
        lambda g: all_of(
            any_of(
                string_matching(g, rf"api\.openai\.com/v1/realtime/{_BETA_MINT_PATHS}[?'\"`]"),
                all_of(
                    string_matching(g, rf"(?:^[A-Za-z]{{0,2}}['\"`]|\}})(?:/v1)?/realtime/{_BETA_MINT_PATHS}['\"`]$"),
                    file_contains(string_matching(g, r"^[A-Za-z]{0,2}['\"`]https://api\.openai\.com(?:/v1)?/?['\"`]$")),
                    has_parent(
                        all_of(kind("arguments" if g is SCRIPT else "argument_list"), has_parent(_sends_request(g)))
                    ),
                ),
            ),
        )
    ),
    find=_posts_to_beta_address,
    keywords=("/realtime/sessions", "/realtime/transcription_sessions"),
)

_AZURE_GA_PATH = r"/openai/v1/realtime(?:/[\w/]+)?\?"
AZURE_API_VERSION = Rule(
    id="azure-api-version",
    severity=Severity.WARNING,
    title="Azure's GA URL has an api-version parameter",
    cause="/openai/v1/realtime takes none with a date: the upgrade is refused with 401 or 404. Public reports "
    "say that api-version=preview is accepted; it isn't needed.",
    fix="Remove the parameter: wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT",
    patterns=for_all_languages(
        lambda g: all_of(
            string_matching(g, rf"{_AZURE_GA_PATH}(?:[^\s'\"`]*&)?api-version="),
            none_of(matches_regex(r"api-version=preview(?:[&'\"`]|$)")),
        )
    ),
    keywords=("api-version=",),
    autofix=(
        RewriteText(r"&api-version=(?:\$?\{[^{}]*\}|[^&\s'\"`{}])*", ""),
        RewriteText(r"\?api-version=(?:\$?\{[^{}]*\}|[^&\s'\"`{}])*&?", "?"),
    ),
)

AZURE_PREVIEW = Rule(
    id="azure-preview-address",
    severity=Severity.WARNING,
    title="Azure's preview URL is deprecated",
    cause="/openai/realtime with a preview api-version speaks the beta dialect and has been deprecated since "
    "2026-04-30.",
    fix="Move to wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT, with GA session fields and "
    "event names",
    patterns=for_all_languages(
        lambda g: any_of(
            string_matching(g, r"(?:^|[^\w.-])openai/realtime(?:api/sessions)?\?\S*api-version="),
            all_of(
                method_call(g, "set|append"),
                has_child(all_of(arguments_kind(g), has_child(string_literal(g, "api-version")))),
                file_contains(string_matching(g, r"['\"`/]openai/realtime['\"`?]")),
            ),
        )
    ),
    keywords=("api-version",),
)
