"""Problems of the service: model, client secret, upgrade, session, configuration. Values only.

Refusals by the service (no credit, a refused key, ...) are in `bridge/protocol/refusals/`.
"""

from __future__ import annotations

from bridge.protocol.models import DEFAULT_MODEL
from reports.model import Severity
from reports.problem import Problem

LIST_REFUSED = Problem(
    "ACCESS-LIST-REFUSED",
    "The server refuses to list its models with HTTP 400",
    "The request has no body, so this is about the key or a header: a gateway doesn't know the key, or doesn't accept "
    "a header that you configured.",
    "Read the server's message, then check the key and the headers that are sent: sherpa-probe config",
)
MODEL_RETIRED = Problem(
    "ACCESS-MODEL-RETIRED",
    "The model has been retired",
    "A client secret may still be issued for it, but the connection ends with model_not_found and close 4004.",
    f"Replace the model name everywhere, then: sherpa-probe access --model {DEFAULT_MODEL}",
)
MODEL_RETIRES_SOON = Problem(
    "ACCESS-MODEL-RETIRES-SOON",
    "The model retires within 60 days",
    "Once it is retired, connections that ask for it are refused with model_not_found.",
    f"Try its successor now: sherpa-probe access --model {DEFAULT_MODEL}",
    Severity.WARNING,
)
MODEL_WRONG_SOCKET = Problem(
    "ACCESS-MODEL-WRONG-SOCKET",
    "The model doesn't support conversations",
    "The service refuses it on this socket with invalid_model and close 4000.",
    f"Use a realtime model here: sherpa-probe access --model {DEFAULT_MODEL}",
)
MODEL_NOT_LISTED = Problem(
    "ACCESS-MODEL-NOT-LISTED",
    "The model isn't in this project's model list",
    "The name is misspelled, or the key's project may not use this model.",
    "Choose a listed model; to see the list: sherpa-probe access -v",
)
MODEL_UNKNOWN = Problem(
    "ACCESS-MODEL-UNKNOWN",
    "The server's model list contains neither this model nor any realtime model",
    "A compatible server with model names of its own; only a connection can tell.",
    "Read the rows below: they try the model itself",
    Severity.INFO,
)
NO_REALTIME_MODELS = Problem(
    "ACCESS-NO-REALTIME-MODELS",
    "This project has no realtime models",
    "The key's project or organization may not use the Realtime API, or the project's limits exclude it.",
    "Allow realtime models under Limits in the project's settings, or use another project's key",
)
MINT_NO_ANSWER = Problem(
    "ACCESS-MINT-NO-ANSWER",
    "The request for a client secret gets no response",
    "The server responded before and hangs now: it is overloaded, or its gateway has no route for this call.",
    "Try again with a longer --timeout; if it fails again, open sessions with the API key, without a client secret",
)
MINT_NOT_OFFERED = Problem(
    "ACCESS-MINT-NOT-OFFERED",
    "This server doesn't issue client secrets",
    "It is a gateway or a compatible server without this call, so a browser would need the API key itself.",
    "Keep the key on your own server and open the session there",
    Severity.WARNING,
)
SECRET_UNSENDABLE = Problem(
    "ACCESS-SECRET-UNSENDABLE",
    "The client secret can't be sent in a header",
    "It contains a line break, a space or another character that headers don't allow, or it is far too long.",
    "Ask the server's operator: a client secret consists of letters, digits, '-' and '_'",
)
SECRET_REFUSED = Problem(
    "ACCESS-SECRET-REFUSED",
    "The server refuses the client secret that it issued, and accepts the API key",
    "Its client secrets are for another call than the WebSocket. Those of LiteLLM's proxy, for example, open only "
    "WebRTC calls.",
    "Open the WebSocket with the API key, from your own server; browsers can use WebRTC here, or your bridge",
    Severity.WARNING,
)
NO_REALTIME_ACCESS = Problem(
    "ACCESS-NO-REALTIME-ACCESS",
    "The key is valid but may not use the Realtime API",
    "Its project has no Realtime access, or the key was created with restricted permissions.",
    "Create a key with all permissions, or grant it Realtime access, at https://platform.openai.com/api-keys",
)
UPGRADE_NO_ANSWER = Problem(
    "ACCESS-UPGRADE-NO-ANSWER",
    "The WebSocket upgrade gets no response",
    "A proxy or gateway on the way accepts the request but doesn't handle 'Upgrade: websocket'.",
    "Try without the proxy, or make it forward the Upgrade and Connection headers",
)
NO_FIRST_FRAME = Problem(
    "ACCESS-NO-FIRST-FRAME",
    "The socket opens, but no first frame arrives",
    "The service hangs behind its gateway, or a proxy accepts the socket and doesn't forward frames.",
    "Try without a proxy and with a longer --timeout",
)
PROTOCOL_BROKEN = Problem(
    "ACCESS-PROTOCOL-BROKEN",
    "The server violated the WebSocket protocol",
    "A frame was invalid (1002) or its text wasn't UTF-8 (1007): a proxy rewrites frames, or the server has a bug.",
    "Try without a proxy; if it happens again, report it to the server's operator",
)
NOT_REALTIME = Problem(
    "ACCESS-NOT-REALTIME",
    "The server at this URL isn't a Realtime API server",
    "It accepts WebSockets, but a Realtime API server sends JSON objects, beginning with session.created or an error.",
    "Check the host and path of the base URL: the socket is at <base URL>/realtime",
)
WRONG_SESSION = Problem(
    "ACCESS-WRONG-SESSION",
    "The server opened another kind of session, not a conversation",
    "The client secret or a gateway determines the kind of session, or this server supports no other.",
    "Create the client secret with session.type realtime, or ask the gateway's operator",
)
UNKNOWN_DIALECT = Problem(
    "ACCESS-UNKNOWN-DIALECT",
    "The session opens, but its dialect is unknown",
    "A compatible server with conventions of its own: events may have other names, and audio another sample rate.",
    "Read that server's documentation before you rely on a passed check here",
    Severity.WARNING,
)
OTHER_DIALECT = Problem(
    "ACCESS-OTHER-DIALECT",
    "The server speaks another dialect than requested",
    "Event names and session fields differ between the dialects: code for one doesn't recognize the events of the "
    "other.",
    "Request the dialect that the server speaks, or accept either: sherpa-probe access --dialect auto",
)
SESSION_SHORT = Problem(
    "ACCESS-SESSION-SHORT",
    "The session expires within a minute",
    "The server limits sessions to that, or this machine's clock is wrong; the public service allows 60 minutes.",
    "Compare the clock (date -u), then ask the server's operator for its session limit",
    Severity.WARNING,
)
NOT_CONFIRMED = Problem(
    "ACCESS-NOT-CONFIRMED",
    "The configuration is never confirmed",
    "The server or a gateway drops session.update; the session would run with its defaults.",
    "In your code wait for session.updated before you send audio, and treat its absence as a failure",
)
CONFIG_REFUSED = Problem(
    "ACCESS-CONFIG-REFUSED",
    "The configuration was refused",
    "The server answered session.update with an error. One invalid field discards the whole update, and the defaults "
    "stay.",
    "Correct the field that 'param' names, send the whole update again, and wait for session.updated",
)
CONFIG_CHANGED = Problem(
    "ACCESS-CONFIG-CHANGED",
    "The server confirms a different configuration",
    "The server or a gateway on the way changes the configuration.",
    "Compare session.updated with what your code sent, field by field, before you rely on it",
)
CONFIG_UNSEEN = Problem(
    "ACCESS-CONFIG-UNSEEN",
    "The server confirms only a part of the configuration",
    "The server or a gateway on the way omits fields from session.updated.",
    "Compare session.updated with what your code sent, field by field, before you rely on it",
    Severity.WARNING,
)
AUTH_NONE = Problem(
    "ACCESS-AUTH-NONE",
    "No form of authentication opens a session here",
    "The cause is something that all forms share: key, model, URL, or the service itself.",
    "Fix the first failed check above, then run it again: sherpa-probe access --auth all",
)
AUTH_USE = Problem(
    "ACCESS-AUTH-USE",
    "The recommended form of authentication",
    "Of the forms that open a session, this one is the best: no key in the URL, and nothing from the beta.",
    "Use the form that the row names",
    Severity.INFO,
)
