"""Rules about the way in: addresses, headers, subprotocols and models. Values only; see `rules.py`.

Facts: the published description of 2026-08, recordings of 2026-09, Azure's migration guide of 2026-02.
"""

from __future__ import annotations

from bridge.protocol.dialects.detection import BETA_SUBPROTOCOL
from probes.lint.rule import Remove, Rewrite, Rule, Shape
from probes.lint.rules.patterns import (
    SCRIPT,
    Grammar,
    all_of,
    both,
    call_of,
    child,
    elsewhere,
    entry,
    in_file,
    kind,
    literal,
    looks_like,
    method,
    no,
    object_with,
    one_of,
    quoted,
    text,
    under,
    within,
)
from reports.model import Severity

_BETA_GONE = "The service refuses whoever asks for the beta since 2026-05-12: beta_api_shape_disabled, close 4000."
#: The header's name and value, however they are written.
_NAME, _VALUE = "(?i:openai-beta)", r"realtime=v1"
#: The beginning of a literal that holds an address below the socket's.
_SOCKET = r"^[A-Za-z]{0,2}['\"`]wss://api\.openai\.com/v1/realtime/"
#: Ids that are surely models; those of realtime models hold the word itself.
_NO_REALTIME_MODEL = r"(?:gpt|whisper|o[1-9])[\w.-]*"


def _set_header(g: Grammar) -> Shape:
    """`headers["OpenAI-Beta"] = "realtime=v1"`, as each language has it."""
    sides = [
        {"has": {"field": "left", "regex": rf"\[['\"`]{_NAME}['\"`]\]$"}},
        {"has": {"field": "right", **literal(g, _VALUE)}},
    ]
    return {"kind": "assignment_expression" if g is SCRIPT else "assignment", "all": sides}


def _beta_header(g: Grammar) -> Shape:
    in_list = all_of(text(g, quoted(rf"{_NAME}:\s*{_VALUE}")), {"inside": kind(*g.lists)})
    pair = all_of(kind(*g.lists), child(text(g, quoted(_NAME))), child(literal(g, _VALUE)))
    as_pair = all_of(pair, under(kind(*g.lists)))
    arguments = kind("arguments" if g is SCRIPT else "argument_list")
    as_call = all_of(
        method(g, "set|append|setHeader|header|add_header|putheader|update_header"),
        child(all_of(arguments, child(text(g, quoted(_NAME))), child(literal(g, _VALUE)))),
    )
    asked = one_of(entry(g, _NAME, literal(g, _VALUE)), in_list, as_pair, as_call, _set_header(g))
    return all_of(asked, no(elsewhere(g)))


BETA_HEADER = Rule(
    id="beta-header",
    severity=Severity.FAIL,
    title="A header asks for the beta dialect",
    why=f"{_BETA_GONE} The upgrade itself still succeeds, so it looks as if the connection died by itself.",
    fix="Take the header away; shapes and event names of the beta go with it: sherpa-probe explain 4000",
    looks=both(_beta_header),
    words=(_VALUE,),
    edits=(Remove(),),
)

BETA_SUBPROTOCOL_RULE = Rule(
    id="beta-subprotocol",
    severity=Severity.FAIL,
    title="A subprotocol asks for the beta dialect",
    why=f"{_BETA_GONE} In a browser the subprotocol says what the header says elsewhere.",
    fix="Offer only realtime and openai-insecure-api-key.<client secret>",
    looks=both(
        lambda g: all_of(
            literal(g, BETA_SUBPROTOCOL),
            {
                "inside": all_of(
                    kind(*g.lists),
                    one_of(
                        child(text(g, quoted(r"realtime|openai-insecure-api-key\..*"))),
                        {"inside": kind("argument_list", "keyword_argument", "pair")}
                        if g is not SCRIPT
                        else {"inside": kind("arguments", "pair")},
                    ),
                )
            },
        )
    ),
    words=(BETA_SUBPROTOCOL,),
    edits=(Remove(),),
)

