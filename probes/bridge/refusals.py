"""Turns a bridge's refusals, and failed connections to it, into findings for any check of any probe.

A bridge refuses with an error code of the client protocol, and before the upgrade with an HTTP status. If the service
behind it is the cause, `detail` says why. At its native endpoint it passes the service's errors on as they are, and an
error of its own names its code in the message.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.client_protocol.endpoints import CLIENT_PATH, NATIVE_PATH
from bridge.client_protocol.errors import ClientCode
from bridge.client_protocol.native_errors import bridge_cause, bridge_code
from bridge.protocol.events.groups import SESSION_UPDATED
from bridge.protocol.refusals.lookup import (
    CLOSE_CODES,
    ERROR_CODES,
    HttpExchange,
    all_refusals,
    refusal_for_error,
    refusal_for_status,
)
from bridge.upstream.client_codes import client_code
from probes.problems import bridge
from probes.problems import bridge_codes as codes
from probes.runner.event_ids import is_own_request
from probes.runner.findings import evidence_of, headline
from probes.runner.network_checks import dial_failure, proxy_evidence
from probes.targets.bridge import EndpointKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.protocol.refusals.lookup import Refusal
    from bridge.transport.link import HandshakeRefused, LinkClosed
    from bridge.upstream.dial.errors import DialFailed
    from probes.runner.findings import CheckRow
    from probes.targets.bridge import BridgeTarget
    from reports.model import Evidence, Finding
    from reports.problem import Problem

#: Codes so general that the cause in `detail`, if there is one, decides.
_GENERAL = frozenset({ClientCode.SESSION_INITIALIZATION_FAILED, ClientCode.CONNECTION_LOST})
#: If the session never started, a lost upstream connection means that the upstream is unavailable.
_BEFORE_SESSION = {ClientCode.CONNECTION_LOST: ClientCode.UPSTREAM_UNAVAILABLE}
#: In a running session these refusals of the service are its errors, not a sign that the bridge can't reach it.
_BEFORE_READY = frozenset({ClientCode.UPSTREAM_UNAVAILABLE, ClientCode.CONNECTION_LOST})
#: Native errors by which some bridges report that they are reopening the session.
_NATIVE_LOST_CODES = frozenset({"session_not_ready", "session_not_restored"})
_DIAGNOSTIC_HEADERS = ("server", "via", "location", "retry-after", "www-authenticate")
_UNAUTHORIZED = 401
#: Close codes that our side sends because the bridge violated the WebSocket protocol.
_VIOLATIONS = frozenset({1002, 1003, 1007, 1009})

_BY_STATUS: Mapping[int, Problem] = {
    401: bridge.UNAUTHORIZED,
    403: bridge.FORBIDDEN,
    404: bridge.NOT_FOUND,
    503: codes.SERVER_BUSY,
    **dict.fromkeys((200, 204, 405, 426, 501), bridge.NOT_A_BRIDGE),
}
_OTHER_ENDPOINTS: Mapping[EndpointKind, tuple[str, str]] = {
    EndpointKind.CLIENT: ("If the bridge speaks the service's own events", NATIVE_PATH),
    EndpointKind.NATIVE: ("If the bridge speaks the client protocol", CLIENT_PATH),
}
_BY_CODE: Mapping[str, Problem] = {
    "UNAUTHORIZED": bridge.UNAUTHORIZED,
    "ORIGIN_NOT_ALLOWED": bridge.ORIGIN_NOT_ALLOWED,
    "SERVER_BUSY": codes.SERVER_BUSY,
}


def bridge_connection_failure(row: CheckRow, target: BridgeTarget, failed: DialFailed) -> Finding:
    """Return the finding for a connection to the bridge that failed."""
    return with_bridge_wording(dial_failure(row, target, failed))


def with_bridge_wording(finding: Finding) -> Finding:
    """Replace `base URL` in shared texts by `the bridge's URL`, which `--url` or `--bridge` names."""
    return replace(finding, cause=_replace_base_url(finding.cause), fix=_replace_base_url(finding.fix))


def _replace_base_url(text: str) -> str:
    return text.replace("the base URL", "the bridge's URL").replace("a base URL", "a bridge's URL")


def upgrade_refused(row: CheckRow, target: BridgeTarget, refused: HandshakeRefused) -> Finding:
    """Return the finding for an upgrade that got another response than 101."""
    body = _json_object(refused.body)
    error = body.get("error") if isinstance(body.get("error"), dict) else body
    code = bridge_code(error or {}) or str((error or {}).get("code") or "")
    message = str((error or {}).get("detail") or (error or {}).get("message") or "")
    start = code or ("" if message else _start(refused.body))
    evidence = [headline(target.secrets.excerpt(f"HTTP {refused.status} {start}".strip(), 120))]
    evidence += [evidence_of("message", target.secrets.excerpt(message, 300))] if message else []
    lower = [(name.lower(), value) for name, value in refused.headers]
    evidence += [
        evidence_of(name, target.secrets.excerpt(value, 200)) for name, value in lower if name in _DIAGNOSTIC_HEADERS
    ][:6]
    evidence += [evidence_of("token", "none sent")] if refused.status == _UNAUTHORIZED and target.token is None else []
    evidence += proxy_evidence(target)
    problem = _BY_CODE.get(code.upper()) or _BY_STATUS.get(refused.status)
    if problem is bridge.NOT_FOUND:
        return row.problem(problem, *evidence, fix=_other_paths(target))
    if problem is not None:
        return row.problem(problem, *evidence)
    return with_bridge_wording(row.refused(refusal_for_status(HttpExchange.HANDSHAKE, refused.status, None), *evidence))


def _other_paths(target: BridgeTarget) -> str:
    """Return the fix for an unknown path: try the other endpoint, or give the whole path."""
    base = f"{target.endpoint.scheme}://{target.endpoint.authority}"
    condition, path = _OTHER_ENDPOINTS[target.endpoint_kind]
    return f"{condition}: sherpa-probe bridge --url {base}{path}\nIf it uses another path, give the whole path in --url"


def connection_closed(row: CheckRow, target: BridgeTarget, closed: LinkClosed) -> Finding:
    """Return the finding for a socket that closed at the wrong time."""
    if not closed.by_peer and closed.code in _VIOLATIONS:
        violation = f"closed with {closed.code} after an invalid frame: {closed.reason}"
        return row.problem(bridge.BROKEN_FRAMES, headline(target.secrets.excerpt(violation, 200)))
    end = "the connection ended without a Close frame" if closed.code in (None, 1006) else f"close {closed.code}"
    shown = target.secrets.excerpt(f"{end} {closed.reason}".strip(), 200)
    meaning = CLOSE_CODES.get(closed.code or 1006)
    evidence = (headline(shown), *((evidence_of("means", meaning.title),) if meaning else ()))
    return row.problem(bridge.HUNG_UP, *evidence, fix=bridge.HUNG_UP.fix.replace("CODE", str(closed.code or 1006)))


#: What the reason of `session_closed` means.
_BY_REASON = {
    "draining": codes.SERVER_BUSY,
    "expired": codes.SESSION_EXPIRED,
    "budget": codes.BUDGET_EXHAUSTED,
    "max_duration": codes.CLIENT_TIME_OVER,
    "idle": codes.CLIENT_TIME_OVER,
}


def session_stopped(row: CheckRow, target: BridgeTarget, message: Mapping[str, Any], *, ready: bool) -> Finding:
    """Return the finding for a message that says why a session doesn't start or, if it was `ready`, why it ended."""
    error = message.get("error")
    if ready and isinstance(error, dict) and (code := bridge_code(error)) in _NATIVE_LOST_CODES:
        return row.problem(bridge.UPSTREAM_LOST, headline(target.secrets.excerpt(f"error {code}", 120)))
    kind = str(message.get("type"))
    if kind in SESSION_UPDATED:
        return row.problem(bridge.UPSTREAM_LOST, headline(f"{kind} of another session"))
    match kind:
        case "reconnecting" | "reconnected":
            reconnecting = target.secrets.excerpt(f"reconnecting: {message.get('reason') or 'no reason'}", 200)
            return row.problem(bridge.UPSTREAM_LOST, headline(reconnecting))
        case "session_closed":
            reason = str(message.get("reason"))
            problem = _BY_REASON.get(reason, bridge.UPSTREAM_LOST)
            return row.problem(problem, headline(target.secrets.excerpt(f"session_closed: {reason}", 120)))
    return bridge_error_finding(row, target, message, ready=ready)


