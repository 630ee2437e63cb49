"""Refusals about what was asked: the dialect, the URL, the session's fields, an event at the wrong moment.

Values only; `refusals.py` says which status or code leads to which. A refused `session.update` is lost as a whole: one
bad field drops all the good ones beside it (recorded 2026-09).
"""

from __future__ import annotations

from bridge.protocol.refusals.model import ClientCode, Refusal

BETA_DISABLED = Refusal(
    slug="BETA-DISABLED",
    title="The connection asks for the beta dialect, which is refused since 2026-05-12",
    cause=(
        "The header 'OpenAI-Beta: realtime=v1' (or the old SDP address) was sent: by your code, an old SDK, or a proxy "
        "that passes or adds it."
    ),
    fix=(
        "Remove the header OpenAI-Beta and the subprotocol openai-beta.realtime-v1; then send GA shapes: session.type, "
        "session.audio, response.output_* events. sherpa-probe lint PATH finds the old names in your code"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.DIALECT_REFUSED,
    source="recorded 2026-09: error beta_api_shape_disabled, close 4000",
)
MISSING_MODEL = Refusal(
    slug="MISSING-MODEL",
    title="The URL names no model",
    cause="The socket was opened with neither ?model= nor ?intent=transcription, or a proxy dropped the query.",
    fix="Open wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1",
    retryable=False,
    fatal=True,
    client_code=ClientCode.DIALECT_REFUSED,
    source="recorded 2026-09: error missing_model, close 4000",
)
INVALID_INTENT = Refusal(
    slug="INVALID-INTENT",
    title="The 'intent' in the URL is empty or unknown",
    cause="The service knows the intents 'realtime' and 'transcription' only.",
    fix="Use ?intent=transcription, or leave 'intent' out and pass ?model=<realtime model>",
    retryable=False,
    fatal=True,
    client_code=ClientCode.DIALECT_REFUSED,
    source="public report: error invalid_intent, close 4000",
)
SHAPE_REFUSED = Refusal(
    slug="SHAPE-REFUSED",
    title="The service refused the shape of the connection",
    cause="Close 4000 stands for the beta header, a missing or wrong model, or a wrong intent; this one did not say.",
    fix="Read the error frame that came right before the close: sherpa-probe access shows it and what it means",
    retryable=False,
    fatal=True,
    client_code=ClientCode.DIALECT_REFUSED,
    source="recorded 2026-09: close 4000",
)
MIXED_SHAPES = Refusal(
    slug="MIXED-SHAPES",
    title="The configuration has the shape of the other dialect",
    cause=(
        "Flat beta fields went to a GA server, or nested GA fields to a beta one. The whole update is dropped, and the "
        "session goes on with its defaults."
    ),
    fix=(
        "GA wants session.type and session.audio.{input,output}, max_output_tokens and output_modalities; beta wants "
        "modalities, voice and input_audio_format at the top. Send one shape and wait for session.updated"
    ),
    retryable=False,
    fatal=False,
    client_code=ClientCode.DIALECT_REFUSED,
    source="public reports 2026-01 and later; recorded 2026-09",
)
TYPE_MISMATCH = Refusal(
    slug="SESSION-TYPE-MISMATCH",
    title="An update for another type of session",
    cause="Conversation or transcription is settled when the socket opens; session.type named the other one.",
    fix="Open the socket with the intent you need: ?intent=transcription for 'transcription', ?model= for 'realtime'",
    retryable=False,
    fatal=False,
    client_code=ClientCode.DIALECT_REFUSED,
    source="public report: error invalid_parameter",
)


def _refused(slug: str, title: str, cause: str, fix: str, source: str, *, retryable: bool = False) -> Refusal:
    """Make a refusal of one event, which the session survives."""
    return Refusal(
        slug=slug,
        title=title,
        cause=cause,
        fix=fix,
        retryable=retryable,
        fatal=False,
        client_code=ClientCode.UPSTREAM_ERROR,
        source=source,
    )


UNKNOWN_PARAMETER = _refused(
    "UNKNOWN-PARAMETER",
    "A field is unknown to the service",
    "The field named in 'param' does not exist there: mistyped, misplaced, or of the other dialect.",
    "Correct or remove the field that 'param' names, send the whole event again, and wait for its confirmation",
    "recorded 2026-09",
)
MISSING_PARAMETER = _refused(
    "MISSING-PARAMETER",
    "A required field is missing",
    "The field named in 'param' must be there; in GA that is most often session.type.",
    "Add the field that 'param' names, for session.update: {'type': 'realtime', ...}, and send the whole event again",
    "public report",
)
INVALID_VALUE = _refused(
    "INVALID-VALUE",
    "A field has a value that the service does not take",
    "A value outside its list or range, audio_end_ms past the audio's end, or voice detection for a model without it.",
    "Look up the values listed in the message for 'param'; gpt-live-transcribe and gpt-realtime-whisper need "
    "turn_detection null",
    "recorded 2026-09",
)
INVALID_TYPE = _refused(
    "INVALID-TYPE",
    "A field holds another kind of value than the service expects",
    "For example a string where a number belongs, often a setting taken unparsed from the environment.",
    "Convert the field that 'param' names to the type in the message and send the whole event again",
    "OpenAI error objects as seen in public reports",
)
UNKNOWN_EVENT = _refused(
    "UNKNOWN-EVENT",
    "The service knows no event of this type",
    "The event does not exist in this dialect: transcription_session.update went with the beta, and there has never "
    "been a ping or a transcription_session.create.",
    "Send one of the types that the message lists; keep-alive is the WebSocket ping, which the server sends itself",
    "recorded 2026-09: invalid_value with param 'type'",
)
TOO_SMALL = _refused(
    "VALUE-TOO-SMALL",
    "A number is below what the service allows",
    "Most often audio.input.format.rate under 24000. Audio is still taken after it, but no transcript ever comes.",
    "For PCM set rate to 24000 and resample the audio to 24 kHz, or use audio/pcmu or audio/pcma for 8 kHz",
    "recorded 2026-09: integer_below_min_value",
)
TOO_LARGE = _refused(
    "VALUE-TOO-LARGE",
    "A number is above what the service allows",
    "The field named in 'param' is over its limit, for example max_output_tokens over 4096.",
    "Lower it to the limit that the message names and send the whole event again",
    "OpenAI error objects as seen in public reports",
)
TOO_LONG = _refused(
    "TEXT-TOO-LONG",
    "A text is longer than the service allows",
    "Known case: a tool description over 1024 characters. The whole update is lost, with all its tools.",
    "Shorten the text that 'param' names below the limit in the message",
    "public report: string_above_max_length",
)
INVALID_JSON = _refused(
    "INVALID-JSON",
    "A text frame was not JSON",
    "Something else than one JSON object went up: a plain string, two objects in a frame, or a half message.",
    "Send exactly one JSON object in each text frame",
    "recorded 2026-09",
)
INVALID_EVENT = _refused(
    "INVALID-EVENT",
    "A frame was no event",
    "A binary frame was sent (the Realtime API takes none), or the JSON has no 'type'.",
    "Send audio as text: {'type': 'input_audio_buffer.append', 'audio': '<base64>'}",
    "recorded 2026-09; OpenAPI example",
)
COMMIT_EMPTY = _refused(
    "COMMIT-EMPTY",
    "The audio buffer was committed with less than 100 ms in it",
    "Either voice detection has committed already, or too little audio was sent before the commit.",
    "With turn_detection set, never send input_audio_buffer.commit; without it, count what you append and commit from "
    "100 ms on (4800 bytes of PCM)",
    "public code",
)
RESPONSE_ACTIVE = _refused(
    "RESPONSE-ACTIVE",
    "A response was asked for while one is still running",
    "Voice detection or a tool round has started one already; the message names it.",
    "Wait for response.done before response.create, or send response.cancel first",
    "public code",
    retryable=True,
)
NOTHING_TO_CANCEL = _refused(
    "NOTHING-TO-CANCEL",
    "There was no response to cancel",
    "The response ended on its own while response.cancel was on its way: a race, and harmless.",
    "Ignore it; the session is unaffected",
    "recorded 2026-09",
)
VOICE_FIXED = _refused(
    "VOICE-FIXED",
    "The voice cannot change once the assistant has spoken",
    "The update named another voice after the first audio, and was dropped as a whole.",
    "Set the voice in the first session.update; later ones leave audio.output.voice out",
    "recorded 2026-09: cannot_update_voice",
)
UNKNOWN_ITEM = _refused(
    "UNKNOWN-ITEM",
    "The conversation has no item of this id",
    "The item was deleted, belongs to another session, or was never confirmed.",
    "Use ids from conversation.item.added of this very session; after a reconnection all of them are new",
    "public code: item_*_invalid_item_id",
)
AUDIO_UNINTELLIGIBLE = _refused(
    "AUDIO-UNINTELLIGIBLE",
    "This speech could not be transcribed",
    "Noise, silence, or audio at another rate than the session declares.",
    "Check that 24 kHz mono PCM16 really is what you send; the session goes on",
    "OpenAPI example: audio_unintelligible",
)
BAD_REQUEST = Refusal(
    slug="BAD-REQUEST",
    title="The service refused the configuration",
    cause="The body of the request holds a field that does not exist in this dialect, or a value out of range.",
    fix="Read 'param' and 'message' in the answer; in GA the body is {'session': {'type': 'realtime', 'model': ...}}",
    retryable=False,
    fatal=True,
    client_code=ClientCode.UPSTREAM_ERROR,
    source="public code: REST 400 while minting",
)
UPGRADE_BAD_REQUEST = Refusal(
    slug="UPGRADE-BAD-REQUEST",
    title="The WebSocket upgrade was answered with 400",
    cause="A gateway refused the request; the public service would have answered 101 and told in the first frame.",
    fix="Read the body of the answer; check path, query and subprotocols against what that gateway documents",
    retryable=False,
    fatal=True,
    client_code=ClientCode.UPSTREAM_ERROR,
    source="public reports about gateways",
)
AZURE_BAD_REQUEST = Refusal(
    slug="AZURE-BAD-REQUEST",
    title="Azure refused the upgrade with 400",
    cause="The only cause on record is a deployment of a transcription model used to hold a conversation.",
    fix="Deploy a realtime model and name that deployment in ?model=; or open ?intent=transcription without a model",
    retryable=False,
    fatal=True,
    client_code=ClientCode.MODEL_NOT_AVAILABLE,
    source="vendor's question-and-answer site",
)
NO_ROUTE = Refusal(
    slug="NO-REALTIME-ROUTE",
    title="There is no Realtime endpoint at this address",
    cause="The path is wrong, or the proxy or compatible server in between has no Realtime route.",
    fix="The base URL ends in /v1 and the socket is <base URL>/realtime; compare with: sherpa-probe config",
    retryable=False,
    fatal=True,
    client_code=ClientCode.UPSTREAM_ERROR,
    source="public report: 404 before the upgrade",
)
NO_SUCH_URL = Refusal(
    slug="NO-SUCH-URL",
    title="The service knows no such address or model",
    cause="The path of the request does not exist there, or the model or session it names does not.",
    fix="Check that the base URL ends in /v1 (sherpa-probe config), then the model's name (sherpa-probe access)",
    retryable=False,
    fatal=True,
    client_code=ClientCode.SESSION_NOT_FOUND,
    source="Python SDK 3.52: REST 404",
)
NOT_A_WEBSOCKET = Refusal(
    slug="NOT-A-WEBSOCKET",
    title="Something answered, but it does not speak WebSocket here",
    cause="An ordinary web page, an API gateway without WebSocket support, or a wrong host or path.",
    fix="Check host and path of the base URL, and that the proxy in between passes 'Upgrade: websocket' on",
    retryable=False,
    fatal=True,
    client_code=ClientCode.UPSTREAM_UNAVAILABLE,
    source="RFC 6455 4.1; RFC 9110 15",
)
REDIRECTED = Refusal(
    slug="REDIRECTED",
    title="The address answers with a redirect",
    cause="A login page, a move from http to https, or a trailing slash; WebSocket clients do not follow redirects.",
    fix="Put the address of the 'location' header into the base URL, if it is one you trust with the key",
    retryable=False,
    fatal=True,
    client_code=ClientCode.UPSTREAM_UNAVAILABLE,
    source="RFC 6455 4.1",
)
SDP_REFUSED = Refusal(
    slug="SDP-REFUSED",
    title="The WebRTC offer was refused",
    cause="The SDP or the session beside it is not what the service expects; the JSON body names the real cause.",
    fix=(
        "Post to /v1/realtime/calls with Content-Type application/sdp and the client secret as bearer key, and read "
        "the error in the body"
    ),
    retryable=False,
    fatal=True,
    client_code=ClientCode.UPSTREAM_ERROR,
    source="OpenAPI; comment in the JavaScript agents SDK",
)
