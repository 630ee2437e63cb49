"""Why the upstream refused or ended a session, as a `Failure` of the core.

The table of refusals (`bridge.protocol.refusals.lookup`) explains every cause, and `client_codes.py` gives the code for
the client. Quotes of what the upstream wrote have no keys, tokens or control characters.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.core.events import Failure
from bridge.protocol.refusals.lookup import HttpExchange, refusal_for_close, refusal_for_error, refusal_for_status
from bridge.upstream.client_codes import client_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.protocol.refusals.lookup import Refusal
    from bridge.transport.link import HandshakeRefused, Headers, LinkClosed
    from bridge.upstream.dial.errors import DialFailed
    from bridge.upstream.rest_response import RestFailed, RestRefused
    from reports.redaction import Secret

#: How much of what the upstream wrote is quoted.
MAX_QUOTED_CHARS = 500
#: Keys, client secrets and login tokens, anywhere in a text.
_TOKENS = re.compile(r"\b(?:(sk|ek|rk)[-_][\w*.-]{6,}|(Bearer) +\S+|(eyJ)[\w.-]{10,})")
_REQUEST_IDS = ("x-request-id", "apim-request-id")
#: "Please try again in 1.2s": in a session, a rate limit error says it in its message.
_TRY_AGAIN = re.compile(r"try again in (\d+(?:\.\d+)?)(ms|s)\b")
#: The longest wait that is passed on.
_DAY_SECONDS = 86_400.0
#: Close codes for what the peer sent. If our side closes with them, the upstream is at fault.
_PROTOCOL_VIOLATIONS = frozenset({1002, 1007, 1009})


class ConnectFailed(Exception):  # noqa: N818 - an outcome that callers expect
    """The upstream session could not be opened. `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class UpstreamClosed(Exception):  # noqa: N818 - an end is not always an error
    """The upstream session is closed. `failure` says why, `reason` in a few words."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


def hide_keys(text: str, *secrets: Secret) -> str:
    """Replace keys and tokens in a text, and nothing else."""
    for secret in secrets:
        text = secret.hide(text)
    return _TOKENS.sub(lambda found: f"{found[1] or found[2] or found[3]}-…", text)


def redact(text: str, *secrets: Secret) -> str:
    """Replace keys, tokens and unprintable characters in a text, and cut it to MAX_QUOTED_CHARS."""
    return "".join(mark if mark.isprintable() else " " for mark in hide_keys(text, *secrets)[:MAX_QUOTED_CHARS])


def redact_json(value: Any, redact_text: Callable[[str], str]) -> Any:
    """Apply `redact_text` to every string in a JSON value."""
    match value:
        case str():
            return redact_text(value)
        case dict():
            return {name: redact_json(held, redact_text) for name, held in value.items()}
        case list():
            return [redact_json(held, redact_text) for held in value]
        case _:
            return value


def failure_from_error(error: Mapping[str, Any], redact_text: Callable[[str], str], **detail: Any) -> Failure:
    """Make a failure of an error object: of an `error` event, or of a REST body."""
    message = error.get("message")
    text = message if isinstance(message, str) else ""
    code = error.get("code") or error.get("type")
    upstream_code = redact_text(code) if isinstance(code, str) else None
    return _failure(
        refusal_for_error(error),
        redact_text(text),
        retry_after=_retry_after_in_message(text),
        detail={"code": upstream_code, **detail},
    )


def failure_from_close(end: LinkClosed, redact_text: Callable[[str], str], **detail: Any) -> Failure:
    """Make a failure of how the WebSocket ended. Our side did not ask for it, so 1000 and 1001 are failures too."""
    detail = {**close_detail(end, redact_text), **detail}
    if not end.by_peer and end.code in _PROTOCOL_VIOLATIONS:
        return upstream_unavailable("The upstream violated the WebSocket protocol.", **detail)
    code = 1006 if end.code is None else end.code
    return _failure(refusal_for_close(code, end.reason), redact_text(end.reason), detail=detail)


def close_detail(end: LinkClosed, redact_text: Callable[[str], str]) -> dict[str, Any]:
    """Return how the upstream closed, for the `detail` of a failure: an SDK's socket is closed the same way."""
    return {"closeCode": end.code} | ({"closeReason": redact_text(end.reason)} if end.reason else {})


def failure_from_upgrade(
    refused: HandshakeRefused, redact_text: Callable[[str], str], *, azure: bool, **detail: Any
) -> Failure:
    """Make a failure of an upgrade that was answered with another status than 101."""
    exchange = HttpExchange.AZURE_HANDSHAKE if azure else HttpExchange.HANDSHAKE
    return _failure_from_status(exchange, refused.status, refused.headers, refused.body, redact_text, detail)


def failure_from_rest_refusal(refused: RestRefused, redact_text: Callable[[str], str], **detail: Any) -> Failure:
    """Make a failure of a minting call that was refused, or whose response has no secret."""
    if refused.missing:
        return upstream_unavailable(
            f"The response to minting lacks {refused.missing}.", status=refused.status, **detail
        )
    text = refused.error.get("message")
    quoted = redact_text(text) if isinstance(text, str) else ""
    code = refused.error.get("code")
    detail = {"code": redact_text(code) if isinstance(code, str) else None, **detail}
    return _failure_from_status(
        HttpExchange.REST, refused.status, refused.headers, refused.body, redact_text, detail, quoted
    )


def failure_from_network(failed: DialFailed | RestFailed, redact_text: Callable[[str], str], **detail: Any) -> Failure:
    """Make a failure of an upstream that could not be reached: DNS, TCP, proxy, TLS, or a broken upgrade."""
    message = f"The upstream cannot be reached: {redact_text(failed.detail)}."
    known = {"reason": str(failed.reason), **_without_none(detail)}
    return Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=True, detail=known)


def upstream_unavailable(message: str, *, retryable: bool = True, **detail: Any) -> Failure:
    """Make a failure with the code UPSTREAM_UNAVAILABLE and a message of our own."""
    return Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=retryable, detail=_without_none(detail))


def as_upstream_error(failure: Failure) -> Failure:
    """Return the same failure for a session that continues: the client gets UPSTREAM_ERROR."""
    return replace(failure, code="UPSTREAM_ERROR")


def failure_reason(failure: Failure) -> str:
    """Return the first sentence of a failure's message."""
    return failure.message.partition(".")[0]


def _failure_from_status(
    where: HttpExchange,
    status: int,
    headers: Headers,
    body: bytes,
    redact_text: Callable[[str], str],
    detail: Mapping[str, Any],
    quoted: str = "",
) -> Failure:
    named = {name.lower(): value for name, value in reversed(headers)}
    request_id = next((redact_text(named[name]) for name in _REQUEST_IDS if name in named), None)
    error = _error_in(body)
    upstream = redact_json(error, redact_text) if isinstance(error.get("code"), str) else None
    return _failure(
        refusal_for_status(where, status, body),
        quoted,
        retry_after=_retry_after(named.get("retry-after")),
        detail={"status": status, "requestId": request_id, "upstream": upstream, **detail},
    )


def _error_in(body: bytes) -> Mapping[str, Any]:
    """Return the error object of the API in a body; empty if it has none."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _failure(refusal: Refusal, quoted: str, *, detail: Mapping[str, Any], retry_after: float | None = None) -> Failure:
    known = {"refusal": refusal.slug, **_without_none(detail)}
    if retry_after is not None:
        retry_after = min(retry_after, _DAY_SECONDS)
        known["retryAfterMs"] = round(retry_after * 1000)
    return Failure(
        code=str(client_code(refusal)),
        message=f"{refusal.title}. {quoted}".rstrip(),
        retryable=refusal.retryable,
        retry_after_seconds=retry_after,
        detail=known,
    )


def _without_none(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if value is not None}


def _retry_after(value: str | None) -> float | None:
    """Parse a `retry-after` header: seconds, or a date (RFC 9110 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value)) if value.strip().isdigit() else _seconds_until(value)
    except (ValueError, OverflowError):
        return None


def _seconds_until(value: str) -> float:
    when = parsedate_to_datetime(value)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _retry_after_in_message(text: str) -> float | None:
    found = _TRY_AGAIN.search(text)
    return float(found[1]) / (1000 if found[2] == "ms" else 1) if found else None