AUTHORIZATION_IN_URL = Rule(
    id="authorization-in-url",
    severity=Severity.FAIL,
    title="An Authorization header is written into the address",
    why="The service reads no credential from the query: it answers as if none were sent (close 3000), and the token "
    "stands in every log on the way.",
    fix="Send the header Authorization: Bearer; in a browser the subprotocol openai-insecure-api-key.<client secret>",
    looks=both(
        lambda g: all_of(
            text(g, r"(?i)[?&]authorization=(?:bearer|basic|\$\{|\{)"), looks_like(r"wss?://|https://|[$\w]*\{")
        )
    ),
    words=("uthorization=",),
)

KEY_IN_URL = Rule(
    id="key-in-url",
    severity=Severity.FAIL,
    title="A key is written into the service's address",
    why="The service reads no credential from the query: it answers as if none were sent (close 3000), and the key "
    "stands in every log on the way.",
    fix="Send the header Authorization: Bearer; in a browser the subprotocol openai-insecure-api-key.<client secret>",
    looks=both(
        lambda g: text(
            g, r"(?i)api\.openai\.com/v1/\S*[?&](?:api[-_]?key|key|token|access_token|client_secret|ephemeral_key)="
        )
    ),
    words=("api.openai.com",),
)

SESSION_ID_IN_PATH = Rule(
    id="session-id-in-path",
    severity=Severity.FAIL,
    title="A session's id is put into the socket's path",
    why="There is no address of a session: a WebSocket opens a new one at /v1/realtime. The id that minting returns "
    "only names what the secret was made for.",
    fix="Open wss://api.openai.com/v1/realtime?model=MODEL with the client secret as bearer token",
    looks=both(
        lambda g: one_of(
            text(g, rf"{_SOCKET}(?:\$?\{{|sess_)"),
            all_of(
                text(g, rf"{_SOCKET}['\"`]$"),
                {
                    "inside": {
                        "kind": "binary_expression" if g is SCRIPT else "binary_operator",
                        "has": {"field": "right", "regex": r"(?i)(?:session|\bid$|_id$|\.id$)"},
                    }
                },
            ),
        )
    ),
    words=("/v1/realtime/",),
)

MODEL_WITH_INTENT = Rule(
    id="model-with-intent",
    severity=Severity.FAIL,
    title="A transcription address names a model as well",
    why="With intent=transcription the query must not hold a model: invalid_model, close 4000.",
    fix="Keep ?intent=transcription alone; the model goes into session.update: audio.input.transcription.model",
    looks=both(
        lambda g: one_of(
            text(
                g,
                r"^[A-Za-z]{0,2}['\"`](?:wss?://(?:[^/\s]*\.openai\.(?:azure\.)?com)|\$?\{)[^\s]*realtime\?"
                r"(?:\S*&)?(?:intent=transcription&(?:\S*&)?model=|model=[^&\s]*&(?:\S*&)?intent=transcription)",
            ),
            object_with(g, entry(g, "intent", literal(g, "transcription")), entry(g, "model")),
        )
    ),
    words=("transcription",),
)


def _asks_for_conversation(g: Grammar) -> Shape:
    """A call that opens or mints a session for a conversation, by the names that SDKs and their users give it."""
    called = looks_like(r"(?i)(?:realtime\.connect|createRealtimeSession|create_realtime_session|RealtimeSession)$")
    opened = call_of(g, called)
    if g is not SCRIPT:
        return opened
    made = all_of(
        kind("new_expression"), {"has": {"field": "constructor", "regex": "^(?:OpenAIRealtime|RealtimeSession)"}}
    )
    return one_of(opened, made)


WRONG_MODEL = Rule(
    id="wrong-model",
    severity=Severity.FAIL,
    title="A model that is not made for it is asked for a realtime conversation",
    why="The conversation socket serves realtime models only: invalid_model, close 4000.",
    fix="Take a realtime model (sherpa-probe models lists them); a transcription model belongs into "
    "audio.input.transcription.model, on ?intent=transcription",
    looks=both(
        lambda g: one_of(
            all_of(
                text(g, rf"wss?://api\.openai\.com/v1/realtime\?(?:\S*&)?model={_NO_REALTIME_MODEL}(?:[&'\"`]|$)"),
                no(looks_like(r"model=[\w.-]*realtime|intent=")),
            ),
            all_of(
                text(g, quoted(_NO_REALTIME_MODEL)),
                no(looks_like("realtime")),
                {"inside": {**entry(g, "model"), "stopBy": no(g.passing)}},
                within(_asks_for_conversation(g)),
                no(within(entry(g, "transcription|input_audio_transcription|inputAudioTranscription"))),
            ),
        )
    ),
    words=("gpt-", "whisper"),
)

