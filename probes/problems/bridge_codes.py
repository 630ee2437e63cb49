"""Problems that a bridge reports itself, by the error codes of the client protocol: mostly of the service behind it.

A bridge that sends one of these works as it should: it accepted the client and reported the cause. The fix is about
the cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.client_protocol.errors import ClientCode
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTHENTICATION_FAILED = Problem(
    "BRIDGE-AUTHENTICATION-FAILED",
    "The service refuses the bridge's key",
    "The bridge accepted the client but couldn't open a session: its key is wrong, revoked or expired.",
    "Set a valid key where the bridge reads it (OPENAI_API_KEY) and restart it; to test the key: sherpa-probe access",
)
ACCESS_DENIED = Problem(
    "BRIDGE-ACCESS-DENIED",
    "The service denies access to the bridge's key",
    "403: the key's project may not use the Realtime API, or the bridge runs in a region that is not supported.",
    "On the bridge's machine, with its key: sherpa-probe access",
)
SESSION_NOT_FOUND = Problem(
    "BRIDGE-SESSION-NOT-FOUND",
    "The service has no Realtime API at the bridge's upstream URL",
    "404: a wrong base URL, a proxy without a route, or a server without the call that creates client secrets.",
    "Correct the bridge's upstream base URL; to test it: sherpa-probe access --base-url URL",
)
MODEL_NOT_AVAILABLE = Problem(
    "BRIDGE-MODEL-NOT-AVAILABLE",
    "The bridge's model isn't available",
    "It was retired, is misspelled, isn't a realtime model, or the key's project may not use it.",
    "List the models that the bridge's key may use: sherpa-probe models",
)
DIALECT_REFUSED = Problem(
    "BRIDGE-DIALECT-REFUSED",
    "The service refuses the dialect of the bridge",
    "The bridge asks for the beta dialect, which was switched off on 2026-05-12, or mixes the session objects of both.",
    "Remove OpenAI-Beta from the bridge, send session.type and nested audio, and look for more: sherpa-probe lint PATH",
)
RATE_LIMITED = Problem(
    "BRIDGE-RATE-LIMITED",
    "The service rate-limits the bridge",
    "429 upstream: the account's limit of requests or tokens is reached for now.",
    "Wait as long as the answer says, open fewer sessions at once, or raise the account's usage tier",
)
QUOTA_EXHAUSTED = Problem(
    "BRIDGE-QUOTA-EXHAUSTED",
    "The bridge's account has no credit left",
    "A billing problem, not an overload: the credit is used up, or a spend limit is reached. A retry doesn't help.",
    "Add credit or raise the limit at https://platform.openai.com/settings/organization/billing",
)
UPSTREAM_UNAVAILABLE = Problem(
    "BRIDGE-UPSTREAM-UNAVAILABLE",
    "The bridge can't reach the service, or gets no session from it",
    "A 5xx status, a refused connection, a DNS or TLS failure, a timeout, or a session that is never confirmed.",
    "On the bridge's machine, with its settings: sherpa-probe access",
)
UPSTREAM_ERROR = Problem(
    "BRIDGE-UPSTREAM-ERROR",
    "The service answers with an error",
    "An error event, or a response that failed; the bridge forwards it, and 'upstream' says what it was.",
    "Check the service without the bridge: sherpa-probe events --script manual",
)
SESSION_EXPIRED = Problem(
    "BRIDGE-SESSION-EXPIRED",
    "The session reached its maximum duration, and the bridge let it end",
    "The service ends sessions after 60 minutes (Azure: 30), and this bridge doesn't replace them before that.",
    "Open a new session in a pause before expires_at, with the same configuration and history",
)
CONNECTION_LOST = Problem(
    "BRIDGE-CONNECTION-LOST",
    "The bridge lost the service and gave up",
    "Its attempts to reconnect all failed, or sessions end as soon as they begin.",
    "On the bridge's machine: sherpa-probe access, then sherpa-probe events",
)
SESSION_INITIALIZATION_FAILED = Problem(
    "BRIDGE-SESSION-INITIALIZATION-FAILED",
    "The bridge couldn't open a session",
    "Every attempt failed; the error's detail says why, as far as the bridge knows.",
    "On the bridge's machine, with its settings: sherpa-probe access",
)
SERVER_BUSY = Problem(
    "BRIDGE-SERVER-BUSY",
    "The bridge accepts no new sessions: it is full, or shutting down",
    "503 before the upgrade, or SERVER_BUSY: its session limit is reached, or it is draining.",
    "Wait for running sessions to end, raise the limit (--max-sessions), or start another bridge",
)
BUDGET_EXHAUSTED = Problem(
    "BRIDGE-BUDGET-EXHAUSTED",
    "The bridge's own spending limit is reached",
    "A cap of cost or tokens, for this connection or for the identity of its token: no more answers are given.",
    "Raise the cap of the bridge (max_cost_usd, max_tokens), or probe with a token of its own",
)
CLIENT_TIME_OVER = Problem(
    "BRIDGE-CLIENT-TIME-OVER",
    "The bridge ended the session by a limit of time",
    "session_closed with max_duration or idle: the bridge caps how long a client may talk, or be silent.",
    "Raise the cap of the bridge (max_session_seconds, idle_seconds), or run a shorter script",
)
SESSION_NOT_READY = Problem(
    "BRIDGE-SESSION-NOT-READY",
    "The bridge refuses audio that comes before its session is ready",
    "Clients speak as soon as they can. Early audio is to be buffered, not refused.",
    "Buffer audio until the session is ready, and after a connection loss as well",
)
NO_SESSION_EXISTS = Problem(
    "BRIDGE-NO-SESSION-EXISTS",
    "The bridge has no session although one was requested",
    "create_session was ignored, or the session ended without a message.",
    "Keep the session as long as its socket, and send session_closed or error when it ends",
)
SESSION_ALREADY_EXISTS = Problem(
    "BRIDGE-SESSION-ALREADY-EXISTS",
    "The bridge reports that a session already exists",
    "State of an earlier session was left behind, or one session is shared between sockets.",
    "Use one session per socket, and clear all of it after end_session",
)
SLOW_CONSUMER = Problem(
    "BRIDGE-SLOW-CONSUMER",
    "The bridge reports that this probe reads too slowly",
    "Its queue to the client overflowed, although the probe reads at once: the network is slow, or the limit is very "
    "low.",
    "Give the queue room for at least 30 s of speech; check the network between the probe and the bridge",
)
INVALID_MESSAGE = Problem(
    "BRIDGE-INVALID-MESSAGE",
    "The bridge refuses a valid message of the client protocol",
    "It doesn't know the message, or expects other fields; 'message' says which.",
    "Accept every message of the client protocol, and ignore unknown fields",
)
MESSAGE_TOO_LARGE = Problem(
    "BRIDGE-MESSAGE-TOO-LARGE",
    "The bridge refuses a small message as too large",
    "No message of this probe is longer than 4 kB.",
    "Accept messages of some megabytes, and close with 1009 only above that",
)
RATE_EXCEEDED = Problem(
    "BRIDGE-RATE-EXCEEDED",
    "The bridge refuses a single caller as too fast",
    "This probe sends at the speed of speech: the limit is too low, or counts all clients together.",
    "Allow each client several times 50 frames/s and 64 kB/s; slow down reading first, and refuse only sustained "
    "excess",
)

#: The problem of each error code of the client protocol.
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
        BUDGET_EXHAUSTED,
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
UNKNOWN_CODE = Problem(
    "BRIDGE-UNKNOWN-CODE",
    "The bridge sends an error code of its own",
    "The code isn't one of the client protocol's, so a client written for the protocol can't tell what to do.",
    "Use the protocol's codes; for anything else UPSTREAM_ERROR, with the rest in detail",
)
