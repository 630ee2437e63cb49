"""Rules about the way in: addresses, headers, subprotocols and models. Values only; see `rules.py`.

Facts: the published description of 2026-08, recordings of 2026-09, Azure's migration guide of 2026-02.
"""

from __future__ import annotations

from bridge.protocol.dialects.detection import BETA_SUBPROTOCOL
from probes.lint.rule import Pattern, RemoveElement, RewriteText, Rule
from probes.lint.rules.patterns import (
    SCRIPT,
    Grammar,
    all_of,
    any_of,
    call_of,
    entry,
    file_contains,
    file_names_other_service,
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

_BETA_GONE = "The service refuses whoever asks for the beta since 2026-05-12: beta_api_shape_disabled, close 4000."
#: The header's name and value, however they are written.
_NAME, _VALUE = "(?i:openai-beta)", r"realtime=v1"
#: The beginning of a literal that holds an address below the socket's.
_SOCKET = r"^[A-Za-z]{0,2}['\"`]wss://api\.openai\.com/v1/realtime/"
#: Ids that are surely models; those of realtime models hold the word itself.
_NO_REALTIME_MODEL = r"(?:gpt|whisper|o[1-9])[\w.-]*"


def _set_header(g: Grammar) -> Pattern:
    """`headers["OpenAI-Beta"] = "realtime=v1"`, as each language has it."""
    sides = [
        {"has": {"field": "left", "regex": rf"\[['\"`]{_NAME}['\"`]\]$"}},
        {"has": {"field": "right", **string_literal(g, _VALUE)}},
    ]
    return {"kind": "assignment_expression" if g is SCRIPT else "assignment", "all": sides}


def _beta_header(g: Grammar) -> Pattern:
    in_list = all_of(string_matching(g, quoted(rf"{_NAME}:\s*{_VALUE}")), {"inside": kind(*g.list_kinds)})
    pair = all_of(
        kind(*g.list_kinds), has_child(string_matching(g, quoted(_NAME))), has_child(string_literal(g, _VALUE))
    )
    as_pair = all_of(pair, has_parent(kind(*g.list_kinds)))
    arguments = kind("arguments" if g is SCRIPT else "argument_list")
    as_call = all_of(
        method_call(g, "set|append|setHeader|header|add_header|putheader|update_header"),
        has_child(
            all_of(arguments, has_child(string_matching(g, quoted(_NAME))), has_child(string_literal(g, _VALUE)))
        ),
    )
    asked = any_of(entry(g, _NAME, string_literal(g, _VALUE)), in_list, as_pair, as_call, _set_header(g))
    return all_of(asked, none_of(file_names_other_service(g)))


BETA_HEADER = Rule(
    id="beta-header",
    severity=Severity.FAIL,
    title="A header asks for the beta dialect",
    cause=f"{_BETA_GONE} The upgrade itself still succeeds, so it looks as if the connection died by itself.",
    fix="Take the header away; shapes and event names of the beta go with it: sherpa-probe explain 4000",
    patterns=for_all_languages(_beta_header),
    keywords=(_VALUE,),
    autofix=(RemoveElement(),),
)

BETA_SUBPROTOCOL_RULE = Rule(
    id="beta-subprotocol",
    severity=Severity.FAIL,
    title="A subprotocol asks for the beta dialect",
    cause=f"{_BETA_GONE} In a browser the subprotocol says what the header says elsewhere.",
    fix="Offer only realtime and openai-insecure-api-key.<client secret>",
    patterns=for_all_languages(
        lambda g: all_of(
            string_literal(g, BETA_SUBPROTOCOL),
            {
                "inside": all_of(
                    kind(*g.list_kinds),
                    any_of(
                        has_child(string_matching(g, quoted(r"realtime|openai-insecure-api-key\..*"))),
                        {"inside": kind("argument_list", "keyword_argument", "pair")}
                        if g is not SCRIPT
                        else {"inside": kind("arguments", "pair")},
                    ),
                )
            },
        )
    ),
    keywords=(BETA_SUBPROTOCOL,),
    autofix=(RemoveElement(),),
)

AUTHORIZATION_IN_URL = Rule(
    id="authorization-in-url",
    severity=Severity.FAIL,
    title="An Authorization header is written into the address",
    cause="The service reads no credential from the query: it answers as if none were sent (close 3000), and the token "
    "stands in every log on the way.",
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
    title="A key is written into the service's address",
    cause="The service reads no credential from the query: it answers as if none were sent (close 3000), and the key "
    "stands in every log on the way.",
    fix="Send the header Authorization: Bearer; in a browser the subprotocol openai-insecure-api-key.<client secret>",
    patterns=for_all_languages(
        lambda g: string_matching(
            g, r"(?i)api\.openai\.com/v1/\S*[?&](?:api[-_]?key|key|token|access_token|client_secret|ephemeral_key)="
        )
    ),
    keywords=("api.openai.com",),
)

SESSION_ID_IN_PATH = Rule(
    id="session-id-in-path",
    severity=Severity.FAIL,
    title="A session's id is put into the socket's path",
    cause="There is no address of a session: a WebSocket opens a new one at /v1/realtime. The id that minting returns "
    "only names what the secret was made for.",
    fix="Open wss://api.openai.com/v1/realtime?model=MODEL with the client secret as bearer token",
    patterns=for_all_languages(
        lambda g: any_of(
            string_matching(g, rf"{_SOCKET}(?:\$?\{{|sess_)"),
            all_of(
                string_matching(g, rf"{_SOCKET}['\"`]$"),
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

MODEL_WITH_INTENT = Rule(
    id="model-with-intent",
    severity=Severity.FAIL,
    title="A transcription address names a model as well",
    cause="With intent=transcription the query must not hold a model: invalid_model, close 4000.",
    fix="Keep ?intent=transcription alone; the model goes into session.update: audio.input.transcription.model",
    patterns=for_all_languages(
        lambda g: any_of(
            string_matching(
                g,
                r"^[A-Za-z]{0,2}['\"`](?:wss?://(?:[^/\s]*\.openai\.(?:azure\.)?com)|\$?\{)[^\s]*realtime\?"
                r"(?:\S*&)?(?:intent=transcription&(?:\S*&)?model=|model=[^&\s]*&(?:\S*&)?intent=transcription)",
            ),
            object_with(g, entry(g, "intent", string_literal(g, "transcription")), entry(g, "model")),
        )
    ),
    keywords=("transcription",),
)


def _asks_for_conversation(g: Grammar) -> Pattern:
    """A call that opens or mints a session for a conversation, by the names that SDKs and their users give it."""
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
    title="A model that is not made for it is asked for a realtime conversation",
    cause="The conversation socket serves realtime models only: invalid_model, close 4000.",
    fix="Take a realtime model (sherpa-probe models lists them); a transcription model belongs into "
    "audio.input.transcription.model, on ?intent=transcription",
    patterns=for_all_languages(
        lambda g: any_of(
            all_of(
                string_matching(
                    g, rf"wss?://api\.openai\.com/v1/realtime\?(?:\S*&)?model={_NO_REALTIME_MODEL}(?:[&'\"`]|$)"
                ),
                none_of(matches_regex(r"model=[\w.-]*realtime|intent=")),
            ),
            all_of(
                string_matching(g, quoted(_NO_REALTIME_MODEL)),
                none_of(matches_regex("realtime")),
                {"inside": {**entry(g, "model"), "stopBy": none_of(g.transparent)}},
                has_ancestor(_asks_for_conversation(g)),
                none_of(has_ancestor(entry(g, "transcription|input_audio_transcription|inputAudioTranscription"))),
            ),
        )
    ),
    keywords=("gpt-", "whisper"),
)

SDP_ADDRESS = Rule(
    id="sdp-address",
    severity=Severity.FAIL,
    title="An SDP offer goes to the address of the beta",
    cause="POST /v1/realtime took SDP offers in the beta; it answers beta_api_shape_disabled now.",
    fix="Post the offer to https://api.openai.com/v1/realtime/calls; the answer comes with status 201",
    patterns=for_all_languages(
        lambda g: all_of(
            string_matching(g, r"^[A-Za-z]{0,2}['\"`]https://api\.openai\.com/v1/realtime(?:\?[^'\"`]*)?['\"`]$"),
            file_contains(string_matching(g, quoted("application/sdp"))),
        )
    ),
    keywords=("application/sdp",),
    autofix=(RewriteText(r"(/v1/realtime)(?:\?[^'\"`]*)?(['\"`])$", r"\1/calls\2"),),
)


def _requests(g: Grammar) -> Pattern:
    """A call that sends a request, and none that says how to answer one."""
    named = call_of(g, matches_regex(r"(?i)^(?:await\s+)?(?:fetch|(?:\w+\.)*(?:post|request|fetch))$"))
    return all_of(named, none_of(call_of(g, matches_regex(r"(?i)^(?:\w+\.)*(?:app|router|server)\.post$"))))


_BETA_MINTS = r"(?:transcription_)?sessions"
MINT_ADDRESS = Rule(
    id="beta-mint-address",
    severity=Severity.WARNING,
    title="A client secret is minted where the beta minted it",
    cause="What these addresses return is a session of the beta's shape with a secret for one minute. The beta "
    "is gone; "
    "nothing promises that they stay.",
    fix='Post {"session": {"type": "realtime", ...}} to /v1/realtime/client_secrets; the secret is value at the top',
    patterns=for_all_languages(
        lambda g: all_of(
            any_of(
                string_matching(g, rf"api\.openai\.com/v1/realtime/{_BETA_MINTS}[?'\"`]"),
                all_of(
                    string_matching(g, rf"(?:^[A-Za-z]{{0,2}}['\"`]|\}})(?:/v1)?/realtime/{_BETA_MINTS}['\"`]$"),
                    file_contains(string_matching(g, r"^[A-Za-z]{0,2}['\"`]https://api\.openai\.com(?:/v1)?/?['\"`]$")),
                    has_parent(all_of(kind("arguments" if g is SCRIPT else "argument_list"), has_parent(_requests(g)))),
                ),
            ),
        )
    ),
    keywords=("/realtime/sessions", "/realtime/transcription_sessions"),
)

_AZURE_GA = r"/openai/v1/realtime(?:/[\w/]+)?\?"
AZURE_API_VERSION = Rule(
    id="azure-api-version",
    severity=Severity.FAIL,
    title="Azure's GA address carries an api-version",
    cause="/openai/v1/realtime takes none: the upgrade is refused with 401 or 404.",
    fix="Take the parameter out: wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT",
    patterns=for_all_languages(lambda g: string_matching(g, rf"{_AZURE_GA}(?:[^\s'\"`]*&)?api-version=")),
    keywords=("api-version=",),
    autofix=(
        RewriteText(r"&api-version=(?:\$?\{[^{}]*\}|[^&\s'\"`{}])*", ""),
        RewriteText(r"\?api-version=(?:\$?\{[^{}]*\}|[^&\s'\"`{}])*&?", "?"),
    ),
)

AZURE_PREVIEW = Rule(
    id="azure-preview-address",
    severity=Severity.WARNING,
    title="Azure's preview address is deprecated",
    cause="/openai/realtime with a preview api-version speaks the beta and is deprecated since 2026-04-30.",
    fix="Move to wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT, with GA shapes and event names",
    patterns=for_all_languages(
        lambda g: string_matching(g, r"/openai/realtime(?:api/sessions)?\?\S*api-version=\S*-preview")
    ),
    keywords=("-preview",),
)
