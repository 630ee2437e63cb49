"""The error codes of the client protocol: whether a retry can help, what each means, and what a client does about it.

The same codes name rejections before the upgrade (HTTP). At the native endpoint errors have the service's codes; those
that the bridge made name one of these in their message (`native_errors.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_WINDOW_SECONDS: Final = 2.0
"""A client gets at most one `error` in any window of this length."""

#: At the native endpoint: the message of the error in the `response.done` of a response that was lost with its session.
LOST_RESPONSE_MESSAGE = "The session was lost before the response was complete."


class ClientCode(StrEnum):
    """An error code that a bridge sends to its clients."""

    NO_SESSION_EXISTS = "NO_SESSION_EXISTS"
    SESSION_NOT_READY = "SESSION_NOT_READY"
    SESSION_ALREADY_EXISTS = "SESSION_ALREADY_EXISTS"
    SESSION_INITIALIZATION_FAILED = "SESSION_INITIALIZATION_FAILED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    ACCESS_DENIED = "ACCESS_DENIED"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    MODEL_NOT_AVAILABLE = "MODEL_NOT_AVAILABLE"
    DIALECT_REFUSED = "DIALECT_REFUSED"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    UPSTREAM_UNAVAILABLE = "UPSTREAM_UNAVAILABLE"
    UPSTREAM_ERROR = "UPSTREAM_ERROR"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    CONNECTION_LOST = "CONNECTION_LOST"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    SESSION_GONE = "SESSION_GONE"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    RATE_EXCEEDED = "RATE_EXCEEDED"
    SERVER_BUSY = "SERVER_BUSY"
    UNAUTHORIZED = "UNAUTHORIZED"
    ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """What is known about one error code."""

    title: str
    """What happened: one sentence without a full stop."""
    cause: str
    fix: str
    """What the client, or the person who runs the bridge, does next."""
    retryable: bool | None
    """Whether the same can work later. None: it depends on the cause; see `retryable` of the message."""
    ends_session: bool = False
    """The session is over and the socket stays open: `create_session` is a fresh try. (An error of any code ends the
    session when its `detail` has `attempts`.)"""
    close_code: int | None = None
    """The WebSocket close code that follows, where the socket is closed."""
    http_status: int | None = None
    """The status before the upgrade, where the code can come that early."""


_ASK_AGAIN: Final = "Send create_session again, after a wait that grows"
_BRIDGE_ACCESS: Final = "On the bridge's machine, with its settings, run: sherpa-probe access"

ERRORS: Final[Mapping[ClientCode, ErrorInfo]] = {
    ClientCode.NO_SESSION_EXISTS: ErrorInfo(
        title="There is no session",
        cause="Something that needs a session came before create_session, or after the session ended.",
        fix="Send create_session. What you sent is held until the session is ready",
        retryable=True,
    ),
    ClientCode.SESSION_NOT_READY: ErrorInfo(
        title="The session was lost and is being reopened",
        cause="The upstream connection broke. The bridge is reconnecting.",
        fix="Wait for `reconnected` and keep speaking: what you send is held",
        retryable=True,
    ),
    ClientCode.SESSION_ALREADY_EXISTS: ErrorInfo(
        title="The session already exists",
        cause="create_session came while a session is live.",
        fix="Use the session, or send end_session first",
        retryable=False,
    ),
    ClientCode.SESSION_INITIALIZATION_FAILED: ErrorInfo(
        title="The bridge couldn't open a session",
        cause="Every attempt failed. `detail.cause` has the code of the last one.",
        fix=_ASK_AGAIN,
        retryable=True,
        ends_session=True,
    ),
    ClientCode.AUTHENTICATION_FAILED: ErrorInfo(
        title="The upstream refuses the bridge's API key",
        cause="HTTP 401 or close 3000: the key is wrong, revoked or expired.",
        fix="Clients can't fix this. Give the bridge a valid key; test the key: sherpa-probe access",
        retryable=False,
        ends_session=True,
    ),
    ClientCode.ACCESS_DENIED: ErrorInfo(
        title="The upstream denies access to the bridge's API key",
        cause="HTTP 403: the key's project may not use the Realtime API, or the region isn't supported.",
        fix=f"Clients can't fix this. {_BRIDGE_ACCESS}",
        retryable=False,
        ends_session=True,
    ),
    ClientCode.SESSION_NOT_FOUND: ErrorInfo(
        title="The upstream has no such endpoint or session",
        cause="HTTP 404: usually a wrong base URL, or a server that can't mint client secrets.",
        fix="Clients can't fix this. Check the bridge's upstream URL: sherpa-probe access --base-url URL",
        retryable=None,
    ),
    ClientCode.MODEL_NOT_AVAILABLE: ErrorInfo(
        title="The model isn't available",
        cause="The model was retired, is misspelled, isn't a realtime model, or the key's project may not use it.",
        fix="Ask for another model. List the models that the bridge's key can use: sherpa-probe models",
        retryable=False,
        ends_session=True,
    ),
    ClientCode.DIALECT_REFUSED: ErrorInfo(
        title="The upstream refuses the request's dialect",
        cause="The bridge speaks the beta dialect, or mixes the session shapes of beta and GA.",
        fix="Clients can't fix this. Set the bridge's dialect to ga; find beta code: sherpa-probe lint PATH",
        retryable=False,
        ends_session=True,
    ),
    ClientCode.RATE_LIMITED: ErrorInfo(
        title="The upstream limits the bridge's requests",
        cause="HTTP 429: the account's request or token limit is reached for now.",
        fix="Wait `detail.retryAfterMs`, then try again",
        retryable=True,
    ),
    ClientCode.QUOTA_EXHAUSTED: ErrorInfo(
        title="The account behind the bridge has no credit left",
        cause="HTTP 429 or close 1013 with insufficient_quota: the credit is used up, or a spend limit is reached.",
        fix="Clients can't fix this. Add credit: https://platform.openai.com/settings/organization/billing",
        retryable=False,
        ends_session=True,
    ),
    ClientCode.UPSTREAM_UNAVAILABLE: ErrorInfo(
        title="The bridge can't reach the upstream",
        cause="A 5xx, a refused connection, DNS, TLS, a timeout, or a session that is never confirmed.",
        fix=f"Try again later. {_BRIDGE_ACCESS}",
        retryable=None,
    ),
    ClientCode.UPSTREAM_ERROR: ErrorInfo(
        title="The upstream reported an error",
        cause="An `error` event, or a response with status `failed`; `detail.upstream` is the upstream's own error.",
        fix="Look at `detail.upstream`. See the upstream without the bridge: sherpa-probe events --script manual",
        retryable=None,
    ),
    ClientCode.SESSION_EXPIRED: ErrorInfo(
        title="The session reached its maximum age",
        cause="The upstream ends sessions after 60 minutes (Azure: 30), and the bridge's rollover is off.",
        fix="Send create_session, or turn the bridge's rollover on",
        retryable=True,
        ends_session=True,
    ),
    ClientCode.CONNECTION_LOST: ErrorInfo(
        title="The bridge lost the upstream and couldn't reconnect",
        cause="All reconnection attempts failed, or sessions end as soon as they begin.",
        fix=_ASK_AGAIN,
        retryable=None,
        ends_session=True,
    ),
    ClientCode.SLOW_CONSUMER: ErrorInfo(
        title="The client reads too slowly",
        cause="The queue of messages to this client overflowed.",
        fix="Read the socket faster, then connect again",
        retryable=True,
        close_code=1013,
    ),
    ClientCode.BUDGET_EXHAUSTED: ErrorInfo(
        title="The spending limit of this client is reached",
        cause="The operator's cap of cost or tokens, for the connection or the subject of its ticket.",
        fix="Stop asking. Connect again where the cap is the connection's; ask the operator where it is the day's",
        retryable=False,
    ),
    ClientCode.SESSION_GONE: ErrorInfo(
        title="The session of the REST fallback is over, or was never here",
        cause="It ended, nobody asked for its events for 60 s, the bridge restarted, or another bridge has it.",
        fix="Begin a new session. Behind a balancer, route by the part of the session id before the dot",
        retryable=True,
        http_status=410,
    ),
    ClientCode.INVALID_MESSAGE: ErrorInfo(
        title="The bridge can't read a message of the client",
        cause="It isn't JSON, its type is unknown, or a field is missing or wrong; see `message`.",
        fix="Fix the client. `detail.eventId` names the event, where it had an `event_id`",
        retryable=False,
    ),
    ClientCode.MESSAGE_TOO_LARGE: ErrorInfo(
        title="A message of the client is too large",
        cause="It is larger than the bridge's max_message_bytes.",
        fix="Send smaller chunks of audio; 20 ms is usual",
        retryable=False,
        close_code=1009,
    ),
    ClientCode.RATE_EXCEEDED: ErrorInfo(
        title="The client sends too fast",
        cause="More bytes or frames a second than the bridge allows, for 5 s; or too many requests for a response.",
        fix="Send audio at the pace of speech, then connect again",
        retryable=True,
        close_code=1008,
    ),
    ClientCode.SERVER_BUSY: ErrorInfo(
        title="The bridge accepts no new sessions",
        cause="It is full, or it is shutting down.",
        fix="Connect again later",
        retryable=True,
        close_code=1013,
        http_status=503,
    ),
    ClientCode.UNAUTHORIZED: ErrorInfo(
        title="The bridge requires a valid token",
        cause="The client token or ticket is missing, wrong, expired or already used.",
        fix="Send Authorization: Bearer TOKEN; browsers use a ticket: sherpa-bridge ticket",
        retryable=False,
        http_status=401,
    ),
    ClientCode.ORIGIN_NOT_ALLOWED: ErrorInfo(
        title="The bridge doesn't accept this web page",
        cause="The page's Origin isn't on the bridge's list of allowed origins.",
        fix="Start the bridge with --allow-origin ORIGIN",
        retryable=False,
        http_status=403,
    ),
}
"""Every code, in the order of the protocol's error table."""

CLOSE_CODES: Final[Mapping[int, str]] = {
    1001: "The bridge is shutting down: connect again.",
    1008: "The client sent too fast (RATE_EXCEEDED).",
    1009: "A message was too large (MESSAGE_TOO_LARGE).",
    1011: "The bridge failed, or the client answered no ping for 30 s: connect again.",
    1013: "The client read too slowly (SLOW_CONSUMER), or the bridge is busy (SERVER_BUSY): connect again later.",
}
"""How a bridge closes a client's socket on its own account."""
