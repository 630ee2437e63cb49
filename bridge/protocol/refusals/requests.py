"""Refusals about the request: the dialect, the URL, the session's fields, an event at the wrong time.

Values only. `lookup.py` maps statuses, close codes and error codes to them. The service drops a refused
`session.update` as a whole: one bad field discards all the good ones in the same event (recorded 2026-09).
"""

from __future__ import annotations

from bridge.protocol.refusals.model import Refusal

BETA_DISABLED = Refusal(
    slug="BETA-DISABLED",
    title="The connection requests the beta dialect, refused since 2026-05-12",
    cause=(
        "The header 'OpenAI-Beta: realtime=v1' (or the old SDP endpoint) was used: by your code, by an old SDK, or by "
        "a proxy that adds or forwards the header."
    ),
    fix=(
        "Remove the header OpenAI-Beta and the subprotocol openai-beta.realtime-v1; then use the GA names: "
        "session.type, session.audio, response.output_* events. sherpa-probe lint PATH finds the old names in your code"
    ),
    retryable=False,
    fatal=True,
    source="recorded 2026-09: error beta_api_shape_disabled, close 4000",
)
MISSING_MODEL = Refusal(
    slug="MISSING-MODEL",
    title="The URL names no model",
    cause="The URL has neither ?model= nor ?intent=transcription, or a proxy removed the query.",
    fix="Open wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1",
    retryable=False,
    fatal=True,
    source="recorded 2026-09: error missing_model, close 4000",
)
INVALID_INTENT = Refusal(
    slug="INVALID-INTENT",
    title="The 'intent' in the URL is empty or unknown",
    cause="The service knows only the intents 'realtime' and 'transcription'.",
    fix="Use ?intent=transcription, or omit 'intent' and pass ?model=<realtime model>",
    retryable=False,
    fatal=True,
    source="public report: error invalid_intent, close 4000",
)
SHAPE_REFUSED = Refusal(
    slug="SHAPE-REFUSED",
    title="The service refused the form of the connection",
    cause="Close 4000 means a beta header, a missing or wrong model, or a wrong intent. This one doesn't say which.",
    fix="Read the error frame right before the close: sherpa-probe access shows and explains it",
    retryable=False,
    fatal=True,
    source="recorded 2026-09: close 4000",
)
MIXED_SHAPES = Refusal(
    slug="MIXED-SHAPES",
    title="The configuration has the shape of the other dialect",
    cause=(
        "Flat beta fields were sent to a GA server, or nested GA fields to a beta server. The service drops the whole "
        "update, and the session continues with its defaults."
    ),
    fix=(
        "GA expects session.type and session.audio.{input,output}, max_output_tokens and output_modalities; beta "
        "expects modalities, voice and input_audio_format at the top level. Send one shape and wait for session.updated"
    ),
    retryable=False,
    fatal=False,
    source="public reports 2026-01 and later; recorded 2026-09",
)
TYPE_MISMATCH = Refusal(
    slug="SESSION-TYPE-MISMATCH",
    title="The update is for another type of session",
    cause="The session type is fixed when the WebSocket opens; session.type in the update names the other type.",
    fix="Open the WebSocket with the right query: ?intent=transcription for 'transcription', ?model= for 'realtime'",
    retryable=False,
    fatal=False,
    source="public report: error invalid_parameter",
)


def _event_refused(slug: str, title: str, cause: str, fix: str, source: str, *, retryable: bool = False) -> Refusal:
    """Make a refusal of one event. The session continues."""
    return Refusal(slug=slug, title=title, cause=cause, fix=fix, retryable=retryable, fatal=False, source=source)


