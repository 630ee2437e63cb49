"""Refusals about the service and the line to it: overload, faults, closes that say little, and what nobody knows.

Values only; `refusals.py` says which status or code leads to which.
"""

from __future__ import annotations

from bridge.protocol.refusals.model import ClientCode, Refusal


def _lost(slug: str, title: str, cause: str, fix: str, source: str, *, retryable: bool = True) -> Refusal:
    """Make a refusal that ends a connection which had been working."""
    return Refusal(
        slug=slug,
        title=title,
        cause=cause,
        fix=fix,
        retryable=retryable,
        fatal=True,
        client_code=ClientCode.CONNECTION_LOST,
        source=source,
    )


def _unavailable(slug: str, title: str, cause: str, fix: str, source: str, *, retryable: bool = True) -> Refusal:
    """Make a refusal by a service that cannot answer now."""
    return Refusal(
        slug=slug,
        title=title,
        cause=cause,
        fix=fix,
        retryable=retryable,
        fatal=True,
        client_code=ClientCode.UPSTREAM_UNAVAILABLE,
        source=source,
    )


SESSION_EXPIRED = Refusal(
    slug="SESSION-EXPIRED",
    title="The session reached its maximum duration",
    cause="A session lives 60 minutes (30 on Azure). Libraries report the close 1001 as a clean end.",
    fix="Open a fresh session before session.expires_at and replay configuration and context into it",
    retryable=True,
    fatal=True,
    client_code=ClientCode.SESSION_EXPIRED,
    source="public reports: error session_expired, close 1001 with the sentence",
)
GOING_AWAY = _lost(
    "GOING-AWAY",
    "The server is going away",
    "Close 1001 without the sentence about 60 minutes: a server or proxy shuts down or is being redeployed.",
    "Reconnect after a short pause",
    "RFC 6455 7.4; Python SDK 3.52 counts it as recoverable",
)
CLOSED_NORMALLY = _lost(
    "CLOSED-NORMALLY",
    "The connection was closed in the normal way",
    "Somebody asked for it: your side (the service echoes 1000), or a proxy that ended the session.",
    "If you did not ask for it, look for an idle or session limit in the proxy between you and the service",
    "recorded 2026-09: 1000 is the echo of the client's own close",
)
DROPPED = _lost(
    "DROPPED",
    "The connection broke without a close code",
    "Network, proxy or a crash: nobody said goodbye (1005 and 1006 never stand on the wire).",
    "Reconnect with growing pauses; if it breaks after the same time each time, look for a proxy's idle limit",
    "RFC 6455 7.4; Python SDK 3.52 counts it as recoverable",
)
INTERNAL_FAULT = _lost(
    "INTERNAL-FAULT",
    "The server gave up with an internal error",
    "Close 1011: a fault in the service or, more often, in a proxy in between.",
    "Reconnect with growing pauses; if it repeats, try once without the proxy",
    "Python SDK 3.52 counts it as recoverable; public report about a proxy",
)
PINGS_UNANSWERED = _lost(
    "PINGS-UNANSWERED",
    "The client library gave up because its pings went unanswered",
    "A 'keepalive ping timeout' comes from your own side: the event loop was blocked, or the line is dead.",
    "Keep the receiving loop free of slow work (audio, files, logging) so that pings and pongs get through",
    "behaviour of the websockets library; public reports",
)
RESTARTING = _lost(
    "RESTARTING",
    "The server is restarting",
    "Close 1012: a deploy or a fail-over on the other side.",
    "Reconnect after a pause with some randomness, so that not everybody returns at once",
    "close code registry of IANA; Python SDK 3.52 counts it as recoverable",
)
TRY_LATER = _unavailable(
    "TRY-LATER",
    "The server asks to try again later",
    "Close 1013 without a reason: overload. With the reason insufficient_quota it would be billing.",
    "Reconnect with growing pauses",
    "close code registry of IANA; Python SDK 3.52 counts it as recoverable",
)
TLS_FAILED = _unavailable(
    "TLS-FAILED",
    "The encrypted connection could not be made",
    "A local code, never on the wire: the TLS handshake failed, by certificate, by host name, or at a proxy.",
    "Run sherpa-probe access: its 'tcp, tls' row names the certificate's fault",
    "RFC 6455 7.4; Python SDK 3.52 counts it as recoverable",
)
PROTOCOL_FAULT = _lost(
    "PROTOCOL-FAULT",
    "The other side found a broken WebSocket frame",
    "Close 1002: something on the line is no valid WebSocket: a proxy that rewrites, or a client library at fault.",
    "Try without the proxy and without compression; then update the WebSocket library",
    "RFC 6455 7.4",
    retryable=False,
)
FRAME_NOT_TAKEN = _lost(
    "FRAME-NOT-TAKEN",
    "The other side does not take this kind of frame",
    "Close 1003: usually a binary frame sent to a server that reads JSON text.",
    "Send audio as base64 in input_audio_buffer.append",
    "RFC 6455 7.4",
    retryable=False,
)
BAD_UTF8 = _lost(
    "BAD-UTF8",
    "A text frame was not valid UTF-8",
    "Close 1007: bytes were sent as text, or a message was cut inside a character.",
    "Encode the JSON as UTF-8 and send audio as base64, not as raw bytes in a text frame",
    "RFC 6455 7.4",
    retryable=False,
)
POLICY = _lost(
    "POLICY",
    "The other side closed by a policy of its own",
    "Close 1008: a gateway's rule, such as a missing token, a forbidden origin, or too many messages.",
    "Read the close reason and that gateway's log; the public service has not been seen to send 1008",
    "RFC 6455 7.4",
    retryable=False,
)
TOO_BIG = Refusal(
    slug="MESSAGE-TOO-BIG",
    title="A message was larger than the other side takes",
    cause="Close 1009: the size limit of the server, a proxy or, for audio deltas, of your own client library.",
    fix="Send audio in chunks of 20 to 200 ms (the service takes up to 15 MiB), and raise the library's receive limit",
    retryable=False,
    fatal=True,
    client_code=ClientCode.MESSAGE_TOO_LARGE,
    source="RFC 6455 7.4; OpenAPI for the 15 MiB",
)
SERVER_ERROR = Refusal(
    slug="SERVER-ERROR",
    title="The service failed inside",
    cause="A passing fault of the backend; in a session it usually comes as a response.done with status failed.",
    fix="Try again with growing pauses; if it stays, give support the session id from the message or x-request-id",
    retryable=True,
    fatal=False,
    client_code=ClientCode.UPSTREAM_UNAVAILABLE,
    source="public reports: error type server_error; OpenAI error guide: REST 500",
)
OVERLOADED = _unavailable(
    "OVERLOADED",
    "The service is overloaded",
    "Too much load on the other side, or your own traffic rose too fast (slow_down).",
    "Wait for 'retry-after', then come back with growing pauses and a gentler rise",
    "OpenAI error guide: 503, server_is_overloaded, slow_down",
)
UPGRADE_SERVER_ERROR = _unavailable(
    "UPGRADE-SERVER-ERROR",
    "The WebSocket upgrade was answered with 500",
    "Either a fault of the service, or a login token (ChatGPT, Codex) stands where an API key belongs: since 2026-06 "
    "those are answered so.",
    "If the key does not begin with sk- or ek_, use an API key; otherwise try again with growing pauses",
    "public report 2026-06",
)
GATEWAY = _unavailable(
    "GATEWAY-FAILED",
    "A gateway on the way got no proper answer",
    "A proxy or the edge in front of the service could not reach what is behind it.",
    "Try again with growing pauses; if you run the proxy, look at its upstream",
    "RFC 9110 15.6; close code registry of IANA",
)
UNKNOWN_ERROR = Refusal(
    slug="UNKNOWN-ERROR",
    title="The service reported an error that this toolkit does not know",
    cause="The message of the error is all there is.",
    fix="Read the message and 'param'; the session may well go on, unless a close follows",
    retryable=False,
    fatal=False,
    client_code=ClientCode.UPSTREAM_ERROR,
    source="no source: not in the tables",
)
CLOSED = _lost(
    "CLOSED",
    "The connection was closed with a code that this toolkit does not know",
    "The code and its reason are all there is.",
    "Read the reason and the last frames before the close: sherpa-probe access shows them",
    "no source: not in the tables",
)
HTTP_ERROR = Refusal(
    slug="HTTP-ERROR",
    title="The HTTP answer was no success, with a status that this toolkit does not know",
    cause="The status and its body are all there is.",
    fix="Read the body of the answer, and its 'server' header to learn who sent it",
    retryable=False,
    fatal=True,
    client_code=ClientCode.UPSTREAM_ERROR,
    source="no source: not in the tables",
)
