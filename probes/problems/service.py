"""Problems with what answers: model, client secret, upgrade, session, configuration. Values only; see `problems.py`."""

from __future__ import annotations

from bridge.protocol.models import DEFAULT_MODEL
from reports.model import Severity
from reports.problem import Problem

MODEL_RETIRED = Problem(
    "MODEL-RETIRED",
    "The model was retired",
    "It may still be minted for; the connection then dies with model_not_found and close 4004.",
    f"Change the name everywhere, then: sherpa-probe access --model {DEFAULT_MODEL}",
)
MODEL_RETIRES_SOON = Problem(
    "MODEL-RETIRES-SOON",
    "The model retires within 60 days",
    "From that day on connections with it are refused with model_not_found.",
    f"Try its successor now: sherpa-probe access --model {DEFAULT_MODEL}",
    severity=Severity.WARNING,
)
MODEL_WRONG_SOCKET = Problem(
    "MODEL-WRONG-SOCKET",
    "The model is not made for conversations",
    "The service refuses it on this socket with invalid_model and close 4000.",
    f"Take a realtime model here: sherpa-probe access --model {DEFAULT_MODEL}",
)
MODEL_NOT_LISTED = Problem(
    "MODEL-NOT-LISTED",
    "The model is not among this project's models",
    "The name is mistyped, or the key's project may not use this model.",
    "Take one that is listed; this shows them: sherpa-probe access -v",
)
MODEL_UNKNOWN = Problem(
    "MODEL-UNKNOWN",
    "The server's list names neither this model nor any realtime model",
    "A compatible server with names of its own; only the socket can tell.",
    "Read the rows below it: they ask for the model itself",
    severity=Severity.INFO,
)
NO_REALTIME_MODELS = Problem(
    "NO-REALTIME-MODELS",
    "This project has no realtime model at all",
    "The key's project or organization may not use the Realtime API, or the project's limits exclude it.",
    "Allow realtime models under Limits in the project's settings, or use another project's key",
)
MINT_NO_ANSWER = Problem(
    "MINT-NO-ANSWER",
    "No client secret comes",
    "The server answered before and hangs now: overload, or a gateway without a route for this call.",
    "Try again with a longer --timeout; if it stays, open sessions with the key itself and skip minting",
)
MINT_NOT_OFFERED = Problem(
    "MINT-NOT-OFFERED",
    "This server mints no client secrets",
    "A gateway or a compatible server without this call; a browser could only get the key itself from it.",
    "Keep the key on your own server and let it open the session",
    severity=Severity.WARNING,
)
SECRET_UNSENDABLE = Problem(
    "SECRET-UNSENDABLE",
    "The client secret that was minted cannot be sent",
    "It holds a line break, a space or another character that no header may have, or it is far too long.",
    "Ask whoever runs the server: a client secret is a word of letters, digits, '-' and '_'",
)
NO_REALTIME_ACCESS = Problem(
    "NO-REALTIME-ACCESS",
    "The key is good, but may not use the Realtime API",
    "Its project has no Realtime access, or the key was made with restricted permissions.",
    "Make a key with all permissions, or allow it Realtime, at https://platform.openai.com/api-keys",
)
UPGRADE_NO_ANSWER = Problem(
    "UPGRADE-NO-ANSWER",
    "The WebSocket upgrade is never answered",
    "A proxy or gateway in between takes the request and does not know what to do with 'Upgrade: websocket'.",
    "Try once without the proxy, or make it pass 'Upgrade' and 'Connection' headers on",
)
NO_FIRST_FRAME = Problem(
    "NO-FIRST-FRAME",
    "The socket opens, and then nothing comes",
    "The service hangs behind its gateway, or a proxy accepts the socket and does not pass frames on.",
    "Try once without a proxy and with a longer --timeout",
)
PROTOCOL_BROKEN = Problem(
    "PROTOCOL-BROKEN",
    "The server broke the WebSocket protocol",
    "A frame was not valid (1002) or its text not UTF-8 (1007): a proxy rewrites, or the server errs.",
    "Try once without a proxy; then report it to whoever runs the server",
)
NOT_REALTIME = Problem(
    "NOT-REALTIME",
    "This is no Realtime server",
    "A WebSocket server of another kind: the Realtime API sends JSON objects, session.created or an error first.",
    "Check host and path of the base URL: the socket is <base URL>/realtime",
)
WRONG_SESSION = Problem(
    "WRONG-SESSION",
    "The server opened another kind of session than a conversation",
    "The client secret or a gateway fixes the kind of session, or this server can do nothing else.",
    "Mint the secret with session.type realtime, or ask whoever runs the gateway",
)
UNKNOWN_DIALECT = Problem(
    "UNKNOWN-DIALECT",
    "A session, but of no dialect that is known here",
    "A compatible server with habits of its own; events may have other names and audio another rate.",
    "Look into that server's documentation before you trust a green row here",
    severity=Severity.WARNING,
)
OTHER_DIALECT = Problem(
    "OTHER-DIALECT",
    "The server speaks another dialect than was asked for",
    "Event names and session fields differ between the dialects: a client made for the other one hears nothing.",
    "Ask for the dialect that the server speaks, or take what comes: sherpa-probe access --dialect auto",
)
SESSION_SHORT = Problem(
    "SESSION-SHORT",
    "The session ends within a minute",
    "The server limits sessions to that, or this machine's clock is wrong; the public service gives an hour.",
    "Compare the clock (date -u), then ask whoever runs the server for its session limit",
    severity=Severity.WARNING,
)
NOT_CONFIRMED = Problem(
    "NOT-CONFIRMED",
    "The configuration is never confirmed",
    "The server or a gateway drops session.update; the session would run with its defaults.",
    "Wait for session.updated in your own code before audio is sent, and treat its absence as a failure",
)
CONFIG_REFUSED = Problem(
    "CONFIG-REFUSED",
    "The configuration was refused",
    "The server answered session.update with an error; one bad field drops all of it, and the defaults stay.",
    "Correct the field that 'param' names, send all of it again, and wait for session.updated",
)
CONFIG_CHANGED = Problem(
    "CONFIG-CHANGED",
    "The server confirms another configuration",
    "The server or a gateway in between changes the configuration.",
    "Compare session.updated with what your code sent, field by field, before you rely on it",
)
CONFIG_UNSEEN = Problem(
    "CONFIG-UNSEEN",
    "The server does not show all of the configuration",
    "The server or a gateway in between leaves parts of the configuration out of session.updated.",
    "Compare session.updated with what your code sent, field by field, before you rely on it",
    severity=Severity.WARNING,
)
AUTH_NONE = Problem(
    "AUTH-NONE",
    "No form of auth opens a session here",
    "What all of them share is at fault: key, model, address, or the service itself.",
    "Mend the first failed row above, then try again: sherpa-probe access --auth all",
)
AUTH_USE = Problem(
    "AUTH-USE",
    "Which form of auth to use here",
    "Of the forms that open a session the best one is named: no key in an address, nothing of the beta.",
    "Take the form that the row names",
    severity=Severity.INFO,
)