UNKNOWN_PARAMETER = _event_refused(
    "UNKNOWN-PARAMETER",
    "The service does not know a field",
    "The field named in 'param' does not exist: it is misspelled, in the wrong place, or from the other dialect.",
    "Correct or remove the field that 'param' names, send the whole event again, and wait for its confirmation",
    "recorded 2026-09",
)
MISSING_PARAMETER = _event_refused(
    "MISSING-PARAMETER",
    "A required field is missing",
    "The field named in 'param' is required. In GA it is most often session.type.",
    "Add the field that 'param' names, for session.update: {'type': 'realtime', ...}, and send the whole event again",
    "public report",
)
INVALID_VALUE = _event_refused(
    "INVALID-VALUE",
    "A field has a value that the service does not accept",
    "The value is outside its list or range, audio_end_ms is after the end of the audio, or the model does not support "
    "voice detection.",
    "Choose one of the values that the message lists for 'param'. A transcription session with gpt-live-transcribe or "
    "gpt-realtime-whisper needs turn_detection null",
    "recorded 2026-09",
)
INVALID_TYPE = _event_refused(
    "INVALID-TYPE",
    "A field has the wrong JSON type",
    "For example, a string where the service expects a number: often a setting that was read from the environment "
    "and never parsed.",
    "Convert the field that 'param' names to the type in the message and send the whole event again",
    "OpenAI error objects as seen in public reports",
)
UNKNOWN_EVENT = _event_refused(
    "UNKNOWN-EVENT",
    "The service does not know this event type",
    "The event does not exist in this dialect: transcription_session.update ended with the beta, and there has never "
    "been a ping or a transcription_session.create.",
    "Send one of the types that the message lists. For keep-alive, rely on WebSocket pings: the server sends them",
    "recorded 2026-09: invalid_value with param 'type'",
)
TOO_SMALL = _event_refused(
    "VALUE-TOO-SMALL",
    "A number is below what the service allows",
    "Most often audio.input.format.rate is under 24000. The service still accepts audio then, but never transcribes "
    "it.",
    "For PCM, set rate to 24000 and resample the audio to 24 kHz. For 8 kHz audio, use audio/pcmu or audio/pcma",
    "recorded 2026-09: integer_below_min_value",
)
TOO_LARGE = _event_refused(
    "VALUE-TOO-LARGE",
    "A number is above what the service allows",
    "The field named in 'param' is over its limit, for example max_output_tokens over 4096.",
    "Lower it to the limit that the message names and send the whole event again",
    "OpenAI error objects as seen in public reports",
)
TOO_LONG = _event_refused(
    "TEXT-TOO-LONG",
    "A text is longer than the service allows",
    "Known case: a tool description over 1024 characters. The service drops the whole update with all its tools.",
    "Shorten the text that 'param' names to the limit in the message",
    "public report: string_above_max_length",
)
INVALID_JSON = _event_refused(
    "INVALID-JSON",
    "A text frame was not JSON",
    "The frame was not one JSON object but, for example, a plain string, two objects, or half a message.",
    "Send exactly one JSON object in each text frame",
    "recorded 2026-09",
)
INVALID_EVENT = _event_refused(
    "INVALID-EVENT",
    "A frame was not an event",
    "A binary frame was sent (the Realtime API accepts none), or the JSON has no 'type'.",
    "Send audio as text: {'type': 'input_audio_buffer.append', 'audio': '<base64>'}",
    "recorded 2026-09; OpenAPI example",
)
COMMIT_EMPTY = _event_refused(
    "COMMIT-EMPTY",
    "The audio buffer was committed with less than 100 ms in it",
    "Either voice detection has already committed the buffer, or too little audio was sent before the commit.",
    "With turn_detection set, never send input_audio_buffer.commit. Without it, count what you append and commit only "
    "from 100 ms on (4800 bytes of PCM)",
    "public code",
)
RESPONSE_ACTIVE = _event_refused(
    "RESPONSE-ACTIVE",
    "A response was requested while another one is running",
    "Voice detection or a tool call has already started a response; the message names it.",
    "Wait for response.done before response.create, or send response.cancel first",
    "public code",
    retryable=True,
)
NOTHING_TO_CANCEL = _event_refused(
    "NOTHING-TO-CANCEL",
    "There was no response to cancel",
    "The response ended while response.cancel was on its way: a harmless race.",
    "Ignore it: the session is not affected",
    "recorded 2026-09",
)
VOICE_FIXED = _event_refused(
    "VOICE-FIXED",
    "The voice cannot change once the assistant has spoken",
    "The update named another voice after the first audio, so the service dropped the whole update.",
    "Set the voice in the first session.update and omit audio.output.voice in later ones",
    "recorded 2026-09: cannot_update_voice",
)
UNKNOWN_ITEM = _event_refused(
    "UNKNOWN-ITEM",
    "The conversation has no item with this id",
    "The item was deleted, belongs to another session, or was never confirmed.",
    "Use ids from conversation.item.added of this session. After a reconnection, all ids are new",
    "public code: item_*_invalid_item_id",
)
ITEM_EXISTS = _event_refused(
    "ITEM-EXISTS",
    "The conversation already has an item with this id",
    "The same item was created twice, for example by a client that restores a history that is still there.",
    "Ignore it: the item is there, and nothing changed. Give other items ids of their own",
    "public code, verified live in 2026-09: item_create_duplicate_item_id",
)
NO_AUDIO_TO_TRUNCATE = _event_refused(
    "NO-AUDIO-TO-TRUNCATE",
    "Only audio of the assistant can be truncated",
    "The item is the user's, is written, or has no audio yet: the user interrupted before the first audio delta.",
    "Truncate only after the first response.output_audio.delta of the item; until then, response.cancel is enough",
    "public reports: unsupported_content_type",
)
CONVERSATION_TOO_LONG = _event_refused(
    "CONVERSATION-TOO-LONG",
    "The conversation is longer than the model can read",
    "session.truncation is 'disabled', so the service refuses a response where it would otherwise leave out old items.",
    "Delete old items with conversation.item.delete, or set truncation to 'auto' or to a retention_ratio",
    "cost guide; public code: conversation_too_long",
)
UNKNOWN_CALL = Refusal(
    slug="UNKNOWN-CALL",
    title="There is no call with this id",
    cause="The call has ended, or the call_id is wrong or belongs to another project.",
    fix="While the call runs, use the id from the Location header of POST /v1/realtime/calls and a key of its project",
    retryable=False,
    fatal=True,
    source="public code: REST 404 call_id_not_found",
)
AUDIO_UNINTELLIGIBLE = _event_refused(
    "AUDIO-UNINTELLIGIBLE",
    "This speech could not be transcribed",
    "Noise, silence, or audio at a sample rate other than the session declares.",
    "Check that you send 24 kHz mono PCM16. The session continues",
    "OpenAPI example: audio_unintelligible",
)
BAD_REQUEST = Refusal(
    slug="BAD-REQUEST",
    title="The service refused the configuration",
    cause="The body of the request has a field that does not exist in this dialect, or a value out of range.",
    fix="Read 'param' and 'message' in the response; in GA the body is {'session': {'type': 'realtime', 'model': ...}}",
    retryable=False,
    fatal=True,
    source="public code: REST 400 while minting",
)
UPGRADE_BAD_REQUEST = Refusal(
    slug="UPGRADE-BAD-REQUEST",
    title="The WebSocket upgrade was answered with 400",
    cause="A gateway refused the request. The public service answers 101 and reports the error in the first frame.",
    fix="Read the body of the response; check path, query and subprotocols against the gateway's documentation",
    retryable=False,
    fatal=True,
    source="public reports about gateways",
)
AZURE_BAD_REQUEST = Refusal(
    slug="AZURE-BAD-REQUEST",
    title="Azure refused the upgrade with 400",
    cause="The only known cause is a deployment of a transcription model that is used for a conversation.",
    fix="Deploy a realtime model and name that deployment in ?model=, or open ?intent=transcription without a model",
    retryable=False,
    fatal=True,
    source="vendor's question-and-answer site",
)
NO_ROUTE = Refusal(
    slug="NO-REALTIME-ROUTE",
    title="There is no Realtime endpoint at this URL",
    cause="The path is wrong, or the proxy or compatible server has no Realtime route.",
    fix="The base URL ends in /v1 and the WebSocket is <base URL>/realtime; compare with: sherpa-probe config",
    retryable=False,
    fatal=True,
    source="public report: 404 before the upgrade",
)
NO_SUCH_URL = Refusal(
    slug="NO-SUCH-URL",
    title="The service does not know this URL or model",
    cause="The path of the request does not exist, or the model or session that it names does not.",
    fix="Check that the base URL ends in /v1 (sherpa-probe config), then the model's name (sherpa-probe access)",
    retryable=False,
    fatal=True,
    source="Python SDK 3.52: REST 404",
)
NOT_A_WEBSOCKET = Refusal(
    slug="NOT-A-WEBSOCKET",
    title="A server answered, but it does not speak WebSocket here",
    cause="An ordinary web page, an API gateway without WebSocket support, or a wrong host or path.",
    fix="Check the host and path of the base URL, and that the proxy forwards 'Upgrade: websocket'",
    retryable=False,
    fatal=True,
    source="RFC 6455 4.1; RFC 9110 15",
)
REDIRECTED = Refusal(
    slug="REDIRECTED",
    title="The server answered with a redirect",
    cause="A login page, a move from http to https, or a trailing slash. WebSocket clients do not follow redirects.",
    fix="Use the URL of the 'location' header as the base URL, if you trust that server with the key",
    retryable=False,
    fatal=True,
    source="RFC 6455 4.1",
)
SDP_REFUSED = Refusal(
    slug="SDP-REFUSED",
    title="The WebRTC offer was refused",
    cause="The SDP or the session sent with it is not what the service expects; the JSON body names the cause.",
    fix=(
        "Post to /v1/realtime/calls with Content-Type application/sdp and the client secret as bearer token, and read "
        "the error in the body"
    ),
    retryable=False,
    fatal=True,
    source="OpenAPI; comment in the JavaScript agents SDK",
)
