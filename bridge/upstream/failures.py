"""Why the upstream said no or went away, in the words of core and client: every cause by the one table of refusals.

What the upstream wrote is quoted without keys, tokens and control characters.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from bridge.core.events import Failure
from bridge.protocol.refusals.lookup import HttpExchange, refusal_for_close, refusal_for_error, refusal_for_status
from bridge.upstream.client_codes import client_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.protocol.refusals.lookup import Refusal
    from bridge.transport.link import HandshakeRefused, Headers, LinkClosed
    from bridge.upstream.dial.errors import DialFailed
    from bridge.upstream.rest import RestFailed, RestRefused
    from reports.redaction import Secret

#: So much of what the upstream wrote is passed on.
MAX_QUOTED_CHARS = 500
#: Keys, client secrets and login tokens, wherever they stand.
_TOKENS = re.compile(r"\b(?:(sk|ek|rk)[-_][\w*.-]{6,}|(Bearer) +\S+|(eyJ)[\w.-]{10,})")
_REQUEST_IDS = ("x-request-id", "apim-request-id")
#: "Please try again in 1.2s": rate limits of a session say so in words.
_TRY_AGAIN = re.compile(r"try again in (\d+(?:\.\d+)?)(ms|s)\b")
#: A longer wait is no wait.
_DAY_SECONDS = 86_400.0
#: Closes for what the peer sent: when we are the one who closes, they say nothing about us.
_VIOLATIONS = frozenset({1002, 1007, 1009})


class ConnectFailed(Exception):  # noqa: N818 - an outcome that callers expect
    """There is no upstream socket, and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class UpstreamClosed(Exception):  # noqa: N818 - an end is not always an error
    """The upstream session is over, and why. `reason` is a few plain words."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


def redact(text: str, *secrets: Secret) -> str:
    """Take keys and tokens out of a text, and whatever does not print; cut it to MAX_QUOTED characters."""
    for secret in secrets:
        text = secret.hide(text)
    text = _TOKENS.sub(lambda found: f"{found[1] or found[2] or found[3]}-…", text)
    return "".join(mark if mark.isprintable() else " " for mark in text[:MAX_QUOTED_CHARS])


def redact_json(value: Any, hide: Callable[[str], str]) -> Any:
    """Take keys and tokens out of every text of a JSON value."""
    match value:
        case str():
            return hide(value)
        case dict():
            return {name: redact_json(held, hide) for name, held in value.items()}
        case list():
            return [redact_json(held, hide) for held in value]
        case _:
            return value


def failure_from_error(error: Mapping[str, Any], hide: Callable[[str], str], **detail: Any) -> Failure:
    """Explain an error object: of an `error` event, or of a REST body."""
    said = error.get("message")
    text = said if isinstance(said, str) else ""
    code = error.get("code") or error.get("type")
    upstream_code = hide(code) if isinstance(code, str) else None
    return _failure(
        refusal_for_error(error), hide(text), retry_after=_in_words(text), detail={"code": upstream_code, **detail}
    )


def failure_from_close(end: LinkClosed, hide: Callable[[str], str], **detail: Any) -> Failure:
    """Explain how the socket ended. Nothing of it was asked for, so 1000 and 1001 are losses too."""
    detail = {"closeCode": end.code, **detail}
    if not end.by_peer and end.code in _VIOLATIONS:
        return upstream_unavailable("The upstream broke the WebSocket protocol.", **detail)
    code = 1006 if end.code is None else end.code
    return _failure(refusal_for_close(code, end.reason), hide(end.reason), detail=detail)


def failure_from_upgrade(
    refused: HandshakeRefused, hide: Callable[[str], str], *, azure: bool, **detail: Any
) -> Failure:
    """Explain an upgrade that was answered with something else than 101."""
    where = HttpExchange.AZURE_HANDSHAKE if azure else HttpExchange.HANDSHAKE
    return _of_status(where, refused.status, refused.headers, refused.body, hide, detail)


def failure_from_rest_refusal(refused: RestRefused, hide: Callable[[str], str], **detail: Any) -> Failure:
    """Explain a mint that was refused, or answered with something else than a secret."""
    if refused.missing:
        return upstream_unavailable(f"Minting was answered without {refused.missing}.", status=refused.status, **detail)
    said = refused.error.get("message")
    quoted = hide(said) if isinstance(said, str) else ""
    code = refused.error.get("code")
    detail = {"code": hide(code) if isinstance(code, str) else None, **detail}
    return _of_status(HttpExchange.REST, refused.status, refused.headers, refused.body, hide, detail, quoted)


def failure_from_network(failed: DialFailed | RestFailed, hide: Callable[[str], str], **detail: Any) -> Failure:
    """Explain why the upstream was not reached: name, TCP, proxy, TLS, or a broken upgrade."""
    message = f"The upstream cannot be reached: {hide(failed.detail)}."
    known = {"reason": str(failed.reason), **_without_none(detail)}
    return Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=True, detail=known)


def upstream_unavailable(message: str, *, retryable: bool = True, **detail: Any) -> Failure:
    """Say that the upstream is none, in words of our own."""
    return Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=retryable, detail=_without_none(detail))


def as_upstream_error(failure: Failure) -> Failure:
    """The same cause in a session that goes on: to the client it is an UPSTREAM_ERROR."""
    return replace(failure, code="UPSTREAM_ERROR")


def failure_reason(failure: Failure) -> str:
    """Give the first sentence of a failure, as a reason."""
    return failure.message.partition(".")[0]


def _of_status(
    where: HttpExchange,
    status: int,
    headers: Headers,
    body: bytes,
    hide: Callable[[str], str],
    detail: Mapping[str, Any],
    quoted: str = "",
) -> Failure:
    named = {name.lower(): value for name, value in reversed(headers)}
    request_id = next((hide(named[name]) for name in _REQUEST_IDS if name in named), None)
    return _failure(
        refusal_for_status(where, status, body),
        quoted,
        retry_after=_retry_after(named.get("retry-after")),
        detail={"status": status, "requestId": request_id, **detail},
    )


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
    """Read a `retry-after` header: seconds, or a date (RFC 9110 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value)) if value.strip().isdigit() else _seconds_until(value)
    except (ValueError, OverflowError):
        return None


def _seconds_until(value: str) -> float:
    wanted = parsedate_to_datetime(value)
    wanted = wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC)
    return max(0.0, (wanted - datetime.now(UTC)).total_seconds())


def _in_words(text: str) -> float | None:
    found = _TRY_AGAIN.search(text)
    return float(found[1]) / (1000 if found[2] == "ms" else 1) if found else None
