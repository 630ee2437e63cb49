"""Refusals about the service and the connection: overload, internal errors, close codes, and unknown codes.

Values only. `lookup.py` maps statuses, close codes and error codes to them.
"""

from __future__ import annotations

from bridge.protocol.refusals.model import Refusal


def _ended(slug: str, title: str, cause: str, fix: str, source: str, *, retryable: bool = True) -> Refusal:
    """Make a refusal that ends the connection."""
    return Refusal(slug=slug, title=title, cause=cause, fix=fix, retryable=retryable, fatal=True, source=source)


SESSION_EXPIRED = _ended(
    "SESSION-EXPIRED",
    "The session reached its maximum duration",
    "A session lasts at most 60 minutes (30 on Azure). Libraries report the close code 1001 as a clean end.",
    "Open a new session before session.expires_at and replay the configuration and the context into it",
    "public reports: error session_expired, close 1001 with the sentence",
)
GOING_AWAY = _ended(
    "GOING-AWAY",
    "The server is going away",
    "Close 1001 without the sentence about 60 minutes: a server or proxy shuts down or is being redeployed.",
    "Reconnect after a short pause",
    "RFC 6455 7.4; Python SDK 3.52 counts it as recoverable",
)
CLOSED_NORMALLY = _ended(
    "CLOSED-NORMALLY",
    "The connection was closed normally",
    "Close 1000: your side closed (the service echoes 1000), or a proxy ended the session.",
    "If your side did not close, look for an idle or session limit in the proxy between you and the service",
    "recorded 2026-09: 1000 is the echo of the client's own close",
)
DROPPED = _ended(
    "DROPPED",
    "The connection broke without a close code",
    "The network, a proxy or a crash ended the connection without a Close frame (1005 and 1006 are never sent).",
    "Reconnect with exponential backoff. If it always breaks after the same time, look for a proxy's idle limit",
    "RFC 6455 7.4; Python SDK 3.52 counts it as recoverable",
)
INTERNAL_FAULT = _ended(
    "INTERNAL-FAULT",
    "The server closed with an internal error",
    "Close 1011: an error in the service or, more often, in a proxy in between.",
    "Reconnect with exponential backoff. If it repeats, try once without the proxy",
    "Python SDK 3.52 counts it as recoverable; public report about a proxy",
)
PINGS_UNANSWERED = _ended(
    "PINGS-UNANSWERED",
    "The client library closed because its pings were not answered",
    "A 'keepalive ping timeout' comes from your side: the event loop was blocked, or the connection is dead.",
    "Keep slow work (audio, files, logging) out of the receive loop, so that pings and pongs get through",
    "behaviour of the websockets library; public reports",
)
RESTARTING = _ended(
    "RESTARTING",
    "The server is restarting",
    "Close 1012: a deployment or failover on the server's side.",
    "Reconnect after a random delay, so that clients do not all return at once",
    "close code registry of IANA; Python SDK 3.52 counts it as recoverable",
)
TRY_LATER = _ended(
    "TRY-LATER",
    "The server asks you to try again later",
    "Close 1013 without a reason: overload. With the reason insufficient_quota it would be a billing problem.",
    "Reconnect with exponential backoff",
    "close code registry of IANA; Python SDK 3.52 counts it as recoverable",
)
TLS_FAILED = _ended(
    "TLS-FAILED",
    "The TLS connection could not be established",
    "The TLS handshake failed: certificate, host name or proxy. 1015 is a local code that is never sent.",
    "Run sherpa-probe access: its 'tcp, tls' row says what is wrong with the certificate",
    "RFC 6455 7.4; Python SDK 3.52 counts it as recoverable",
)
PROTOCOL_FAULT = _ended(
    "PROTOCOL-FAULT",
    "The other side received an invalid WebSocket frame",
    "Close 1002: the bytes are not valid WebSocket: a proxy rewrites them, or the client library has a bug.",
    "Try without the proxy and without compression, then update the WebSocket library",
    "RFC 6455 7.4",
    retryable=False,
)
FRAME_NOT_TAKEN = _ended(
    "FRAME-NOT-TAKEN",
    "The other side does not accept this type of frame",
    "Close 1003: usually a binary frame sent to a server that expects JSON text.",
    "Send audio as base64 in input_audio_buffer.append",
    "RFC 6455 7.4",
    retryable=False,
)
BAD_UTF8 = _ended(
    "BAD-UTF8",
    "A text frame was not valid UTF-8",
    "Close 1007: bytes were sent as text, or a message was cut inside a character.",
    "Encode the JSON as UTF-8 and send audio as base64, not as raw bytes in a text frame",
    "RFC 6455 7.4",
    retryable=False,
)
POLICY = _ended(
    "POLICY",
    "The other side closed because of its policy",
    "Close 1008: a rule of a gateway, such as a missing token, a forbidden origin, or too many messages.",
    "Read the close reason and the gateway's log. The public service has not been seen to send 1008",
    "RFC 6455 7.4",
    retryable=False,
)
TOO_BIG = _ended(
    "MESSAGE-TOO-BIG",
    "A message was larger than the other side accepts",
    "Close 1009: the size limit of the server, of a proxy or, for audio deltas, of your own client library.",
    "Send audio in chunks of 20 to 200 ms (the service accepts up to 15 MiB), and raise the library's receive limit",
    "RFC 6455 7.4; OpenAPI for the 15 MiB",
    retryable=False,
)
SERVER_ERROR = Refusal(
    slug="SERVER-ERROR",
    title="The service had an internal error",
    cause="A temporary error of the backend. In a session it usually comes as a response.done with status failed.",
    fix="Retry with exponential backoff. If it persists, give support the session id from the message or x-request-id",
    retryable=True,
    fatal=False,
    source="public reports: error type server_error; OpenAI error guide: REST 500",
)
OVERLOADED = _ended(
    "OVERLOADED",
    "The service is overloaded",
    "The service has too much load, or your own traffic rose too fast (slow_down).",
    "Wait for 'retry-after', then retry with exponential backoff and increase the load more slowly",
    "OpenAI error guide: 503, server_is_overloaded, slow_down",
)
UPGRADE_SERVER_ERROR = _ended(
    "UPGRADE-SERVER-ERROR",
    "The WebSocket upgrade was answered with 500",
    "Either an error of the service, or a login token (ChatGPT, Codex) was sent in place of an API key: since 2026-06 "
    "the service answers those with 500.",
    "If the key does not begin with sk- or ek_, use an API key; otherwise retry with exponential backoff",
    "public report 2026-06",
)
GATEWAY = _ended(
    "GATEWAY-FAILED",
    "A gateway in between got no valid response",
    "A proxy or the CDN in front of the service could not reach the server behind it.",
    "Retry with exponential backoff. If you run the proxy, check its upstream",
    "RFC 9110 15.6; close code registry of IANA",
)
UNKNOWN_ERROR = Refusal(
    slug="UNKNOWN-ERROR",
    title="The service reported an error that this toolkit does not know",
    cause="The error's message is all the information there is.",
    fix="Read the message and 'param'. The session may continue, unless a close follows",
    retryable=False,
    fatal=False,
    source="no source: not in the tables",
)
CLOSED = _ended(
    "CLOSED",
    "The connection was closed with a code that this toolkit does not know",
    "The code and its reason are all the information there is.",
    "Read the reason and the last frames before the close: sherpa-probe access shows them",
    "no source: not in the tables",
)
HTTP_ERROR = Refusal(
    slug="HTTP-ERROR",
    title="The HTTP response has an error status that this toolkit does not know",
    cause="The status and the body are all the information there is.",
    fix="Read the body of the response, and its 'server' header to see which server sent it",
    retryable=False,
    fatal=True,
    source="no source: not in the tables",
)