def bridge_error_finding(
    row: CheckRow, target: BridgeTarget, message: Mapping[str, Any], *, ready: bool = False
) -> Finding:
    """Return the finding for an `error` of either endpoint; `ready`: whether the session was ready before."""
    inner = message.get("error")
    error: Mapping[str, Any] = inner if isinstance(inner, dict) else message
    code = str(error.get("code") or error.get("type") or "")
    if isinstance(inner, dict):
        own = bridge_code(error)
        if own is None:
            return _service_error_finding(row, target, error, ready=ready)
        code = own or code
    known = _client_code(code)
    detail = error.get("detail") if isinstance(error.get("detail"), dict) else {}
    reported = _client_code(str((detail or {}).get("cause") or bridge_cause(error)))
    cause = _BEFORE_SESSION.get(reported, reported) if known in _GENERAL and reported is not None else known
    problem = codes.BY_CLIENT_CODE.get(cause, codes.UNKNOWN_CODE) if cause is not None else codes.UNKNOWN_CODE
    return row.problem(problem, *_evidence(target, f"error {code}", error, detail))


def _service_error_finding(row: CheckRow, target: BridgeTarget, error: Mapping[str, Any], *, ready: bool) -> Finding:
    """Return the finding for an error of the service that a native endpoint passed on."""
    refusal = refusal_for_error(error)
    lead = f"error {error.get('code') or error.get('type') or ''}"
    if is_own_request(error):
        return row.refused(refusal, *_evidence(target, lead, error, None))
    code = client_code(refusal)
    if code in _BEFORE_READY:
        code = ClientCode.UPSTREAM_ERROR if ready else ClientCode.UPSTREAM_UNAVAILABLE
    problem = codes.BY_CLIENT_CODE[code]
    token = code is ClientCode.AUTHENTICATION_FAILED and target.token is not None
    return row.problem(
        problem,
        *_evidence(target, lead, error, {"upstream": error}),
        fix=f"{problem.fix}\nIf the bridge passes the client's token on as its key, use another token" if token else "",
    )