SDP_ADDRESS = Rule(
    id="sdp-address",
    severity=Severity.FAIL,
    title="An SDP offer goes to the address of the beta",
    why="POST /v1/realtime took SDP offers in the beta; it answers beta_api_shape_disabled now.",
    fix="Post the offer to https://api.openai.com/v1/realtime/calls; the answer comes with status 201",
    looks=both(
        lambda g: all_of(
            text(g, r"^[A-Za-z]{0,2}['\"`]https://api\.openai\.com/v1/realtime(?:\?[^'\"`]*)?['\"`]$"),
            in_file(text(g, quoted("application/sdp"))),
        )
    ),
    words=("application/sdp",),
    edits=(Rewrite(r"(/v1/realtime)(?:\?[^'\"`]*)?(['\"`])$", r"\1/calls\2"),),
)


def _requests(g: Grammar) -> Shape:
    """A call that sends a request, and none that says how to answer one."""
    named = call_of(g, looks_like(r"(?i)^(?:await\s+)?(?:fetch|(?:\w+\.)*(?:post|request|fetch))$"))
    return all_of(named, no(call_of(g, looks_like(r"(?i)^(?:\w+\.)*(?:app|router|server)\.post$"))))


_BETA_MINTS = r"(?:transcription_)?sessions"
MINT_ADDRESS = Rule(
    id="beta-mint-address",
    severity=Severity.WARNING,
    title="A client secret is minted where the beta minted it",
    why="What these addresses return is a session of the beta's shape with a secret for one minute. The beta is gone; "
    "nothing promises that they stay.",
    fix='Post {"session": {"type": "realtime", ...}} to /v1/realtime/client_secrets; the secret is value at the top',
    looks=both(
        lambda g: all_of(
            one_of(
                text(g, rf"api\.openai\.com/v1/realtime/{_BETA_MINTS}[?'\"`]"),
                all_of(
                    text(g, rf"(?:^[A-Za-z]{{0,2}}['\"`]|\}})(?:/v1)?/realtime/{_BETA_MINTS}['\"`]$"),
                    in_file(text(g, r"^[A-Za-z]{0,2}['\"`]https://api\.openai\.com(?:/v1)?/?['\"`]$")),
                    under(all_of(kind("arguments" if g is SCRIPT else "argument_list"), under(_requests(g)))),
                ),
            ),
        )
    ),
    words=("/realtime/sessions", "/realtime/transcription_sessions"),
)

_AZURE_GA = r"/openai/v1/realtime(?:/[\w/]+)?\?"
AZURE_API_VERSION = Rule(
    id="azure-api-version",
    severity=Severity.FAIL,
    title="Azure's GA address carries an api-version",
    why="/openai/v1/realtime takes none: the upgrade is refused with 401 or 404.",
    fix="Take the parameter out: wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT",
    looks=both(lambda g: text(g, rf"{_AZURE_GA}(?:[^\s'\"`]*&)?api-version=")),
    words=("api-version=",),
    edits=(
        Rewrite(r"&api-version=(?:\$?\{[^{}]*\}|[^&\s'\"`{}])*", ""),
        Rewrite(r"\?api-version=(?:\$?\{[^{}]*\}|[^&\s'\"`{}])*&?", "?"),
    ),
)

AZURE_PREVIEW = Rule(
    id="azure-preview-address",
    severity=Severity.WARNING,
    title="Azure's preview address is deprecated",
    why="/openai/realtime with a preview api-version speaks the beta and is deprecated since 2026-04-30.",
    fix="Move to wss://RESOURCE.openai.azure.com/openai/v1/realtime?model=DEPLOYMENT, with GA shapes and event names",
    looks=both(lambda g: text(g, r"/openai/realtime(?:api/sessions)?\?\S*api-version=\S*-preview")),
    words=("-preview",),
)
