"""Problems that a bridge names itself, by the client protocol's error codes: mostly those of the service behind it.

A bridge that says one of these does its work: it let us in and told the truth. What is to be mended is named here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bridge.protocol.refusals.lookup import ClientCode
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_Bridge = partial(Problem, probe="bridge")

AUTHENTICATION_FAILED = _Bridge(
    "AUTHENTICATION-FAILED",
    "The service refuses the bridge's key",
    "The bridge let us in and could not open a session: the key it has is wrong, revoked or expired.",
    "Put a valid key where the bridge reads it (OPENAI_API_KEY), and restart it; try that key: sherpa-probe access",
)
ACCESS_DENIED = _Bridge(
    "ACCESS-DENIED",
    "The service does not let the bridge's key in",
    "403: the key's project may not use the Realtime API, or the bridge runs where the service is not offered.",
    "On the machine of the bridge, with its key: sherpa-probe access",
)
SESSION_NOT_FOUND = _Bridge(
    "SESSION-NOT-FOUND",
    "The service knows no sessions at the address that the bridge asks",
    "404: a wrong base URL, a proxy without a route, or a server without the call that makes client secrets.",
    "Correct the bridge's upstream base URL; look at the same one: sherpa-probe access --base-url URL",
)
MODEL_NOT_AVAILABLE = _Bridge(
    "MODEL-NOT-AVAILABLE",
    "The model that the bridge asks for cannot be had",
    "It was retired, is mistyped, is no realtime model, or the key's project may not use it.",
    "See which ones the bridge's key may use: sherpa-probe models",
)
DIALECT_REFUSED = _Bridge(
    "DIALECT-REFUSED",
    "The service refuses the shape in which the bridge asks",
    "It asks for the beta dialect, which was switched off on 2026-05-12, or mixes the session shapes of both.",
    "Take OpenAI-Beta out of the bridge, send session.type and nested audio, and look for more: sherpa-probe lint PATH",
)
RATE_LIMITED = _Bridge(
    "RATE-LIMITED",
    "The service limits how often the bridge may ask",
    "429 upstream: the account's limit of requests or tokens is reached for now.",
    "Wait as long as the answer says, open fewer sessions at once, or raise the account's tier",
)
QUOTA_EXHAUSTED = _Bridge(
    "QUOTA-EXHAUSTED",
    "The account behind the bridge has no credit left",
    "Billing, not load: the credit is used up, or a spend limit is reached. Trying again changes nothing.",
    "Add credit or raise the limit at https://platform.openai.com/settings/organization/billing",
)
UPSTREAM_UNAVAILABLE = _Bridge(
    "UPSTREAM-UNAVAILABLE",
    "The bridge cannot reach the service, or gets no session from it",
    "A 5xx, a refused connection, a name, TLS, a time-out, or a session that is never confirmed.",
    "On the machine of the bridge, with its settings: sherpa-probe access",
)
UPSTREAM_ERROR = _Bridge(
    "UPSTREAM-ERROR",
    "The service answers with an error",
    "An error event, or a response that failed; the bridge passes it on, and 'upstream' says what it was.",
    "See what the service does without the bridge: sherpa-probe events --script manual",
)
SESSION_EXPIRED = _Bridge(
    "SESSION-EXPIRED",
    "The session reached its longest life, and the bridge let it end",
    "The service ends sessions after 60 minutes (Azure: 30); this bridge does not open another one before.",
    "Open a fresh session in a pause before expires_at, with configuration and context",
)
CONNECTION_LOST = _Bridge(
    "CONNECTION-LOST",
    "The bridge lost the service, and gave up",
    "Its attempts to come back have all failed, or sessions end as soon as they begin.",
    "On the machine of the bridge: sherpa-probe access, then sherpa-probe events",
)
SESSION_INITIALIZATION_FAILED = _Bridge(
    "SESSION-INITIALIZATION-FAILED",
    "The bridge could not open a session",
    "Every attempt failed; the bridge's detail says with what, as far as it knows.",
    "On the machine of the bridge, with its settings: sherpa-probe access",
)
SERVER_BUSY = _Bridge(
    "SERVER-BUSY",
    "The bridge takes nobody in: it is full, or going down",
    "503 before the upgrade, or SERVER_BUSY: its limit of sessions is reached, or it drains.",
    "Wait for running sessions to end, raise the limit (--max-sessions), or start another bridge",
)
SESSION_NOT_READY = _Bridge(
    "SESSION-NOT-READY",
    "The bridge refuses what comes before its session is ready",
    "Clients speak as soon as they may; what comes early is to be held, not refused.",
    "Hold speech until the session is ready; after a loss hold it as well",
)
NO_SESSION_EXISTS = _Bridge(
    "NO-SESSION-EXISTS",
    "The bridge knows of no session although one was asked for",
    "create_session was not taken, or the session is gone without a word.",
    "Keep the session with its socket, and tell with session_closed or error when it ends",
)
SESSION_ALREADY_EXISTS = _Bridge(
    "SESSION-ALREADY-EXISTS",
    "The bridge believes that there is a session already",
    "Something of an earlier session was left behind, or one is shared between sockets.",
    "One session for a socket; after end_session nothing of it may remain",
)
SLOW_CONSUMER = _Bridge(
    "SLOW-CONSUMER",
    "The bridge says that this probe reads too slowly",
    "Its queue to the client overflowed, although all was read as it came: the way is slow, or the bound is tiny.",
    "Let its queue hold 30 s of speech at least; look at the network between here and there",
)
INVALID_MESSAGE = _Bridge(
    "INVALID-MESSAGE",
    "The bridge refuses a message that the client protocol allows",
    "It does not know the message, or wants other fields; 'message' says which.",
    "Take every message of the client protocol; unknown fields are let pass",
)
MESSAGE_TOO_LARGE = _Bridge(
    "MESSAGE-TOO-LARGE",
    "The bridge finds a small message too large",
    "No message of this probe is longer than 4 kB.",
    "Allow messages of some megabytes, and answer longer ones with close 1009",
)
RATE_EXCEEDED = _Bridge(
    "RATE-EXCEEDED",
    "The bridge finds a single caller too fast",
    "This probe speaks as fast as people do; the limit is too low, or counts all clients together.",
    "Allow each client several times 50 frames and 64 kB a second; read slower first, and refuse only what lasts",
)

#: What is behind each code that a bridge may send.
BY_CLIENT_CODE: Mapping[ClientCode, Problem] = {
    ClientCode(problem.slug.replace("-", "_")): problem
    for problem in (
        AUTHENTICATION_FAILED,
        ACCESS_DENIED,
        SESSION_NOT_FOUND,
        MODEL_NOT_AVAILABLE,
        DIALECT_REFUSED,
        RATE_LIMITED,
        QUOTA_EXHAUSTED,
        UPSTREAM_UNAVAILABLE,
        UPSTREAM_ERROR,
        SESSION_EXPIRED,
        CONNECTION_LOST,
        SESSION_INITIALIZATION_FAILED,
        SERVER_BUSY,
        SESSION_NOT_READY,
        NO_SESSION_EXISTS,
        SESSION_ALREADY_EXISTS,
        SLOW_CONSUMER,
        INVALID_MESSAGE,
        MESSAGE_TOO_LARGE,
        RATE_EXCEEDED,
    )
}
UNKNOWN_CODE = _Bridge(
    "UNKNOWN-CODE",
    "The bridge answers with an error of its own",
    "Its code is none of the client protocol's: clients made for that cannot tell what to do.",
    "Use the protocol's codes; what fits none is UPSTREAM_ERROR, with the rest in detail",
)