def _client_code(text: str) -> ClientCode | None:
    try:
        return ClientCode(text.upper())
    except ValueError:
        return None


def _evidence(
    target: BridgeTarget, lead: str, error: Mapping[str, Any], detail: Mapping[str, Any] | None
) -> tuple[Evidence, ...]:
    parts = [headline(target.secrets.excerpt(lead, 120))]
    if error.get("message"):
        parts.append(evidence_of("message", target.secrets.excerpt(str(error["message"]), 300)))
    fields = [f"{name} {value}" for name, value in (detail or {}).items() if isinstance(value, str | int | float)]
    if fields:
        parts.append(evidence_of("detail", target.secrets.excerpt(", ".join(fields[:8]), 300)))
    refusal = _behind(detail or {})
    if refusal is not None:
        parts.append(evidence_of("service", f"{refusal.title} (sherpa-probe explain {refusal.slug})"))
    return tuple(parts)


def _behind(detail: Mapping[str, Any]) -> Refusal | None:
    """Return the service's refusal that the bridge reports in `detail`, if it does."""
    upstream = detail.get("upstream")
    if isinstance(upstream, dict):
        inner = upstream.get("error")
        return refusal_for_error(inner if isinstance(inner, dict) else upstream)
    slug = detail.get("refusal")
    by_slug = next((refusal for refusal in all_refusals() if refusal.slug == slug), None)
    return by_slug or ERROR_CODES.get(str(detail.get("code"))) or CLOSE_CODES.get(_close_code(detail))


def _close_code(detail: Mapping[str, Any]) -> int:
    code = detail.get("closeCode")
    return code if isinstance(code, int) else -1


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _start(body: bytes) -> str:
    start = " ".join(body[:4096].decode(errors="replace").split())
    return "(a web page)" if start.lower().startswith(("<!doctype", "<html", "<?xml")) else start[:60]
